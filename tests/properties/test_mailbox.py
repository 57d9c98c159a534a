"""A mailbox against a plain list, and a whole pool against a plain sum."""

from __future__ import annotations

from typing import Any

import trio
from bountyexpo.errors import BountyExpoError, Conflict, MailboxFull
from bountyexpo.runtime import Actor, Mailbox, Message, SystemClock
from bountyexpo.supervisors import ActorPool, Backoff, CrashPolicy, PoolConfig
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from trio.testing import MockClock

from tests.repetition import tried

DEPTH_MAX = 4


class Number(Message[Any, int], frozen=True, kw_only=True):
    """A numbered message."""

    value: int


class MailboxMachine(RuleBasedStateMachine):
    """Every way in and out of a mailbox, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.mailbox = Mailbox(DEPTH_MAX)
        self.model: list[int] = []

    @rule(value=st.integers())
    def put(self, value: int) -> None:
        try:
            self.mailbox.put(Number(value=value))
        except MailboxFull:
            assert len(self.model) >= DEPTH_MAX
        else:
            assert len(self.model) < DEPTH_MAX
            self.model.append(value)

    @rule(value=st.integers())
    def put_own(self, value: int) -> None:
        self.mailbox.put_own(Number(value=value))
        self.model.append(value)

    @rule(value=st.integers())
    def put_back(self, value: int) -> None:
        self.mailbox.put_back(Number(value=value))
        self.model.insert(0, value)

    @precondition(lambda self: self.model)
    @rule()
    def take_one(self) -> None:
        assert self.mailbox.open().popleft().value == self.model.pop(0)

    @rule()
    def take_all(self) -> None:
        assert [item.value for item in self.mailbox.take_all()] == self.model
        self.model.clear()

    @rule()
    def trim(self) -> None:
        self.mailbox.trim()

    @invariant()
    def depth_is_known(self) -> None:
        assert len(self.mailbox) == len(self.model) == self.mailbox.statistics().depth
        assert bool(self.mailbox) is bool(self.model)


TestMailbox = MailboxMachine.TestCase


class Log(Actor):
    """Appends to a durable list; negative numbers crash it, zero is refused."""

    kind = "log"
    durable: list[int]

    async def load(self) -> None:
        await trio.lowlevel.checkpoint()

    async def handle(self, message: Any) -> int:
        await trio.lowlevel.checkpoint()
        if message.value < 0:
            raise ZeroDivisionError
        if message.value == 0:
            raise Conflict
        self.durable.append(message.value)
        return message.value


steps = st.lists(
    st.tuples(
        st.sampled_from(["tell", "ask", "sleep"]),
        st.sampled_from(["a", "b"]),
        st.integers(-1, 9),
    ),
    max_size=40,
)


@tried(30)
@given(steps)
def test_what_is_told_is_handled_once_in_order_and_every_asker_is_answered(script) -> None:
    durable: dict[str, list[int]] = {"a": [], "b": []}
    sent: dict[str, list[int]] = {"a": [], "b": []}
    answers: list[object] = []

    def factory(actor_id: str, context: Any) -> Log:
        actor = Log(actor_id, context)
        actor.durable = durable[actor_id]
        return actor

    async def ask(pool: ActorPool, actor_id: str, value: int) -> None:
        try:
            answers.append(await pool.ref(actor_id).ask(Number(value=value), timeout_s=10_000))
        except BountyExpoError as error:
            answers.append(error)

    async def main() -> int:
        policy = CrashPolicy(intensity=100, backoff=Backoff(jitter=0))
        config = PoolConfig(
            kind="log", factory=factory, clock=SystemClock(), idle_after_s=3, policy=policy
        )
        pool = ActorPool(config)
        asked = 0
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            for step, actor_id, value in script:
                if step == "sleep":
                    await trio.sleep(max(value, 0))
                    continue
                if value > 0:
                    sent[actor_id].append(value)
                if step == "tell":
                    pool.ref(actor_id).tell(Number(value=value))
                else:
                    asked += 1
                    nursery.start_soon(ask, pool, actor_id, value)
                    await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(1000)
            assert pool.statistics().queued == 0
            assert pool.statistics().live == 0, "all are put away in the end"
            pool.stop()
        return asked

    asked = trio.run(main, clock=MockClock(autojump_threshold=0))

    assert durable == sent
    assert len(answers) == asked
