"""What a pool is told when it is built; the same for all of its actors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from bountyexpo.runtime import Actor, Context
from bountyexpo.supervisors._restart_window import CrashPolicy

if TYPE_CHECKING:
    from bountyexpo.runtime import Clock

K = TypeVar("K")

Factory: TypeAlias = Callable[[str, Context[K]], Actor[K]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig(Generic[K]):
    """Of which kind the actors are, how one is made, and what each may take.

    ``mailbox_max`` messages may wait for one actor; who is unused for ``idle_after_s`` is put away.
    """

    kind: str
    factory: Factory[K]
    clock: Clock
    mailbox_max: int = 1024
    idle_after_s: float = 600.0
    policy: CrashPolicy = field(default_factory=CrashPolicy)

    def __post_init__(self) -> None:
        if self.mailbox_max < 1 or self.idle_after_s <= 0:
            raise ValueError(f"pool {self.kind!r}: needs mailbox_max >= 1 and idle_after_s > 0")
