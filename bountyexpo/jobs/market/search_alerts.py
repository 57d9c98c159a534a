"""Telling the owners of saved searches of a new bounty that they would find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.market.bounty import Status
from bountyexpo.domain.market.search.matching import matching, subject_of
from bountyexpo.domain.notices import Notice
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.market.search import saved

if TYPE_CHECKING:
    from bountyexpo.persistence.outbox import Effect
    from bountyexpo.persistence.pool import Pool

# Searches looked at in one go; others have their turn in between.
PART: Final = 500
# Nobody is told of one saved search more often.
PAUSE_S: Final = 3_600.0


async def tell_searchers(db: Pool, effect: Effect) -> None:
    """Tell whoever looks for a bounty like this one; an effect of the outbox.

    Repeating it tells nobody twice: a notice has a key, and a search that was told a pause.
    """
    bounty = await bounties.get(db, effect.aggregate_id)
    if bounty is None or bounty.status is not Status.OPEN:
        return
    subject = subject_of(bounty, status=bounty.status.value, amount_cents=bounty.amount_cents)
    after: str | None = None
    while alerts := await saved.with_alerts(db, after, PART):
        after = alerts[-1].id
        found_by = {*matching({alert.wanted for alert in alerts}, subject)}
        found = [alert.id for alert in alerts if alert.wanted in found_by]
        if not found:
            continue
        async with db.transaction() as tx:
            told = await saved.due(tx, found, bounty.poster_id, pause_s=PAUSE_S)
            if told:
                data = {"bountyId": bounty.id, "title": bounty.title}
                key = f"search:{bounty.id}:{after}"
                tx.notify(Notice.SEARCH_ALERT, told, data, dedupe_key=key)
