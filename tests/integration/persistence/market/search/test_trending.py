"""What is trending is new, or well paid, and open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bountyexpo.persistence.market.search.trending import trending

from tests.integration.persistence.market.search.offers import Offers

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

HOUR = timedelta(hours=1)


async def test_the_new_and_the_well_paid_come_first(database: Pool) -> None:
    offers = await Offers(database).begin()
    for title, cents, hours in (
        ("New and cheap", 1_000, 0),
        ("A day old for honor", 0, 24),
        ("Three days old and dear", 90_000, 72),
        ("Three days old and cheap", 1_000, 72),
        ("A week old", 90_000, 24 * 7),
    ):
        await offers.offer(title, amount_cents=cents, age=hours * HOUR)
    await offers.offer("Not there any more", amount_cents=90_000)
    gone = "update bounties set status = 'cancelled' where title = 'Not there any more'"
    await database.execute(gone)

    found = await trending(database, None, datetime.now(UTC), 20)

    assert [(bounty.title, round(score)) for bounty, score in found] == [
        ("New and cheap", 101),
        ("A day old for honor", 62),
        ("Three days old and dear", 50),
        ("Three days old and cheap", 1),
    ]
    assert [bounty.title for bounty, _ in await trending(database, None, datetime.now(UTC), 1)] == [
        "New and cheap"
    ]
