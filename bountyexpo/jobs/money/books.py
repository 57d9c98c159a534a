"""The sum of all accounts, which must be zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.observability import metrics
from bountyexpo.persistence.money import ledger
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobRun

# How often the sum is taken.
EVERY_S = 60.0


async def check_books(run: JobRun) -> None:
    """Take the sum, for the alarm that watches it."""
    metrics.LEDGER_IMBALANCE_CENTS.set(await ledger.imbalance_cents(run.db))


BOOKS = Periodic("books", Every(EVERY_S), check_books)
