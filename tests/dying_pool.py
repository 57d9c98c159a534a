"""The pool of a process that dies at a step of its own: no handler of ours runs any more."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bountyexpo.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


class Died(BaseException):
    """The process is gone."""


class DyingPool:
    """Dies at step ``at``, before what it does is committed or right ``after``.

    A step is a statement by itself or a transaction. The dead reach no database.
    """

    def __init__(self, pool: Pool, *, at: int, after: bool) -> None:
        self._pool = pool
        self._at = at
        self._dies_after = after
        self._steps = 0
        self.has_died = False

    async def fetch(self, sql, params=()):
        async with self.transaction() as tx:
            return await tx.fetch(sql, params)

    async def fetch_one(self, sql, params=()):
        async with self.transaction() as tx:
            return await tx.fetch_one(sql, params)

    async def execute(self, sql, params=()):
        async with self.transaction() as tx:
            return await tx.execute(sql, params)

    @asynccontextmanager
    async def transaction(self):
        if self.has_died:
            raise DatabaseUnavailable
        is_last = self._steps == self._at
        self._steps += 1
        async with self._pool.transaction() as tx:
            yield tx
            self._die_if(is_last and not self._dies_after)
        self._die_if(is_last and self._dies_after)

    def _die_if(self, condition: bool) -> None:
        if condition:
            self.has_died = True
            raise Died
