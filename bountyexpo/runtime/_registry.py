"""The one place that knows which kinds of actor exist and where each is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.runtime._ref import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.runtime._ref import Destination


class Registry:
    """Names ``(kind, id)`` to refs; each kind is registered once, when the tree is built."""

    __slots__ = ("_pools",)

    def __init__(self, *pools: Destination[Any]) -> None:
        self._pools: dict[str, Destination[Any]] = {}
        for pool in pools:
            self.add(pool)

    def __iter__(self) -> Iterator[Destination[Any]]:
        return iter(self._pools.values())

    def __repr__(self) -> str:
        return f"<Registry {' '.join(self._pools) or 'empty'}>"

    def add(self, pool: Destination[Any]) -> None:
        """Make the actors of ``pool`` reachable by name."""
        if pool.kind in self._pools:
            raise ValueError(f"actors of kind {pool.kind!r} are registered already")
        self._pools[pool.kind] = pool

    def pool(self, kind: str) -> Destination[Any]:
        """Return where actors of ``kind`` are reached."""
        try:
            return self._pools[kind]
        except KeyError:
            raise LookupError(f"no actors of kind {kind!r}") from None

    def ref(self, kind: str, actor_id: str) -> Ref[Any]:
        """Return the name of one actor."""
        return Ref(self.pool(kind), actor_id)
