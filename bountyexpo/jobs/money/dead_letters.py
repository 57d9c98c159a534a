"""Effects that nobody could carry out: people are to look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.money.findings import Finding
from bountyexpo.persistence.money import findings

if TYPE_CHECKING:
    from bountyexpo.persistence.outbox import Effect
    from bountyexpo.persistence.queries import Queries


async def tell_dead_letter(tx: Queries, effect: Effect, reason: str) -> None:
    """Leave a finding about what the effect was to change."""
    about = {"effect": effect.type, "outboxId": effect.id, "reason": reason}
    await findings.record(
        tx, Finding.EFFECT_DEAD, (effect.aggregate_type, effect.aggregate_id), about
    )
