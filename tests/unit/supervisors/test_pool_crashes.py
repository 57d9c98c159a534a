"""What a pool does when an actor crashes, its rows change, or the database is away."""

from __future__ import annotations

import json

import pytest
import structlog
import trio
from bountyexpo.errors import (
    Conflict,
    Crashed,
    DatabaseUnavailable,
    InternalError,
    NotFound,
    PutAside,
    StaleVersion,
    Unavailable,
)
from bountyexpo.observability import logs
from trio.testing import wait_all_tasks_blocked

from tests.unit.supervisors.pool_actors import Add, Block, Crash, Later, Raise, Refuse, World


async def crash(pool, times: int = 1, actor_id: str = "a", *, text: str = "") -> None:
    for _ in range(times):
        with pytest.raises(Crashed):
            await pool.ref(actor_id).ask(Crash(text=text), timeout_s=50)


async def crash_loading(world: World, times: int) -> None:
    """Let an actor fail to load so often; who asks waits meanwhile."""
    world.load_errors += [ZeroDivisionError() for _ in range(times)]
    with pytest.raises(Unavailable):
        await world.pool.ref("a").ask(Add(), timeout_s=90)


async def test_crash_is_an_internal_error_with_its_cause() -> None:
    async with World().running() as pool:
        with pytest.raises(InternalError) as caught:
            await pool.ref("a").ask(Crash())
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        # The next try meets an actor that was loaded afresh.
        assert (caught.value.retryable, caught.value.retry_after_s) == (True, 1)


async def test_the_line_of_a_crash_names_the_actor_and_the_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO")
    async with World().running() as pool:
        with logs.bind(request_id="req_7"), pytest.raises(InternalError):
            await pool.ref("a").ask(Crash())
    structlog.reset_defaults()

    [line] = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert line["actor"].endswith(":a")
    assert line["request_id"] == "req_7"


async def test_what_follows_a_refused_ask_is_not_logged_as_its_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO")
    async with World().running() as pool, trio.open_nursery() as nursery:

        async def ask() -> None:
            with logs.bind(request_id="req_7"), pytest.raises(Conflict):
                await pool.ref("a").ask(Refuse())

        gate = trio.Event()
        pool.ref("a").tell(Block(until=gate))
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        pool.ref("a").tell(Refuse())
        gate.set()
    structlog.reset_defaults()

    [line] = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert line["event"] == "told message refused"
    assert "request_id" not in line


async def test_crash_drops_the_state_and_keeps_the_mail(autojump_clock) -> None:
    world = World()
    async with world.running() as pool:
        pool.ref("a").tell(Add(number=100))
        pool.ref("a").tell(Crash())
        pool.ref("a").tell(Add(number=1))

        assert await pool.ref("a").ask(Add(number=1)) == 2

    assert world.events[:2] == ["load a", "load a"]


async def test_who_crashed_is_loaded_at_once_for_the_next(autojump_clock) -> None:
    async with World().running() as pool:
        await pool.ref("a").ask(Add())
        await crash(pool)
        assert await pool.ref("a").ask(Add()) == 1
        assert trio.current_time() == 0


async def test_who_cannot_be_loaded_is_tried_again_after_a_growing_backoff(autojump_clock) -> None:
    world = World()
    world.load_errors = [ZeroDivisionError(), ZeroDivisionError()]
    async with world.running() as pool, trio.open_nursery() as nursery:
        nursery.start_soon(pool.ref("a").ask, Add())
        await trio.sleep(0.5)
        assert pool.statistics().waiting == ("a",)
        assert await pool.ref("a").ask(Add()) == 2
        assert 3 <= trio.current_time() <= 3.04


async def test_crash_leaves_other_actors_alone() -> None:
    async with World().running() as pool:
        await pool.ref("b").ask(Add())
        await crash(pool)
        assert await pool.ref("b").ask(Add()) == 2


async def test_a_message_that_crashes_again_and_again_is_put_aside(autojump_clock) -> None:
    async with World().running() as pool:
        await crash(pool, 3)

        with pytest.raises(PutAside):
            await pool.ref("a").ask(Crash())
        pool.ref("a").tell(Crash())
        assert await pool.ref("a").ask(Add()) == 1
        # Only that very message, and only of that actor.
        await crash(pool, text="another")
        await crash(pool, actor_id="b")
        assert pool.crashes == 5
        assert pool.statistics().quarantined == ()


async def test_what_was_put_aside_is_tried_again_later(autojump_clock) -> None:
    async with World().running() as pool:
        await crash(pool, 3)
        await trio.sleep(101)

        await crash(pool, 3)
        with pytest.raises(PutAside):
            await pool.ref("a").ask(Crash())


async def test_any_number_of_bad_messages_leaves_the_others_served(autojump_clock) -> None:
    async with World().running() as pool:
        for number in range(200):
            await crash(pool, text=f"x{number}")
            assert await pool.ref("a").ask(Add()) == 1
        assert trio.current_time() == 0


async def test_whatever_a_message_holds_it_is_known_again(autojump_clock) -> None:
    async with World().running() as pool:
        for text in ("\ud800", {"a": [float("nan")]}, {None: 1}, "x" * 1_000_000):
            await crash(pool, 3, text=text)
            with pytest.raises(PutAside):
                await pool.ref("a").ask(Crash(text=text))


async def test_too_many_crashes_of_loading_put_the_actor_into_quarantine(autojump_clock) -> None:
    world = World()
    async with world.running() as pool:
        await crash_loading(world, 3)

        assert pool.statistics().quarantined == ("a",)
        with pytest.raises(Unavailable):
            await pool.ref("a").ask(Add())
        node = pool.tree().children[0]
        assert (node.name, node.state) == ("summer:a", "quarantined")
        assert node.last_error == "ZeroDivisionError"
        assert await pool.ref("b").ask(Add()) == 1


async def test_quarantine_refuses_all_who_wait_at_once(autojump_clock) -> None:
    refused: list[float] = []
    world = World()
    async with world.running() as pool, trio.open_nursery() as nursery:

        async def ask(message) -> None:
            with pytest.raises(Unavailable):
                await pool.ref("a").ask(message, timeout_s=90)
            refused.append(trio.current_time())

        nursery.start_soon(ask, Later())
        await wait_all_tasks_blocked()
        world.load_errors = [ZeroDivisionError() for _ in range(3)]
        pool.ref("a").tell(Crash())
        nursery.start_soon(ask, Add())
        await trio.sleep(10)

        assert len(refused) == 2
        assert max(refused) < 4


async def test_quarantined_actor_keeps_what_it_was_told_and_is_tried_again(autojump_clock) -> None:
    world = World()
    async with world.running() as pool:
        await crash_loading(world, 3)
        pool.ref("a").tell(Add(number=7))
        await trio.sleep(101)

        assert pool.statistics().quarantined == ()
        assert await pool.ref("a").ask(Add(number=0)) == 7


async def test_crash_while_loading_keeps_the_asked_message(autojump_clock) -> None:
    world = World()
    world.load_errors = [ZeroDivisionError()]
    async with world.running() as pool:
        assert await pool.ref("a").ask(Add()) == 1
        assert pool.crashes == 1


async def test_stale_actor_reloads_and_tries_once_more() -> None:
    world = World()
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        world.stale_versions = 1

        assert await pool.ref("a").ask(Add()) == 1
        assert world.events == ["load a", "load a"]


async def test_version_that_stays_stale_is_told_to_the_asker() -> None:
    world = World()
    async with world.running() as pool:
        with pytest.raises(StaleVersion):
            await pool.ref("a").ask(Raise(error=StaleVersion()))
        assert world.events == ["load a", "raise", "load a", "raise"]
        assert pool.crashes == 0
        assert await pool.ref("a").ask(Add()) == 1


async def test_each_message_has_its_own_second_try() -> None:
    world = World()
    async with world.running() as pool, trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(StaleVersion):
                await pool.ref("a").ask(Raise(error=StaleVersion()))

        nursery.start_soon(ask)
        nursery.start_soon(ask)

    assert world.events.count("raise") == 4


async def test_unavailable_database_is_not_a_crash() -> None:
    world = World()
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        with pytest.raises(DatabaseUnavailable):
            await pool.ref("a").ask(Raise(error=DatabaseUnavailable()))

        assert pool.crashes == 0
        assert await pool.ref("a").ask(Add()) == 1, "the state was dropped"


async def test_refused_load_refuses_every_asker_with_an_error_of_its_own() -> None:
    errors: list[NotFound] = []
    world = World()
    world.load_errors = [NotFound("no such bounty")]
    async with world.running() as pool, trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(NotFound, match="no such bounty") as caught:
                await pool.ref("a").ask(Add())
            errors.append(caught.value)

        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()

        assert len(errors) == 2
        assert errors[0] is not errors[1]
        assert pool.statistics().live == 0, "what does not exist takes no room"


async def test_told_message_waits_until_loading_is_possible_again(autojump_clock) -> None:
    world = World()
    world.load_errors = [DatabaseUnavailable(), DatabaseUnavailable()]
    async with world.running() as pool:
        pool.ref("a").tell(Add(number=5))
        with pytest.raises(DatabaseUnavailable):
            await pool.ref("a").ask(Add(number=100))
        await trio.sleep(3)

        assert await pool.ref("a").ask(Add(number=0)) == 5
        assert pool.crashes == 0


async def test_told_message_to_what_does_not_exist_is_dropped() -> None:
    world = World()
    world.load_errors = [NotFound()]
    async with world.running() as pool:
        pool.ref("a").tell(Add(number=5))
        await wait_all_tasks_blocked()
        assert await pool.ref("a").ask(Add()) == 1


async def test_timer_of_a_busy_actor_does_not_put_it_away(autojump_clock) -> None:
    gate = trio.Event()
    world = World(idle_after_s=10)
    async with world.running() as pool:
        await pool.ref("a").ask(Add())
        pool.ref("a").tell(Block(until=gate))
        await trio.sleep(30)
        gate.set()
        assert await pool.ref("a").ask(Add()) == 2
        await trio.sleep(9)
        assert world.events == ["load a"]
        await trio.sleep(2)
        assert world.events == ["load a", "stop a"]
