"""Forgetting what has served its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.persistence import idempotency, outbox, streams

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobDependencies

# Deleted once an hour: events of user streams (realtime §4.4), effects that were carried out,
# idempotency keys.
EVERY_S = 3_600.0
STREAM_DAYS = 30
STREAM_EVENTS = 5_000
EFFECT_DAYS = 7


async def prune(dependencies: JobDependencies) -> None:
    """Delete what is old enough."""
    db = dependencies.db
    await streams.prune(db, days=STREAM_DAYS, most=STREAM_EVENTS)
    await outbox.prune(db, EFFECT_DAYS)
    await idempotency.prune(db)


PRUNE = Periodic("prune", EVERY_S, prune)
