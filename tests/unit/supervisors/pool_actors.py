"""A small kind of actor for the tests of pools: it remembers, refuses, crashes and waits."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import trio
from bountyexpo.errors import Conflict, StaleVersion
from bountyexpo.runtime import DEFERRED, Actor, Continuation, Message, Outcome
from bountyexpo.supervisors import ActorPool, Backoff, CrashPolicy, PoolConfig

from tests.fixed_clock import FixedClock

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = CrashPolicy(
    intensity=2,
    period_s=60,
    quarantine_s=100,
    backoff=Backoff(first_s=1, factor=2, max_s=8, jitter=0),
)


class Add(Message[Any, int], frozen=True, kw_only=True):
    """Add to the sum; the reply is the sum."""

    number: int = 1


class Refuse(Message[Any, None], frozen=True, kw_only=True):
    """Be refused."""


class Crash(Message[Any, None], frozen=True, kw_only=True):
    """Crash; ``text`` tells one from another."""

    text: Any = ""


class Raise(Message[Any, None], frozen=True, kw_only=True):
    """Raise this error each time."""

    error: Any


class Block(Message[Any, str], frozen=True, kw_only=True):
    """Hold the mailbox until the event is set."""

    until: Any


class Later(Message[Any, str], frozen=True, kw_only=True):
    """Be answered later; the actor keeps the reply in ``replies``."""


class Forget(Message[Any, None], frozen=True, kw_only=True):
    """Put the reply off but do not take it."""


class Fetch(Message[Any, str], frozen=True, kw_only=True):
    """Start a slow job and answer when it is done."""

    job: Any


@dataclass(frozen=True, slots=True)
class Fetched(Continuation[Any]):
    """The outcome of the job."""

    outcome: Outcome[Any]
    reply: Any


class Remind(Message[Any, Any], frozen=True, kw_only=True):
    """Tell yourself to add one in so many seconds; the reply is the timer."""

    after_s: float


class Summer(Actor):
    """Adds up, and does whatever else a test wants to see."""

    kind = "summer"

    def __init__(self, actor_id: str, context: Any, world: World) -> None:
        super().__init__(actor_id, context)
        self.world = world
        self.sum = 0

    async def load(self) -> None:
        self.world.events.append(f"load {self.id}")
        await trio.sleep(self.world.load_s)
        if self.world.load_errors:
            raise self.world.load_errors.pop(0)

    async def handle(self, message: Any) -> Any:  # noqa: C901 - a list of what tests ask for
        match message:
            case Add() if self.world.stale_versions:
                self.world.stale_versions -= 1
                raise StaleVersion
            case Add():
                self.sum += message.number
                return self.sum
            case Refuse():
                raise Conflict
            case Crash():
                raise ZeroDivisionError
            case Raise():
                self.world.events.append("raise")
                raise message.error
            case Block():
                await message.until.wait()
                return "unblocked"
            case Later():
                self.world.replies.append(self.context.defer())
                return DEFERRED
            case Forget():
                return DEFERRED
            case Fetch():
                reply = self.context.defer()
                self.context.spawn(
                    message.job, lambda outcome: Fetched(outcome=outcome, reply=reply)
                )
                return DEFERRED
            case Remind():
                return self.context.tell_self_after(message.after_s, Add())
        return await super().handle(message)

    async def continue_with(self, fetched: Fetched) -> None:
        outcome, reply = fetched.outcome, fetched.reply
        if outcome.error is None:
            reply.send(outcome.value)
        else:
            reply.fail(Conflict(str(outcome.error)))

    async def stopped(self) -> None:
        self.world.events.append(f"stop {self.id}")
        await trio.lowlevel.checkpoint()
        if self.world.is_stopping_badly:
            raise ZeroDivisionError


class World:
    """A pool of summers and what is seen of it."""

    def __init__(self, *, load_s: float = 0, **options: Any) -> None:
        self.load_s = load_s
        self.events: list[str] = []
        self.replies: list[Any] = []
        self.load_errors: list[Exception] = []
        self.stale_versions = 0
        self.is_stopping_badly = False
        options.setdefault("policy", POLICY)
        config = PoolConfig(
            kind="summer",
            factory=lambda actor_id, context: Summer(actor_id, context, self),
            clock=FixedClock(MIDNIGHT),
            **options,
        )
        self.pool = ActorPool(config)

    @asynccontextmanager
    async def running(self):
        async with trio.open_nursery() as nursery:
            await nursery.start(self.pool.run)
            yield self.pool
            nursery.cancel_scope.cancel()
