"""The behaviours that OTP documents for ``supervisor``: start, shutdown and control functions."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.supervisors import (
    AutoShutdown,
    ChildRefused,
    ChildSpec,
    Supervisor,
    SupervisorFailed,
)
from trio.testing import wait_all_tasks_blocked

from tests.conformance.otp_stage import NO_JITTER, TEMPORARY, TRANSIENT, Stage, names


@pytest.fixture
def stage() -> Stage:
    return Stage()


# Start and shutdown.


async def test_children_start_in_order_and_stop_in_reverse_order(stage, autojump_clock) -> None:
    supervisor = Supervisor("s", stage.specs("abc"))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        assert await stage.seen() == "+a +b +c"
        supervisor.stop()

    assert await stage.seen() == "-c -b -a"


async def test_cancellation_stops_children_in_reverse_order_too(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("abc"))):
        pass

    assert await stage.seen() == "-c -b -a"


async def test_child_that_fails_to_start_takes_the_supervisor_down(stage, autojump_clock) -> None:
    stage.bad_starts["c"] = 1

    with pytest.raises(SupervisorFailed, match=r"'c'.*c cannot start"):
        await Supervisor("s", stage.specs("abcd")).run()

    assert await stage.seen() == "+a +b !c -b -a"


async def test_child_with_nothing_to_do_is_ignored(stage, autojump_clock) -> None:
    async def nothing(*, task_status) -> None:
        await trio.lowlevel.checkpoint()

    children = [ChildSpec("idle", nothing), stage.spec("a")]
    async with stage.running(Supervisor("s", children)) as supervisor:
        assert names(supervisor) == "idle a"
        assert supervisor.count_children().active == 1
        assert supervisor.statistics().restarts == 0


class Slow:
    """A child that takes a while to stop in good order."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s
        self.asked = trio.Event()
        self.ended_how = ""

    async def run(self, *, task_status) -> None:
        task_status.started()
        self.ended_how = "cancelled"
        await self.asked.wait()
        await trio.sleep(self.takes_s)
        self.ended_how = "finished"

    def spec(self, shutdown_s: float) -> ChildSpec:
        return ChildSpec("slow", self.run, shutdown_s=shutdown_s, stop=self.asked.set)


@pytest.mark.parametrize(
    ("takes_s", "shutdown_s", "ended_how", "after_s"),
    [(2, 5, "finished", 2), (9, 5, "cancelled", 5), (2, 0, "cancelled", 0)],
)
async def test_child_has_its_shutdown_time_to_finish(
    stage, autojump_clock, takes_s, shutdown_s, ended_how, after_s
) -> None:
    child = Slow(takes_s)
    async with stage.running(Supervisor("s", [child.spec(shutdown_s)])) as supervisor:
        started_at = trio.current_time()
        await supervisor.terminate_child("slow")

        assert child.ended_how == ended_how
        assert trio.current_time() - started_at == pytest.approx(after_s)
        assert child.asked.is_set() is (shutdown_s > 0)


async def test_supervisor_may_take_for_ever_to_stop(stage, autojump_clock) -> None:
    child = Slow(3600)
    inner = Supervisor("inner", [child.spec(9999)])
    async with stage.running(Supervisor("outer", [inner.as_child()])):
        pass

    assert child.ended_how == "finished"


# Significant children.


@pytest.mark.parametrize(
    ("auto_shutdown", "ended", "is_over"),
    [
        (AutoShutdown.ANY_SIGNIFICANT, ["x"], True),
        (AutoShutdown.ANY_SIGNIFICANT, ["t"], True),
        (AutoShutdown.ANY_SIGNIFICANT, ["n"], False),
        (AutoShutdown.ALL_SIGNIFICANT, ["x"], False),
        (AutoShutdown.ALL_SIGNIFICANT, ["x", "t"], True),
        (AutoShutdown.ALL_SIGNIFICANT, ["x", "n"], False),
    ],
)
async def test_end_of_significant_children_shuts_the_supervisor_down(
    stage, autojump_clock, auto_shutdown, ended, is_over
) -> None:
    children = [
        stage.spec("a"),
        stage.spec("x", TRANSIENT, significant=True),
        stage.spec("t", TEMPORARY, significant=True),
        stage.spec("n", TRANSIENT),
    ]
    async with stage.running(Supervisor("s", children, auto_shutdown=auto_shutdown)):
        for child_id in ended:
            await stage.exit(child_id)

        assert stage.is_over is is_over
        assert stage.failure is None


async def test_crash_of_a_significant_transient_child_restarts_it(stage, autojump_clock) -> None:
    children = [stage.spec("x", TRANSIENT, significant=True)]
    supervisor = Supervisor("s", children, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    async with stage.running(supervisor):
        assert await stage.crash("x") == "-x +x"
        assert not stage.is_over


async def test_terminating_a_significant_child_by_hand_shuts_nothing_down(
    stage, autojump_clock
) -> None:
    children = [stage.spec("x", TRANSIENT, significant=True)]
    supervisor = Supervisor("s", children, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    async with stage.running(supervisor):
        await supervisor.terminate_child("x")
        await wait_all_tasks_blocked()
        assert not stage.is_over


def test_permanent_child_cannot_be_significant(stage) -> None:
    with pytest.raises(ValueError, match="permanent"):
        stage.spec("a", significant=True)


def test_significant_child_needs_a_supervisor_that_shuts_down(stage) -> None:
    with pytest.raises(ValueError, match="never shuts down"):
        Supervisor("s", [stage.spec("a", TRANSIENT, significant=True)])


# Control functions.


async def test_started_child_is_last_and_supervised(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"))) as supervisor:
        await supervisor.start_child(stage.spec("b"))

        assert names(supervisor) == "a b"
        assert await stage.crash("b") == "-b +b"


async def test_id_that_is_taken_is_refused(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"))) as supervisor:
        with pytest.raises(ChildRefused, match="already"):
            await supervisor.start_child(stage.spec("a"))


async def test_child_that_does_not_start_is_not_added(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"))) as supervisor:
        stage.bad_starts["b"] = 1
        with pytest.raises(ChildRefused, match="did not start"):
            await supervisor.start_child(stage.spec("b"))
        assert names(supervisor) == "a"


async def test_terminated_child_keeps_its_spec_and_is_not_restarted(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("ab"))) as supervisor:
        await supervisor.terminate_child("a")

        assert await stage.seen() == "-a"
        assert names(supervisor) == "a b"


async def test_terminated_temporary_child_is_forgotten(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", [stage.spec("t", TEMPORARY)])) as supervisor:
        await supervisor.terminate_child("t")
        assert names(supervisor) == ""


async def test_terminated_child_can_be_restarted(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"))) as supervisor:
        await supervisor.terminate_child("a")
        await supervisor.restart_child("a")

        assert await stage.seen() == "-a +a"
        assert await stage.crash("a") == "-a +a"


async def test_running_child_is_neither_restarted_nor_deleted(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"))) as supervisor:
        with pytest.raises(ChildRefused, match="running"):
            await supervisor.restart_child("a")
        with pytest.raises(ChildRefused, match="running"):
            await supervisor.delete_child("a")


async def test_child_between_two_tries_is_neither_restarted_nor_deleted(
    stage, autojump_clock
) -> None:
    supervisor = Supervisor("s", stage.specs("a"), intensity=9, backoff=NO_JITTER)
    async with stage.running(supervisor):
        stage.bad_starts["a"] = 1
        await stage.crash("a")
        with pytest.raises(ChildRefused, match="restarting"):
            await supervisor.restart_child("a")
        with pytest.raises(ChildRefused, match="restarting"):
            await supervisor.delete_child("a")


async def test_terminating_a_child_between_two_tries_ends_them(stage, autojump_clock) -> None:
    supervisor = Supervisor("s", stage.specs("a"), intensity=9, backoff=NO_JITTER)
    async with stage.running(supervisor):
        stage.bad_starts["a"] = 1
        await stage.crash("a")
        stage.log.clear()
        await supervisor.terminate_child("a")
        await trio.sleep(60)
        assert await stage.seen() == ""


async def test_restart_by_hand_that_fails_leaves_the_child_stopped(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"))) as supervisor:
        await supervisor.terminate_child("a")
        stage.bad_starts["a"] = 1
        with pytest.raises(ChildRefused, match="did not start"):
            await supervisor.restart_child("a")
        await supervisor.delete_child("a")
        assert names(supervisor) == ""


async def test_unknown_child_is_refused(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s")) as supervisor:
        for control in (
            supervisor.terminate_child,
            supervisor.restart_child,
            supervisor.delete_child,
        ):
            with pytest.raises(ChildRefused, match="no child"):
                await control("x")


async def test_children_are_counted_by_kind(stage, autojump_clock) -> None:
    inner = Supervisor("inner")
    children = [stage.spec("a"), stage.spec("t", TRANSIENT), inner.as_child()]
    async with stage.running(Supervisor("s", children)) as supervisor:
        await stage.exit("t")
        counts = supervisor.count_children()

    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (3, 2, 1, 2)


async def test_children_added_by_hand_are_lost_when_the_supervisor_is_restarted(
    stage, autojump_clock
) -> None:
    inner = Supervisor("inner", stage.specs("a"), intensity=0)
    async with stage.running(Supervisor("outer", [inner.as_child()])):
        await inner.start_child(stage.spec("b"))
        await stage.crash("a")
        assert names(inner) == "a"
