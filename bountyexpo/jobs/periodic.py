"""A job that runs by the clock, on one node of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.domain.ids import new_id
from bountyexpo.persistence import leases
from bountyexpo.supervisors import Job

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.actors.system import Actors
    from bountyexpo.persistence.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDependencies:
    """What jobs work with."""

    db: Pool
    actors: Actors


@dataclass(frozen=True, slots=True)
class Periodic:
    """What is done every ``every_s``. The body may run twice, so it repeats without harm."""

    name: str
    every_s: float
    body: Callable[[JobDependencies], Awaitable[None]]

    def job(self, dependencies: JobDependencies) -> Job:
        """Return it as a job; another node takes over when this one misses two periods."""
        lease = partial(leases.held, dependencies.db, self.name, new_id(), 2 * self.every_s)
        return Job(self.name, self.every_s, partial(self.body, dependencies), lease=lease)
