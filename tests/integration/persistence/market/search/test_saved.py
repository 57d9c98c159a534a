"""Saved searches, recent ones, and who is told of a new bounty."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.domain.search.questions import terms_of
from bountyexpo.errors import Conflict
from bountyexpo.jobs.market.search_alerts import tell_searchers
from bountyexpo.persistence.market.search import saved
from bountyexpo.persistence.market.search.saved import RECENT_MAX, SAVED_MAX, NewSearch
from bountyexpo.persistence.outbox import Effect
from bountyexpo.persistence.users import blocks

from tests.integration.persistence.market.search.offers import Offers, person

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


async def save(
    db: Pool,
    user_id: str,
    query: str = "sofa",
    *,
    name: str = "Mine",
    is_told: bool = True,
    **filters: Any,
) -> str:
    new = NewSearch(
        name=name,
        type="bounty",
        query=query,
        filters={},
        wanted=Filters(terms=terms_of(query), has_query=True, **filters),
        alerts_enabled=is_told,
    )
    async with db.transaction() as tx:
        return (await saved.save(tx, new_id(), user_id, new)).id


async def tell(db: Pool, bounty_id: str) -> None:
    effect = Effect(
        id=1,
        aggregate_type="bounty",
        aggregate_id=bounty_id,
        aggregate_version=1,
        type="search.alerts",
        payload={},
        recipients=(),
        attempts=1,
        created_at=datetime.now(UTC),
    )
    await tell_searchers(db, effect)


async def told(db: Pool) -> list[set[str]]:
    sql = "select recipients from notices where kind = 'search_alert' order by created_at"
    return [set(row["recipients"]) for row in await db.fetch(sql)]


async def test_whoever_looks_for_it_is_told_once(database: Pool) -> None:
    offers = await Offers(database).begin()
    anna, ben, cleo, dora = [await person(database) for _ in range(4)]
    await save(database, anna)
    await save(database, ben, "sofas", cents_min=500)
    await save(database, cleo, "sofa", is_told=False)
    await save(database, dora, "sofa")
    await save(database, offers.poster)
    await blocks.add(database, dora, offers.poster)
    bounty_id = await offers.offer("Carry a sofa")

    for _ in range(2):
        await tell(database, bounty_id)

    assert await told(database) == [{anna}]


async def test_nobody_is_told_of_one_search_again_too_soon(database: Pool) -> None:
    offers = await Offers(database).begin()
    anna = await person(database)
    search_id = await save(database, anna)
    first, second, third = [await offers.offer(f"Sofa {n}") for n in range(3)]

    await tell(database, first)
    await tell(database, second)
    earlier = "update saved_searches set last_notified_at = last_notified_at - interval '1 hour'"
    await database.execute(earlier)
    await tell(database, third)

    assert await told(database) == [{anna}, {anna}]
    [kept] = await saved.of_user(database, anna)
    assert kept.id == search_id
    assert kept.last_notified_at is not None


async def test_there_is_an_end_to_what_is_saved(database: Pool) -> None:
    anna = await person(database)
    for n in range(SAVED_MAX):
        await save(database, anna, name=f"Number {n}")

    with pytest.raises(Conflict):
        await save(database, anna, name="One more")
    await save(database, anna, "harp", name="Number 3")

    [first, *_] = await saved.of_user(database, anna)
    await saved.delete(database, first.id, await person(database))
    assert len(await saved.of_user(database, anna)) == SAVED_MAX
    await saved.delete(database, first.id, anna)
    assert len(await saved.of_user(database, anna)) == SAVED_MAX - 1


async def test_the_last_questions_are_remembered_each_once(database: Pool) -> None:
    anna = await person(database)
    for query in [*(f"question {n}" for n in range(RECENT_MAX + 2)), "QUESTION 5"]:
        async with database.transaction() as tx:
            await saved.note(tx, anna, "bounty", query, {})

    found = [row.query for row in await saved.recent(database, anna)]

    assert found == ["QUESTION 5", *(f"question {n}" for n in (11, 10, 9, 8, 7, 6, 4, 3, 2))]
    await saved.forget_recent(database, anna)
    assert await saved.recent(database, anna) == []
