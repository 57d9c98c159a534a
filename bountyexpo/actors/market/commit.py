"""One command to a bounty in one transaction: rows, postings, events, notices and audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.market.effects import cancellations, disputes, record
from bountyexpo.actors.market.effects.tables import carry_out
from bountyexpo.domain.market import dispute
from bountyexpo.domain.market.bounty import Effect, Status
from bountyexpo.domain.market.bounty_time import IDLE
from bountyexpo.domain.market.events import BountyStatus
from bountyexpo.persistence.market import bounty_writes
from bountyexpo.persistence.market.bounty_writes import Mover

if TYPE_CHECKING:
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.transaction import Transaction


async def commit(tx: Transaction, step: Step) -> Rows:
    """Write what a step brings about; returns the rows as they will stand once it has committed.

    Raises:
        StaleVersion: the bounty is not at the version that was decided on.
        BountyExpoError: another machine refuses what the step would bring about.
    """
    before, rows, command = step.bounty, step.after, step.command
    await bounty_writes.lock(tx, before)
    is_of_dispute = isinstance(step.event, dispute.Event)
    if is_of_dispute:
        await disputes.write(tx, step)
    await carry_out(tx, step)
    # What is said in a dispute is no change of the bounty.
    is_untouched = is_of_dispute and rows.bounty is before
    if not is_untouched and step.event not in IDLE:
        alive = {"quiet_since": command.now, "quiet_notified_at": None}
        rows.bounty = msgspec.structs.replace(rows.bounty, **alive)
    has_moved = rows.bounty.status is not before.status
    if has_moved and before.status is Status.CANCELLATION_REQUESTED:
        for following in await cancellations.end(tx, step):
            await carry_out(tx, following)
    if not is_untouched:
        by = Mover(actor_id=command.actor_id, role=command.role, reason=command.reason)
        rows.bounty = await bounty_writes.save(tx, before, rows.bounty, by)
    if has_moved:
        tell_status(tx, step, before.status)
    await audited(tx, step)
    return rows


def tell_status(tx: Transaction, step: Step, previous: Status | None) -> None:
    """Tell the sides of the new status, and those whose application was decided by it."""
    bounty, earlier = step.after.bounty, step.before.applications
    decided = [
        row.hunter_id
        for row in step.after.applications.values()
        if row.id in earlier and row.status != earlier[row.id].status
    ]
    event = BountyStatus(
        id=bounty.id,
        bounty_id=bounty.id,
        status=bounty.status.value,
        previous_status=previous.value if previous else None,
        version=bounty.version,
    )
    tx.event(event, of=bounty.id, users=tuple(dict.fromkeys([*step.sides, *decided])))


async def audited(tx: Transaction, step: Step) -> None:
    """Leave one audit row for the command; some rules demand it by name."""
    if Effect.AUDIT not in step.decision.effects:
        await record.audit(tx, step)
