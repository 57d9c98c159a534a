"""Forgetting what has served its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.persistence import idempotency, inbox, job_runs, outbox, streams
from bountyexpo.supervisors import Cron

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.jobs.periodic import JobRun

# Deleted once an hour, at this time: events of user streams (realtime §4.4),
# effects that were carried out, webhooks that did their work (operations §6), idempotency keys,
# runs of jobs.
AT = "7 * * * *"
STREAM_DAYS = 30
STREAM_EVENTS = 5_000
# Events deleted in one transaction, and parts of one run; the next run goes on.
STREAM_PART = 5_000
STREAM_PARTS_MAX = 200
EFFECT_DAYS = 7
WEBHOOK_DAYS = 90
RUN_DAYS = 14


async def prune(run: JobRun) -> None:
    """Delete what is old enough."""
    await in_parts(run, streams.prune)
    async with run.transaction() as tx:
        await outbox.prune(tx, EFFECT_DAYS)
    async with run.transaction() as tx:
        await inbox.prune(tx, WEBHOOK_DAYS)
    async with run.transaction() as tx:
        await idempotency.prune(tx)
    async with run.transaction() as tx:
        await job_runs.prune(tx, RUN_DAYS)


async def in_parts(run: JobRun, forget: Callable[..., Awaitable[int]]) -> None:
    """Delete events a part at a time; what is left is the next run's."""
    for _ in range(STREAM_PARTS_MAX):
        async with run.transaction() as tx:
            gone = await forget(tx, days=STREAM_DAYS, most=STREAM_EVENTS, part=STREAM_PART)
        if not gone:
            break


PRUNE = Periodic("prune", Cron(AT), prune)
