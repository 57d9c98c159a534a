"""What a supervisor is told about a child. Names and meanings are OTP's."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.supervisors._node import Node


class Restart(enum.Enum):
    """When an ended child is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Only when it ended with an error."""
    TEMPORARY = "temporary"
    """Never; its spec is forgotten when it ends."""


class Strategy(enum.Enum):
    """Who else is restarted together with a child."""

    ONE_FOR_ONE = "one_for_one"
    """Nobody."""
    ONE_FOR_ALL = "one_for_all"
    """All the others."""
    REST_FOR_ONE = "rest_for_one"
    """Those started after it."""


class AutoShutdown(enum.Enum):
    """When the end of significant children ends their supervisor in good order."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


# How long a worker may take to stop unless its spec says otherwise.
SHUTDOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child: how to start it, when to restart it, how to stop it.

    ``start`` is called with a ``task_status`` keyword as by ``nursery.start``: it calls
    ``task_status.started()`` when the child is ready, and returns when the child is finished.
    ``stop`` asks a running child to finish in good order; whoever has not finished after
    ``shutdown_s`` is cancelled. Without ``stop``, or with ``shutdown_s`` 0, it is cancelled at
    once. Only a supervisor may take for ever (None): its children have deadlines of their own.
    """

    id: str
    start: Callable[..., Awaitable[None]]
    restart: Restart = Restart.PERMANENT
    shutdown_s: float | None = SHUTDOWN_S
    kind: Literal["worker", "supervisor"] = "worker"
    significant: bool = False
    stop: Callable[[], None] | None = None
    inspect: Callable[[], Node] | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a child needs an id")
        if not callable(self.start):
            raise TypeError(f"child {self.id!r}: start cannot be called")
        if self.kind not in {"worker", "supervisor"}:
            raise ValueError(f"child {self.id!r}: kind is worker or supervisor")
        if self.shutdown_s is not None and self.shutdown_s < 0:
            raise ValueError(f"child {self.id!r}: shutdown_s cannot be negative")
        if self.shutdown_s is None and self.kind == "worker":
            raise ValueError(f"child {self.id!r}: a worker needs a deadline to stop")
        if self.significant and self.restart is Restart.PERMANENT:
            raise ValueError(f"child {self.id!r}: a permanent child cannot be significant")
