"""The sum of all accounts, which must be zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.observability import metrics
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from bountyexpo.jobs.periodic import JobDependencies

# How often the sum is taken.
EVERY_S = 60.0


async def check_books(dependencies: JobDependencies) -> None:
    """Take the sum, for the alarm that watches it."""
    metrics.LEDGER_IMBALANCE_CENTS.set(await ledger.imbalance_cents(dependencies.db))


BOOKS = Periodic("books", EVERY_S, check_books)
