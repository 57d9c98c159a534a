"""What is written on the bounty itself: its terms, that it is stale, expired or hidden, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET

from bountyexpo.domain.machine import Role
from bountyexpo.domain.market import dispute
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.market.events import BountyUpdated
from bountyexpo.persistence.market import bounty_writes, overlays

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.transaction import Transaction

HUNTER_DELETED: Final = "hunter_deleted"
INACTIVE: Final = "inactive"


async def save_terms(tx: Transaction, step: Step) -> None:
    """Keep what the poster offers now."""
    terms, rows = step.command.terms, step.after
    assert terms is not None
    await bounty_writes.set_terms(tx, rows.bounty.id, terms)
    changes = msgspec.structs.asdict(terms)
    if terms.end_date != rows.bounty.end_date:
        # Of another end date the poster is told anew.
        changes["expiry_notified_at"] = None
    rows.bounty = msgspec.structs.replace(rows.bounty, **changes)
    _updated(tx, step)


async def save_notes(tx: Transaction, step: Step) -> None:
    """Keep the attachments and the note, which may change while the work goes on."""
    terms, rows = step.command.terms, step.after
    assert terms is not None
    note = terms.conditional_end_note
    await bounty_writes.set_notes(tx, rows.bounty.id, terms.attachments, note)
    rows.bounty = msgspec.structs.replace(
        rows.bounty, attachments=terms.attachments, conditional_end_note=note
    )
    _updated(tx, step)


async def mark_stale(tx: Transaction, step: Step) -> None:
    """Remember that the hunter is gone, or both are silent; the poster is to decide."""
    step.after.bounty = msgspec.structs.replace(
        step.after.bounty,
        is_stale=True,
        stale_reason=INACTIVE if step.event is Event.QUIET_TICK else HUNTER_DELETED,
        stale_detected_at=step.command.now,
    )
    _updated(tx, step)


async def stamp_expiry(tx: Transaction, step: Step) -> None:
    """Remember that the poster was told of the end date."""
    step.after.bounty = msgspec.structs.replace(
        step.after.bounty, expiry_notified_at=step.command.now
    )
    _updated(tx, step, is_expired=True)


async def stamp_quiet(_tx: Transaction, step: Step) -> None:
    """Remember that people were told that nothing happens."""
    step.after.bounty = msgspec.structs.replace(
        step.after.bounty, quiet_notified_at=step.command.now
    )


async def set_hidden(tx: Transaction, step: Step) -> None:
    """Put the bounty out of the lists of the one who acts, or back into them."""
    rows, user_id = step.after, step.actor_id
    assert user_id is not None
    is_hidden = step.decision.facts.is_hidden
    await overlays.set_hidden(tx, rows.bounty.id, user_id, is_hidden=is_hidden)
    rows.hidden_by = rows.hidden_by | {user_id} if is_hidden else rows.hidden_by - {user_id}


async def audit(tx: Transaction, step: Step) -> None:
    """Record who has done what, and why."""
    command, action, target = step.command, step.event.value, ("bounty", step.bounty.id)
    row = step.after.dispute
    if isinstance(step.event, dispute.Event) and row is not None:
        action, target = f"dispute.{action}", ("dispute", row.id)
    tx.audit(
        category="bounty",
        action=action,
        actor_id=command.actor_id,
        actor_role=command.role.value,
        target=target,
        severity="warning" if command.role is Role.ADMIN else "info",
        reason=command.text if command.role is Role.ADMIN else None,
        amount_cents=step.bounty.amount_cents or None,
    )


def _updated(tx: Transaction, step: Step, *, is_expired: bool = False) -> None:
    """Tell of a change under the same status: of an end date the poster, else both sides."""
    bounty = step.after.bounty
    event = BountyUpdated(
        id=bounty.id,
        bounty_id=bounty.id,
        status=bounty.status.value,
        version=step.bounty.version + 1,
        is_expired=is_expired or UNSET,
        is_stale=bounty.is_stale or UNSET,
    )
    tx.event(event, of=bounty.id, users=step.sides[:1] if is_expired else step.sides)
