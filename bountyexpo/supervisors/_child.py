"""One child in the hands of its supervisor: its spec and, while it runs, its life.

Each start begins a new life. A life is shielded from the cancellation of what surrounds the
supervisor: only the supervisor ends it, in the right order and within the child's deadline.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING

import trio

from bountyexpo.observability.logs import get_logger
from bountyexpo.supervisors._errors import root_cause
from bountyexpo.supervisors._node import Node, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.supervisors._child_spec import ChildSpec

log = get_logger(__name__)


class ChildState(enum.Enum):
    """Where a child stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """A restart failed; the next try waits for its time."""


class Life:
    """One run of a child, and the ``task_status`` that its start function sees."""

    __slots__ = ("_child", "ended", "error", "is_started", "is_stopping", "scope", "settled")

    def __init__(self, child: Child) -> None:
        self._child = child
        self.scope = trio.CancelScope(shield=True)
        self.settled = trio.Event()
        self.ended = trio.Event()
        self.is_started = False
        self.is_stopping = False
        self.error: Exception | None = None

    def started(self, _value: object = None) -> None:
        """Called by the child when it is ready."""
        self.is_started = True
        self.settled.set()
        self._child.state = ChildState.RUNNING
        self._child.attempts = 0


class Child:
    """A supervised child; all changes of state happen here."""

    __slots__ = (
        "_on_exit",
        "attempts",
        "last_error",
        "life",
        "restarts",
        "retry_at",
        "spec",
        "state",
    )

    def __init__(self, spec: ChildSpec, on_exit: Callable[[Child, Life], None]) -> None:
        self.spec = spec
        self.state = ChildState.STOPPED
        self.life: Life | None = None
        self.restarts = 0
        self.attempts = 0
        self.retry_at = math.inf
        self.last_error: Exception | None = None
        self._on_exit = on_exit

    def __repr__(self) -> str:
        return f"<Child {self.spec.id} {self.state.value} restarts={self.restarts}>"

    @property
    def id(self) -> str:
        """The id in its spec."""
        return self.spec.id

    @property
    def is_active(self) -> bool:
        """Tell whether a life is going on."""
        return self.life is not None and not self.life.ended.is_set()

    async def start(self, nursery: trio.Nursery) -> bool:
        """Start a new life and wait until it is ready; False when it failed first.

        A start function that returns without having been ready is OTP's ``ignore``: nothing runs
        and nothing is wrong.
        """
        assert not self.is_active, "a child has one life at a time"
        self.state = ChildState.STARTING
        self.retry_at = math.inf
        life = self.life = Life(self)
        nursery.start_soon(self._live, life, name=f"child {self.id}")
        await life.settled.wait()
        if life.is_started:
            return True
        if life.error is None:
            log.warning("child has nothing to do", child=self.id)
            return True
        log.error("child failed to start", child=self.id, error=describe(life.error))
        return False

    async def stop(self) -> None:
        """End the present life within the deadline of the spec; harmless when there is none."""
        self.retry_at = math.inf
        if self.is_active:
            assert self.life is not None
            await self._end(self.life)
        self.state = ChildState.STOPPED

    def retry_in(self, delay_s: float) -> None:
        """Note that the start failed and when to try again."""
        self.attempts += 1
        self.state = ChildState.RESTARTING
        self.retry_at = trio.current_time() + delay_s

    def node(self) -> Node:
        """Return the picture of this child and what is below it."""
        inner = self.spec.inspect() if self.spec.inspect is not None else None
        own_error = describe(self.last_error)
        return Node(
            name=self.id,
            kind=inner.kind if inner else self.spec.kind,
            state=inner.state if inner and self.is_active else self.state.value,
            restarts=self.restarts,
            mailbox_depth=inner.mailbox_depth if inner else 0,
            last_error=(inner.last_error if inner else None) or own_error,
            children=inner.children if inner else (),
        )

    async def _end(self, life: Life) -> None:
        life.is_stopping = True
        if self.state is ChildState.RUNNING and self.spec.stop and self.spec.shutdown_s != 0:
            grace_s = math.inf if self.spec.shutdown_s is None else self.spec.shutdown_s
            with trio.move_on_after(grace_s):
                self._ask_to_stop(life)
                await life.ended.wait()
        if not life.ended.is_set() and self.state is ChildState.RUNNING and self.spec.stop:
            log.warning("child did not stop in time", child=self.id)
        life.scope.cancel()
        await life.ended.wait()
        if life.error is not None:
            log.warning("child failed while stopping", child=self.id, error=describe(life.error))

    def _ask_to_stop(self, life: Life) -> None:
        assert self.spec.stop is not None
        try:
            self.spec.stop()
        except Exception:
            # A child that cannot even be asked is ended the hard way.
            log.exception("child cannot be asked to stop", child=self.id)
            life.scope.cancel()

    async def _live(self, life: Life) -> None:
        try:
            with life.scope:
                await self.spec.start(task_status=life)
        except Exception as error:  # noqa: BLE001 - the border where a child's failure becomes data
            life.error = self.last_error = root_cause(error)
        finally:
            life.ended.set()
            life.settled.set()
            if life.is_started and not life.is_stopping:
                self._on_exit(self, life)
            else:
                self.state = ChildState.STOPPED
