"""How idle actors are put away and how a pool stops: nothing is lost, nobody waits for ever."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.errors import AskTimeout, DatabaseUnavailable, Unavailable
from bountyexpo.runtime import DEFERRED, Actor, SystemClock
from bountyexpo.supervisors import ActorPool, PoolConfig, Supervisor
from trio.testing import wait_all_tasks_blocked

from tests.unit.supervisors.pool_actors import Add, Block, Crash, Fetch, Later, World


async def test_idle_actor_is_put_away(autojump_clock) -> None:
    world = World(idle_after_s=10)
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        await trio.sleep(10.1)

        assert pool.statistics().live == 0
        assert world.events == ["load a", "stop a"]


async def test_actor_in_use_is_not_put_away(autojump_clock) -> None:
    world = World(idle_after_s=10)
    async with world.running() as pool:
        for _ in range(4):
            await pool.ref("a").ask(Add())
            await trio.sleep(6)

    assert world.events == ["load a"]


async def test_message_during_putting_away_is_not_lost(autojump_clock) -> None:
    world = World(idle_after_s=10)
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        cell = pool._cells["a"]
        cell.put_away()

        assert await pool.ref("a").ask(Add(number=5)) == 5
    assert world.events == ["load a", "stop a", "load a"]


async def test_failing_hook_does_not_keep_an_actor(autojump_clock) -> None:
    world = World(idle_after_s=10)
    world.is_stopping_badly = True
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        await trio.sleep(11)
        assert pool.statistics().live == 0


async def test_actor_without_a_hook_is_put_away_without_a_task(autojump_clock) -> None:
    class Plain(Actor):
        kind = "plain"

        async def handle(self, message) -> int:
            return 1

    pool = ActorPool(PoolConfig(kind="plain", factory=Plain, clock=SystemClock(), idle_after_s=10))
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        assert await pool.ref("a").ask(Add()) == 1
        await trio.sleep(11)
        assert pool.statistics().live == 0
        nursery.cancel_scope.cancel()


async def test_stop_handles_what_is_queued_and_then_calls_the_hooks(autojump_clock) -> None:
    answers: list[int] = []
    world = World()
    async with trio.open_nursery() as nursery:
        await nursery.start(world.pool.run)
        world.pool.ref("b").tell(Add())
        gate = trio.Event()
        world.pool.ref("a").tell(Block(until=gate))

        async def ask() -> None:
            answers.append(await world.pool.ref("a").ask(Add(number=9)))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        world.pool.stop()
        assert world.pool.tree().state == "stopping"
        with pytest.raises(Unavailable):
            world.pool.ref("a").tell(Add())
        await trio.sleep(1)
        gate.set()

    assert answers == [9]
    assert sorted(world.events) == ["load a", "load b", "stop a", "stop b"]
    assert world.pool.statistics().live == 0


async def test_stop_waits_for_jobs_and_handles_their_outcome(autojump_clock) -> None:
    answers: list[str] = []

    async def job() -> str:
        await trio.sleep(3)
        return "fetched"

    world = World()
    async with trio.open_nursery() as nursery:
        await nursery.start(world.pool.run)

        async def ask() -> None:
            answers.append(await world.pool.ref("a").ask(Fetch(job=job)))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        world.pool.stop()

    assert answers == ["fetched"]


async def test_stop_waits_for_answers_that_were_put_off(autojump_clock) -> None:
    world = World()
    answers: list[object] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(world.pool.run)

        async def ask(timeout_s: float) -> None:
            try:
                answers.append(await world.pool.ref("a").ask(Later(), timeout_s=timeout_s))
            except AskTimeout:
                answers.append("too late")

        nursery.start_soon(ask, 60)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, 1)
        await wait_all_tasks_blocked()
        world.pool.stop()
        await trio.sleep(2)
        assert world.pool.tree().state == "stopping"
        world.replies[0].send("answered")

    assert answers == ["too late", "answered"]


async def test_nobody_is_owed_an_answer_that_was_put_off_after_he_left(autojump_clock) -> None:
    class Slow(Actor):
        kind = "slow"

        async def handle(self, message) -> object:
            await trio.sleep(3)
            self.context.defer()
            return DEFERRED

    pool = ActorPool(PoolConfig(kind="slow", factory=Slow, clock=SystemClock()))
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        with pytest.raises(AskTimeout):
            await pool.ref("a").ask(Add(), timeout_s=1)
        await trio.sleep(3)
        started_at = trio.current_time()
        pool.stop()

    assert trio.current_time() - started_at < 0.1


async def test_stop_does_not_wait_for_backoffs(autojump_clock) -> None:
    world = World()
    async with trio.open_nursery() as nursery:
        await nursery.start(world.pool.run)
        world.load_errors = [ZeroDivisionError()]
        world.pool.ref("a").tell(Add())
        await wait_all_tasks_blocked()
        started_at = trio.current_time()
        world.pool.stop()

    assert trio.current_time() == started_at
    assert world.pool.handled == 1


async def test_actor_that_keeps_crashing_does_not_hold_up_the_stop(autojump_clock) -> None:
    world = World()
    async with trio.open_nursery() as nursery:
        await nursery.start(world.pool.run)
        for _ in range(9):
            world.pool.ref("a").tell(Crash())
        world.pool.stop()

    assert world.pool.crashes == 3


async def test_absent_database_does_not_hold_up_the_stop(autojump_clock) -> None:
    world = World()
    world.load_errors = [DatabaseUnavailable(), DatabaseUnavailable()]
    async with trio.open_nursery() as nursery:
        await nursery.start(world.pool.run)
        world.pool.ref("a").tell(Add())
        await wait_all_tasks_blocked()
        world.pool.stop()


@pytest.mark.parametrize("message", [Later(), Add(), Block(until=trio.Event())])
async def test_whoever_still_waits_at_the_deadline_is_refused(autojump_clock, message) -> None:
    world = World()
    supervisor = Supervisor("s", [world.pool.as_child(shutdown_s=2)])
    refused_at: list[float] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        world.pool.ref("a").tell(Block(until=trio.Event()))
        if isinstance(message, Later):
            world.pool.ref("b").tell(Block(until=trio.Event()))

        async def ask() -> None:
            target = "c" if isinstance(message, Later) else "a"
            with pytest.raises(Unavailable):
                await world.pool.ref(target).ask(message, timeout_s=60)
            refused_at.append(trio.current_time())

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        supervisor.stop()

    assert refused_at == [pytest.approx(2)]


async def test_fault_of_the_pool_itself_refuses_everybody_and_is_restarted(autojump_clock) -> None:
    world = World()
    supervisor = Supervisor("s", [world.pool.as_child()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)

        async def ask() -> None:
            with pytest.raises(Unavailable):
                await world.pool.ref("a").ask(Later(), timeout_s=60)

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        world.pool._nursery.start_soon(trio.lowlevel.checkpoint, name="harmless")
        world.pool._log_context.run(world.pool._nursery.start_soon, fail)
        await wait_all_tasks_blocked()

        assert await world.pool.ref("a").ask(Add()) == 1
        node = supervisor.tree().children[0]
        assert (node.kind, node.restarts) == ("pool", 1)
        assert node.last_error == "ZeroDivisionError: not an actor's fault"
        supervisor.stop()


async def test_whoever_comes_between_the_fault_and_the_end_is_refused() -> None:
    world = World()
    async with world.running() as pool:
        serving = pool._nursery
        async with trio.open_nursery() as ended:
            pass
        pool._nursery = ended

        with pytest.raises(Unavailable):
            await pool.ref("a").ask(Add())
        with pytest.raises(Unavailable):
            pool.ref("b").tell(Add())

        pool._nursery = serving
        pool._active.clear()


async def fail() -> None:
    raise ZeroDivisionError("not an actor's fault")
