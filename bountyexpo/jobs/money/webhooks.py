"""Stored webhooks, brought to their payments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bountyexpo.actors.money.provider_events import ProviderEvents
    from bountyexpo.persistence.pool import Pool

# Stored webhooks are looked for this often when nothing wakes the job.
EVERY_S = 2.0


async def process_webhooks(db: Pool, events: ProviderEvents) -> None:
    """Route what is due, while there is a database."""
    if db.is_ready:
        await events.process_due()
