"""What is counted for alarms: the sum of all accounts, which must be zero, and stuck webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.observability import metrics
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import ledger
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobRun

# How often it is looked.
EVERY_S = 60.0


async def check_books(run: JobRun) -> None:
    """Take the sum, for the alarm that watches it."""
    metrics.LEDGER_IMBALANCE_CENTS.set(await ledger.imbalance_cents(run.db))


async def count_waiting(run: JobRun) -> None:
    """Count the webhooks that nobody works on any more."""
    waiting = await inbox.waiting(run.db)
    for status in inbox.WAITING:
        metrics.WEBHOOKS_WAITING.labels(status).set(waiting.get(status, 0))


BOOKS = Periodic("books", Every(EVERY_S), check_books)
STUCK_WEBHOOKS = Periodic("stuck_webhooks", Every(EVERY_S), count_waiting)
