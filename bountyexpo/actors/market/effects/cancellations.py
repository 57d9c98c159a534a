"""What becomes of cancellations: asked for, answered, taken back, disputed, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.amounts import share
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import RUNNING
from bountyexpo.domain.market.cancellation import MACHINE, Event, Facts, Status, agreed_split
from bountyexpo.persistence.market import cancellations
from bountyexpo.persistence.market.cancellations import NewCancellation
from bountyexpo.persistence.users import user_stats

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import AnyDecision, Step
    from bountyexpo.persistence.transaction import Transaction

# A request that came to nothing does not stand in the way of another.
_OVER: Final = frozenset({Status.REJECTED, Status.WITHDRAWN})


async def add(tx: Transaction, step: Step) -> list[Step]:
    """Ask for a cancellation; where nobody needs to agree, it is agreed at once."""
    bounty, rows, requester_id = step.bounty, step.after, step.actor_id
    assert requester_id is not None
    in_progress = bounty.status in RUNNING and not bounty.is_stale
    last = rows.cancellation
    decision = MACHINE.decide(
        None if last is None or last.status in _OVER else last.status,
        Event.REQUEST,
        Role.REQUESTER,
        Facts(
            needs_no_answer=not in_progress or bounty.is_for_honor,
            is_blameless=bounty.is_stale,
            has_text=bool(step.command.text),
        ),
    )
    if not decision.is_move:
        return []
    split = agreed_split(
        step.command.refund_percentage, in_progress=in_progress, requested_by=step.role
    )
    new = NewCancellation(
        id=new_id(),
        bounty_id=bounty.id,
        requester_id=requester_id,
        requester_role=step.role.value,
        reason=step.command.text or "",
        status=decision.state,
        refund_bps=split.poster_bps,
        refund_cents=share(bounty.amount_cents, split.poster_bps),
    )
    rows.cancellation = await cancellations.insert(tx, new)
    return [step.step(Event.REQUEST, decision, Role.REQUESTER)]


async def accept(tx: Transaction, step: Step) -> list[Step]:
    """The other side agrees."""
    return await _moved(tx, step, Event.ACCEPT, Role.RESPONDER)


async def reject(tx: Transaction, step: Step) -> list[Step]:
    """The other side does not agree, or an admin lets the work go on."""
    return await _moved(tx, step, Event.REJECT, Role.RESPONDER)


async def withdraw(tx: Transaction, step: Step) -> list[Step]:
    """Who asked for it takes it back, or nobody is left to answer."""
    is_system = step.role is Role.SYSTEM
    return await _moved(tx, step, Event.WITHDRAW, Role.SYSTEM if is_system else Role.REQUESTER)


async def dispute(tx: Transaction, step: Step) -> list[Step]:
    """An admin is to decide about it."""
    return await _moved(tx, step, Event.DISPUTE, Role.REQUESTER)


async def reopen(tx: Transaction, step: Step) -> list[Step]:
    """It waits for its answer again; the dispute was closed without a decision."""
    return await _moved(tx, step, Event.REOPEN, Role.SYSTEM)


async def resolve(tx: Transaction, step: Step, *, is_cancelled: bool) -> list[Step]:
    """Write what a dispute about it was decided to be; the money is moved by the dispute."""
    row = step.after.cancellation
    if row is None or row.status is not Status.DISPUTED:
        return []
    event = Event.RESOLVE_CANCELLED if is_cancelled else Event.RESOLVE_COMPLETED
    return await _moved(tx, step, event, Role.ADMIN)


async def end(tx: Transaction, step: Step) -> list[Step]:
    """Take back what waits for an answer; the bounty went on without it."""
    row = step.after.cancellation
    if row is None or row.status is not Status.PENDING:
        return []
    return await _moved(tx, step, Event.WITHDRAW, Role.SYSTEM)


async def count(tx: Transaction, step: Step) -> None:
    """Count it for who asked, once for each cancellation."""
    row = step.after.cancellation
    assert row is not None
    if await cancellations.count_once(tx, row.id):
        is_poster = row.requester_role == Role.POSTER
        await user_stats.count_cancellation(tx, row.requester_id, is_poster=is_poster)
    step.after.cancellation = msgspec.structs.replace(row, is_counted=True)


async def _moved(tx: Transaction, step: Step, event: Event, role: Role) -> list[Step]:
    row = step.after.cancellation
    if row is None:
        raise MACHINE.absent.raised(None)
    decision: AnyDecision = MACHINE.decide(row.status, event, role, Facts())
    if not decision.is_move:
        return []
    is_answer = role is Role.RESPONDER and step.actor_id in step.sides
    step.after.cancellation = await cancellations.advance(
        tx,
        row.id,
        decision.state,
        responder_id=step.actor_id if is_answer else None,
        response=step.command.text if is_answer else None,
    )
    return [step.step(event, decision, role)]
