"""The place of one actor in its pool: mailbox, state, and the task that empties the mailbox.

Theory. An idle cell is an object. The first message puts it to work: the pool's nursery starts
one drain task, which handles everything queued and ends. So per actor there is at most one task,
one message at a time, and the cost of a task is shared by a burst.

    IDLE ──message──▶ BUSY ──mailbox empty──▶ IDLE ──idle time──▶ put away
                       │ load crashes          ▲
                       ├────▶ WAITING ──backoff┤      mail is kept
                       └────▶ QUARANTINED ─────┘      askers are refused, mail is kept

A message that crashes costs the state, which is loaded afresh for the next one, and its sender an
answer; repeated too often it is put aside (``CrashRecord``), and all others go on to be served.

The cell is its own entry on the pool's wheel: as IDLE it waits to be put away, as WAITING or
QUARANTINED to be tried again. It is also the ``Context`` that the actor sees.
"""

from __future__ import annotations

import copy
import enum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import trio
from structlog.contextvars import bind_contextvars

from bountyexpo.errors import BountyExpoError, Crashed, PutAside, StaleVersion, Unavailable
from bountyexpo.observability.logs import get_logger, work_for
from bountyexpo.runtime import Actor, Ask, Continuation, Mailbox, Reply
from bountyexpo.supervisors._crash_record import LOADING, CrashRecord, cause_of, message_of
from bountyexpo.supervisors._node import Node, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bountyexpo.runtime import Item, Message, Outcome, Timer, TimerWheel
    from bountyexpo.supervisors._outstanding import Outstanding
    from bountyexpo.supervisors._pool_config import PoolConfig

K = TypeVar("K")
T = TypeVar("T")

# After so many messages in a row a drain task lets other tasks run.
MESSAGES_PER_TURN = 64

log = get_logger(__name__)


class CellState(enum.Enum):
    """Where an actor stands."""

    IDLE = "idle"
    BUSY = "busy"
    WAITING = "waiting"
    QUARANTINED = "quarantined"


IDLE, BUSY, WAITING, QUARANTINED = CellState


class CellPool(Protocol[K]):
    """What a cell sees of its pool."""

    wheel: TimerWheel
    outstanding: Outstanding
    handled: int

    @property
    def config(self) -> PoolConfig[K]:
        """What is the same for all cells."""
        ...

    @property
    def is_stopping(self) -> bool:
        """Tell whether no new work may be put off."""
        ...

    def start(self, cell: Cell[K], body: Callable[[], Awaitable[None]]) -> None:
        """Put a cell to work.

        Raises:
            Unavailable: the pool has failed and is about to end.
        """
        ...

    def finished(self, cell: Cell[K]) -> None:
        """A cell's task ends; it stays active if it waits for something."""
        ...

    def forget(self, cell: Cell[K]) -> None:
        """Remove an idle cell; its id may come back at any time."""
        ...

    def wait_begins(self) -> float | None:
        """Return since when a message waits that finds its actor idle, if that is to be noted."""

    def note_wait(self, since: float) -> None:
        """Note how long a message has waited that is handled now."""

    def count_crash(self) -> None:
        """Count a crash of one of the actors."""
        ...

    def count_put_aside(self) -> None:
        """Count a message that is refused from now on, because it crashed an actor too often."""
        ...

    def start_timer(
        self, actor_id: str, seconds: float, message: Message[K, Any] | Continuation[K]
    ) -> Timer:
        """Tell the actor ``message`` in ``seconds``."""
        ...

    def start_job(
        self,
        actor_id: str,
        job: Callable[[], Awaitable[T]],
        then: Callable[[Outcome[T]], Continuation[K]],
    ) -> None:
        """Run ``job`` as a task of the pool and let the actor go on with its outcome."""
        ...


class Cell(Generic[K]):
    """One actor of a pool; its mailbox outlives the actor's crashes."""

    __slots__ = (
        "_actor",
        "_crashes",
        "_is_retry",
        "_last_used",
        "_pool",
        "_present",
        "_waits_since",
        "due",
        "id",
        "last_error",
        "mailbox",
        "state",
    )

    def __init__(self, actor_id: str, pool: CellPool[K]) -> None:
        self.id = actor_id
        self.state = IDLE
        self.mailbox = Mailbox(pool.config.mailbox_max)
        self.due = 0
        self.last_error: Exception | None = None
        self._pool = pool
        self._actor: Actor[K] | None = None
        self._crashes: CrashRecord | None = None
        self._last_used = 0.0
        # Since when the first message of the present drain waits.
        self._waits_since: float | None = None
        self._present: Item | None = None
        # Whether the first message in the queue has met a stale version before.
        self._is_retry = False

    def __repr__(self) -> str:
        return f"<{self.name} {self.state.value} {self.mailbox!r}>"

    @property
    def name(self) -> str:
        """The name of the actor in logs."""
        return f"{self._pool.config.kind}:{self.id}"

    # What the actor sees (``Context``).

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return self._pool.config.clock.now()

    def tell_self_after(self, seconds: float, message: Message[K, Any] | Continuation[K]) -> Timer:
        """Tell this actor ``message`` in ``seconds``."""
        return self._pool.start_timer(self.id, seconds, message)

    def defer(self) -> Reply:
        """Take over the answer to the present message."""
        ask = self._present if isinstance(self._present, Ask) else None
        # Who has given up meanwhile is owed nothing.
        if ask is not None and ask.is_waiting and not ask.is_deferred:
            self._pool.outstanding.owe_reply()
        return Reply(ask)

    def spawn(
        self,
        job: Callable[[], Awaitable[T]],
        then: Callable[[Outcome[T]], Continuation[K]],
    ) -> None:
        """Run ``job`` beside the mailbox."""
        self._pool.start_job(self.id, job, then)

    def settled_late(self) -> None:
        """A reply that was put off has been given, or nobody waits for it any more."""
        self._pool.outstanding.settle_reply()

    # What the pool does with it.

    def work(self) -> None:
        """Start the drain task."""
        self.state = BUSY
        self._waits_since = self._pool.wait_begins()
        self._pool.start(self, self.drain)

    async def drain(self) -> None:
        """Handle everything queued, then end."""
        bind_contextvars(actor=self.name)
        while self.state is BUSY and self.mailbox:
            actor = self._actor or await self._load()
            if actor is not None:
                if self._waits_since is not None:
                    self._pool.note_wait(self._waits_since)
                await self._handle_queued(actor)
        self._rest()

    async def retire(self) -> None:
        """Call the actor's ``stopped`` hook, then handle what came in meanwhile."""
        bind_contextvars(actor=self.name)
        actor = self._actor
        assert actor is not None, "only a loaded actor can be put away"
        try:
            await actor.stopped()
        except Exception:
            log.exception("actor failed while being put away")
        self._actor = None
        await self.drain()

    def put_away(self) -> None:
        """Let an idle actor go; the next message loads it afresh."""
        assert self.state is IDLE, "a busy actor cannot be put away"
        self._pool.wheel.discard(self)
        if self._actor is not None and type(self._actor).stopped is not Actor.stopped:
            self.state = BUSY
            self._pool.start(self, self.retire)
        else:
            self._pool.forget(self)

    def fire(self) -> None:
        """Be woken by the wheel."""
        if self.state is IDLE:
            left_s = self._last_used + self._pool.config.idle_after_s - trio.current_time()
            if left_s > 0:
                self._pool.wheel.add(self, left_s)
            else:
                self.put_away()
        elif self.state is not BUSY:
            if self.state is QUARANTINED and self._crashes is not None:
                self._crashes.forget(LOADING)
            self.work()

    def node(self) -> Node:
        """Return the picture of this actor."""
        return Node(
            name=self.name,
            kind="actor",
            state=self.state.value,
            restarts=len(self._crashes or ()),
            mailbox_depth=len(self.mailbox),
            last_error=describe(self.last_error),
        )

    async def _load(self) -> Actor[K] | None:
        try:
            actor = self._pool.config.factory(self.id, self)
            await actor.load()
        except BountyExpoError as error:
            self._refuse_queued(error)
        except Exception as error:  # noqa: BLE001 - any failure of an actor is a crash
            self._crashed_loading(error)
        else:
            self._actor = actor
            return actor
        return None

    async def _handle_queued(self, actor: Actor[K]) -> None:
        """Handle messages until none is queued or one of them fails."""
        queue = self.mailbox.open()
        handle = actor.handle
        handled = 0
        is_retry, self._is_retry = self._is_retry, False
        aside = self._crashes if self._crashes and self._crashes.has_any_aside else None
        try:
            while queue:
                item = self._present = queue.popleft()
                if aside and aside.is_aside(message_of(item), trio.current_time()):
                    self._refuse(item, PutAside())
                elif type(item) is Ask and item.is_waiting:
                    work_for(item.origin)
                    item.settle(await handle(item.message))
                    work_for(None)
                elif isinstance(item, Continuation):
                    await actor.continue_with(item)
                elif type(item) is not Ask:
                    await handle(item)
                handled += 1
                if not handled % MESSAGES_PER_TURN:
                    await trio.lowlevel.checkpoint()
        except Exception as error:  # noqa: BLE001 - any failure of an actor is a crash
            self._failed(item, error, is_retry=is_retry and not handled)
        finally:
            work_for(None)
            self._present = None
            self._pool.handled += handled

    def _failed(self, item: Item, error: Exception, *, is_retry: bool) -> None:
        """Tell a refusal from a crash, and rows that were changed from both."""
        if isinstance(error, StaleVersion):
            self._actor = None
            if is_retry:
                self._refuse(item, error)
            else:
                # Somebody else changed the rows: load afresh and handle the message once more.
                self._is_retry = True
                self.mailbox.put_back(item)
        elif isinstance(error, BountyExpoError):
            self._refuse(item, error)
        else:
            if isinstance(item, Ask):
                crashed = Crashed()
                crashed.__cause__ = error
                item.fail(crashed)
            self._crashed_on(item, error)

    def _refuse(self, item: Item, error: BountyExpoError) -> None:
        if isinstance(error, Unavailable):
            self._actor = None
        if isinstance(item, Ask):
            item.fail(error)
        else:
            log.warning("told message refused", message=type(item).__name__, error=describe(error))

    def _refuse_queued(self, error: BountyExpoError) -> None:
        """Loading was refused: so is every asker; what was told waits if that can help."""
        self.last_error = error
        self._is_retry = False
        is_passing = isinstance(error, Unavailable) and not self._pool.is_stopping
        for item in self.mailbox.take_all():
            if isinstance(item, Ask) or not is_passing:
                self._refuse(item, copy.copy(error))
            else:
                self.mailbox.put_own(item)
        if self.mailbox:
            self._wait(error.retry_after_s or 1)

    def _crashed_loading(self, error: Exception) -> None:
        """Keep the mail, and decide when to load again."""
        count, is_bearable = self._count_crash(LOADING, error)
        policy = self._pool.config.policy
        if not is_bearable:
            self._quarantine(policy.quarantine_s)
        elif not self._pool.is_stopping:
            self._wait(policy.backoff.delay_s(count))

    def _crashed_on(self, item: Item, error: Exception) -> None:
        """Drop the state, and put the message aside when it was too often; others go on."""
        message = message_of(item)
        cause = cause_of(message)
        _, is_bearable = self._count_crash(cause, error)
        # What an actor goes on with comes once.
        if not is_bearable and not isinstance(item, Continuation):
            assert self._crashes is not None, "a crash was counted"
            self._crashes.put_aside(cause, trio.current_time())
            self._pool.count_put_aside()
            log.error("message put aside", message=type(message).__name__, error=describe(error))

    def _count_crash(self, cause: bytes, error: Exception) -> tuple[int, bool]:
        self._actor = None
        self.last_error = error
        self._pool.count_crash()
        if self._crashes is None:
            self._crashes = CrashRecord(self._pool.config.policy)
        count, is_bearable = self._crashes.count(cause, trio.current_time())
        log.error("actor crashed", crashes=count, exc_info=error)
        return count, is_bearable

    def _wait(self, delay_s: float) -> None:
        self.state = WAITING
        self._pool.wheel.discard(self)
        self._pool.wheel.add(self, delay_s)

    def _quarantine(self, seconds: float) -> None:
        self.state = QUARANTINED
        log.error("actor quarantined", for_s=seconds, error=describe(self.last_error))
        self._pool.wheel.discard(self)
        self._pool.wheel.add(self, seconds)
        self._pool.outstanding.refuse_askers(self)

    def _rest(self) -> None:
        """The drain task ends: become idle, unless something is to be waited for."""
        self.mailbox.trim()
        if self.state is BUSY:
            self.state = IDLE
            self._last_used = trio.current_time()
            if self._actor is None and not self._crashes:
                self._pool.wheel.discard(self)
                self._pool.forget(self)
            elif not self.due:
                self._pool.wheel.add(self, self._pool.config.idle_after_s)
        self._pool.finished(self)
