"""What our supervisor does beyond OTP: trio's cancellation, exception groups, the picture."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.observability.metrics import SUPERVISOR_RESTARTS
from bountyexpo.supervisors import (
    ChildRefused,
    ChildSpec,
    Node,
    Restart,
    Strategy,
    Supervisor,
    SupervisorFailed,
)
from trio.testing import wait_all_tasks_blocked


async def idle(*, task_status) -> None:
    task_status.started()
    await trio.sleep_forever()


async def never_ready(*, task_status) -> None:
    await trio.sleep_forever()


def failing(error: BaseException, after_s: float = 1):
    async def start(*, task_status) -> None:
        task_status.started()
        await trio.sleep(after_s)
        raise error

    return start


async def test_root_that_fails_raises_out_of_run(autojump_clock) -> None:
    error = OSError("port in use")

    with pytest.raises(SupervisorFailed, match=r"'root'.*'edge'.*OSError: port in use") as caught:
        await Supervisor("root", [ChildSpec("edge", failing(error))], intensity=0).run()
    assert caught.value.__cause__ is error


async def test_group_of_one_is_reported_as_its_cause(autojump_clock) -> None:
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [OSError("gone")])])

    with pytest.raises(SupervisorFailed) as caught:
        await Supervisor("s", [ChildSpec("a", failing(group))], intensity=0).run()
    assert isinstance(caught.value.last_error, OSError)


async def test_group_of_several_stays_a_group(autojump_clock) -> None:
    group = ExceptionGroup("outer", [OSError("gone"), ValueError("odd")])

    with pytest.raises(SupervisorFailed) as caught:
        await Supervisor("s", [ChildSpec("a", failing(group))], intensity=0).run()
    assert caught.value.last_error is group


async def test_interrupt_goes_through_and_stops_everything(autojump_clock) -> None:
    children = [ChildSpec("a", idle), ChildSpec("b", failing(KeyboardInterrupt()))]

    with pytest.raises(BaseExceptionGroup) as caught:
        await Supervisor("s", children).run()
    assert caught.value.subgroup(KeyboardInterrupt) is not None


async def test_stop_during_the_start_ends_the_start() -> None:
    supervisor = Supervisor("s", [ChildSpec("a", idle), ChildSpec("b", never_ready)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await wait_all_tasks_blocked()
        assert [node.state for node in supervisor.which_children()] == ["running", "starting"]
        supervisor.stop()

    assert [node.state for node in supervisor.which_children()] == ["stopped", "stopped"]


async def test_child_whose_client_left_during_its_start_is_kept() -> None:
    gate = trio.Event()

    async def slow(*, task_status) -> None:
        await gate.wait()
        await idle(task_status=task_status)

    supervisor = Supervisor("s")
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as client:
                client.start_soon(supervisor.start_child, ChildSpec("slow", slow))
                await wait_all_tasks_blocked()
                scope.cancel()
        gate.set()
        await wait_all_tasks_blocked()
        assert supervisor.which_children()[0].state == "running"
        supervisor.stop()


async def test_supervisor_that_does_not_run_starts_nobody() -> None:
    supervisor = Supervisor("s")

    with pytest.raises(ChildRefused, match="not running"):
        await supervisor.start_child(ChildSpec("a", idle))


async def test_child_that_cannot_be_asked_to_stop_is_cancelled() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    supervisor = Supervisor("s", [ChildSpec("a", idle, stop=broken)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()

    assert supervisor.count_children().active == 0


async def test_failure_while_stopping_is_noted() -> None:
    async def clumsy(*, task_status) -> None:
        try:
            await idle(task_status=task_status)
        finally:
            raise OSError("broken pipe")

    supervisor = Supervisor("s", [ChildSpec("a", clumsy)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()

    assert supervisor.tree().last_error == "OSError: broken pipe"


async def test_two_faults_at_once_restart_the_group_once() -> None:
    gate = trio.Event()
    starts: list[str] = []

    def child(name: str) -> ChildSpec:
        async def start(*, task_status) -> None:
            starts.append(name)
            task_status.started()
            await gate.wait()
            if len(starts) <= 2:
                raise OSError
            await trio.sleep_forever()

        return ChildSpec(name, start)

    children = [child("a"), child("b")]
    supervisor = Supervisor("s", children, strategy=Strategy.ONE_FOR_ALL, intensity=1)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        gate.set()
        await wait_all_tasks_blocked()
        assert starts == ["a", "b", "a", "b"]
        assert supervisor.statistics().restarts == 1
        supervisor.stop()


async def test_supervisor_can_run_again_after_its_end() -> None:
    supervisor = Supervisor("s", [ChildSpec("a", idle)])
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            assert supervisor.count_children().active == 1
            supervisor.stop()


async def test_restarts_are_counted_for_the_dashboard(autojump_clock) -> None:
    supervisor = Supervisor("s", [ChildSpec("counted", failing(OSError(), 3))], intensity=9)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await trio.sleep(7)
        statistics = supervisor.statistics()
        supervisor.stop()

    assert SUPERVISOR_RESTARTS.labels("counted")._value.get() == 2
    assert (statistics.restarts, statistics.recent_restarts) == (2, 2)


async def test_picture_shows_the_whole_tree(autojump_clock) -> None:
    inner = Supervisor("inner", [ChildSpec("leaf", failing(OSError("oh"), 3))])
    root = Supervisor("root", [inner.as_child(restart=Restart.TRANSIENT)])
    async with trio.open_nursery() as nursery:
        await nursery.start(root.run)
        await trio.sleep(4)
        picture = root.tree()
        assert repr(root) == "<Supervisor root one_for_one running 1 active>"
        root.stop()

    assert picture.render() == (
        "root (supervisor one_for_one) running\n"
        "  inner (supervisor one_for_one) running restarts=0 last_error=OSError: oh\n"
        "    leaf (worker) running restarts=1 last_error=OSError: oh"
    ).replace("restarts=0 ", "")
    assert root.tree().state == "stopped"


def test_mail_is_part_of_the_picture() -> None:
    node = Node(name="users", kind="pool", state="running", mailbox_depth=3)

    assert node.render() == "users (pool) running mail=3"


@pytest.mark.parametrize("options", [{"intensity": -1}, {"period_s": 0}])
def test_senseless_window_is_refused(options) -> None:
    with pytest.raises(ValueError, match="intensity"):
        Supervisor("s", **options)


def test_two_children_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two children"):
        Supervisor("s", [ChildSpec("a", idle), ChildSpec("a", idle)])
