"""What a pool promises to those who speak to its actors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio
from bountyexpo.errors import AskTimeout, Conflict, InternalError, MailboxFull, Unavailable
from bountyexpo.observability.metrics import REGISTRY
from bountyexpo.runtime import Message
from bountyexpo.supervisors import _pool
from trio.testing import wait_all_tasks_blocked

from tests.unit.supervisors.pool_actors import (
    MIDNIGHT,
    Add,
    Block,
    Fetch,
    Forget,
    Later,
    Refuse,
    Remind,
    World,
)


async def test_asked_message_is_answered() -> None:
    async with World().running() as pool:
        assert await pool.ref("a").ask(Add(number=2)) == 2
        assert await pool.ref("a").ask(Add(number=3)) == 5


async def test_told_messages_are_handled_in_order() -> None:
    async with World().running() as pool:
        for number in (1, 2, 3):
            pool.ref("a").tell(Add(number=number))

        assert await pool.ref("a").ask(Add(number=0)) == 6
        assert pool.handled == 4


async def test_many_messages_are_handled_in_one_activation() -> None:
    world = World()
    async with world.running() as pool:
        for _ in range(1000):
            pool.ref("a").tell(Add())
        assert await pool.ref("a").ask(Add()) == 1001

    assert world.events == ["load a"]


async def test_busy_actor_lets_others_run() -> None:
    async with World().running() as pool:
        for _ in range(1000):
            pool.ref("a").tell(Add())
        await pool.ref("b").ask(Add())

        assert pool.statistics().queued > 0


async def test_refusal_goes_to_the_asker_and_the_actor_lives_on() -> None:
    world = World()
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        with pytest.raises(Conflict):
            await pool.ref("a").ask(Refuse())

        assert await pool.ref("a").ask(Add()) == 2
        assert pool.crashes == 0


async def test_refusal_of_a_told_message_goes_nowhere() -> None:
    async with World().running() as pool:
        pool.ref("a").tell(Refuse())
        assert await pool.ref("a").ask(Add()) == 1


async def test_full_mailbox_refuses_at_once() -> None:
    gate = trio.Event()
    async with World(mailbox_max=2).running() as pool:
        pool.ref("a").tell(Block(until=gate))
        await wait_all_tasks_blocked()
        pool.ref("a").tell(Add())
        pool.ref("a").tell(Add())

        with pytest.raises(MailboxFull):
            pool.ref("a").tell(Add())
        with pytest.raises(MailboxFull):
            await pool.ref("a").ask(Add())
        assert await pool.ref("b").ask(Add()) == 1


async def test_ask_without_an_answer_ends_at_its_deadline(autojump_clock) -> None:
    async with World().running() as pool:
        started_at = trio.current_time()
        with pytest.raises(AskTimeout):
            await pool.ref("a").ask(Later(), timeout_s=3)

        assert 3 <= trio.current_time() - started_at <= 3.02


async def test_message_whose_asker_has_left_is_not_handled(autojump_clock) -> None:
    gate = trio.Event()
    async with World().running() as pool:
        pool.ref("a").tell(Block(until=gate))
        with pytest.raises(AskTimeout):
            await pool.ref("a").ask(Add(number=100), timeout_s=1)
        gate.set()

        assert await pool.ref("a").ask(Add()) == 1


async def test_cancelled_asker_leaves_and_harms_nobody() -> None:
    gate = trio.Event()
    async with World().running() as pool:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pool.ref("a").ask, Block(until=gate))
                await wait_all_tasks_blocked()
                scope.cancel()
        gate.set()

        assert await pool.ref("a").ask(Add()) == 1
        assert len([entry for entry in pool.wheel if entry.due]) == 1, "only the idle timer"


async def test_answer_can_be_given_later() -> None:
    world = World()
    async with world.running() as pool, trio.open_nursery() as nursery:
        answers: list[str] = []

        async def ask() -> None:
            answers.append(await pool.ref("a").ask(Later()))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert await pool.ref("a").ask(Add()) == 1, "the mailbox is free meanwhile"

        assert world.replies[0].send("at last") is True
        assert world.replies[0].send("again") is False
        await wait_all_tasks_blocked()
        assert answers == ["at last"]


async def test_reply_to_a_told_message_reaches_nobody() -> None:
    world = World()
    async with world.running() as pool:
        pool.ref("a").tell(Later())
        await wait_all_tasks_blocked()

        assert world.replies[0].send("x") is False
        assert world.replies[0].fail(Conflict()) is False


async def test_reply_put_off_by_nobody_is_an_internal_error() -> None:
    async with World().running() as pool:
        with pytest.raises(InternalError):
            await pool.ref("a").ask(Forget())


async def test_outcome_of_a_job_comes_back_while_the_mailbox_is_free() -> None:
    gate = trio.Event()
    results: list[str] = []

    async def job() -> str:
        await gate.wait()
        return "fetched"

    async with World().running() as pool, trio.open_nursery() as nursery:

        async def ask() -> None:
            results.append(await pool.ref("a").ask(Fetch(job=job)))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert await pool.ref("a").ask(Add()) == 1
        assert pool.statistics().jobs == 1
        gate.set()

    assert results == ["fetched"]


async def test_failed_job_is_told_as_an_outcome() -> None:
    async def job() -> str:
        await trio.lowlevel.checkpoint()
        raise OSError("no route")

    async with World().running() as pool:
        with pytest.raises(Conflict, match="no route"):
            await pool.ref("a").ask(Fetch(job=job))
        assert pool.crashes == 0


async def test_outcome_finds_an_actor_put_away_meanwhile(autojump_clock) -> None:
    async def job() -> str:
        await trio.sleep(100)
        return "fetched"

    world = World(idle_after_s=10)
    async with world.running() as pool:
        assert await pool.ref("a").ask(Fetch(job=job), timeout_s=200) == "fetched"

    assert world.events[:3] == ["load a", "stop a", "load a"]


async def test_outcome_that_cannot_be_told_harms_nobody() -> None:
    async with World().running() as pool:
        pool.start_job("a", trio.lowlevel.checkpoint, lambda _: 1 // 0)
        await wait_all_tasks_blocked()
        assert await pool.ref("a").ask(Add()) == 1


async def test_timer_tells_the_actor_in_time(autojump_clock) -> None:
    async with World().running() as pool:
        timer = await pool.ref("a").ask(Remind(after_s=5))
        assert "Add" in repr(timer)
        await trio.sleep(4.9)
        assert await pool.ref("a").ask(Add(number=0)) == 0
        await trio.sleep(0.2)
        assert await pool.ref("a").ask(Add(number=0)) == 1


async def test_cancelled_timer_tells_nothing(autojump_clock) -> None:
    async with World().running() as pool:
        (await pool.ref("a").ask(Remind(after_s=5))).cancel()
        await trio.sleep(10)
        assert await pool.ref("a").ask(Add(number=0)) == 0


async def test_timer_wakes_an_actor_put_away_meanwhile(autojump_clock) -> None:
    world = World(idle_after_s=10)
    async with world.running() as pool:
        await pool.ref("a").ask(Remind(after_s=15))
        await trio.sleep(16)
        assert await pool.ref("a").ask(Add(number=0)) == 1

    assert world.events == ["load a", "stop a", "load a"]


async def test_actor_reads_the_clock_of_its_pool() -> None:
    moments = []
    world = World()
    async with world.running() as pool:
        inner = pool.config.factory

        def factory(actor_id, context):
            moments.append(context.now())
            return inner(actor_id, context)

        pool.config = replace(pool.config, factory=factory)
        await pool.ref("a").ask(Add())

    assert moments == [MIDNIGHT]


async def test_message_of_an_unknown_type_is_a_fault() -> None:
    class Strange(Message[Any, None], frozen=True, kw_only=True):
        pass

    async with World().running() as pool:
        with pytest.raises(InternalError) as caught:
            await pool.ref("a").ask(Strange())
        assert isinstance(caught.value.__cause__, TypeError)


async def test_pool_that_does_not_run_is_unavailable() -> None:
    pool = World().pool

    with pytest.raises(Unavailable):
        pool.ref("a").tell(Add())
    with pytest.raises(Unavailable):
        await pool.ref("a").ask(Add())


async def test_picture_and_statistics_tell_the_state() -> None:
    gate = trio.Event()
    world = World()
    assert world.pool.tree().state == "stopped"
    async with world.running() as pool:
        pool.ref("a").tell(Block(until=gate))
        pool.ref("a").tell(Add())
        await pool.ref("b").ask(Add())
        statistics = pool.statistics()

        assert (statistics.live, statistics.busy, statistics.queued) == (2, 1, 1)
        assert pool.tree().mailbox_depth == 1
        assert repr(pool) == "<ActorPool summer running live=2>"
        assert "summer:a busy" in repr(next(iter(pool._active)))


async def test_the_wait_of_a_message_includes_the_loading_of_its_actor(
    autojump_clock, monkeypatch
) -> None:
    monkeypatch.setattr(_pool, "DRAINS_PER_SAMPLE", 1)

    def waits(what: str) -> float:
        name = f"actor_mailbox_wait_milliseconds_{what}"
        return REGISTRY.get_sample_value(name, {"actor": "summer"}) or 0.0

    world = World(load_s=2)
    before = waits("count"), waits("sum")
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        await pool.ref("a").ask(Add())

    assert waits("count") - before[0] == 2
    assert waits("sum") - before[1] == pytest.approx(2000)
