"""The search index: what was written by others, and in how many bounties a word stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.jobs.periodic import Periodic
from bountyexpo.persistence.market.search import index as search_index
from bountyexpo.persistence.users import search as people
from bountyexpo.supervisors import Every

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.jobs.periodic import JobRun

EVERY_S: Final = 15.0

# Bounties or people in one transaction, changes of words in one, and transactions in one run.
ROWS_PART: Final = 200
CHANGES_PART: Final = 1_000
PARTS_MAX: Final = 200


async def keep_index(run: JobRun) -> None:
    """Index what is not, and count words anew; what is left is the next run's."""
    await _in_parts(run, search_index.renew, ROWS_PART)
    await _in_parts(run, people.renew, ROWS_PART)
    await _in_parts(run, search_index.add_up, CHANGES_PART)


async def _in_parts(run: JobRun, work: Callable[..., Awaitable[int]], part: int) -> None:
    for _ in range(PARTS_MAX):
        async with run.transaction() as tx:
            done = await work(tx, part)
        if done < part:
            break


SEARCH_INDEX = Periodic("search_index", Every(EVERY_S), keep_index)
