"""What a noun's SQL needs of whoever runs it: the pool for reads, a transaction for decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    Parameters = Sequence[Any] | Mapping[str, Any]


class Queries(Protocol):
    """Anything that can run one statement; rows come back as dicts by column name."""

    async def fetch(self, sql: str, params: Parameters = ()) -> list[dict[str, Any]]:
        """Return every row."""

    async def fetch_one(self, sql: str, params: Parameters = ()) -> dict[str, Any] | None:
        """Return the first row, or None."""

    async def execute(self, sql: str, params: Parameters = ()) -> int:
        """Return the number of rows that changed."""


class Database(Queries, Protocol):
    """What runs statements, and several of them as one."""

    def transaction(self) -> AbstractAsyncContextManager[Queries]:
        """Open a unit of work."""
