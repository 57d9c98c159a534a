"""What one side tells the other about the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.market.events import BountyProgress
from bountyexpo.persistence.market import updates

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.transaction import Transaction


async def add(tx: Transaction, step: Step) -> None:
    """Keep what was told, and tell both sides."""
    bounty_id, author_id, new = step.bounty.id, step.actor_id, step.command.update
    assert author_id is not None
    assert new is not None
    row = await updates.insert(tx, bounty_id, author_id, new)
    step.after.update = row
    event = BountyProgress(
        bounty_id=bounty_id,
        update_id=row.id,
        author_id=author_id,
        message=row.message,
        created_at=row.created_at,
    )
    tx.event(event, of=bounty_id, users=step.sides)
