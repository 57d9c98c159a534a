"""The behaviours that OTP documents for ``supervisor``, one case each: who is restarted, and when.

The order is that of the manual page (stdlib, ``supervisor``): strategies, restart kinds,
intensity and period, failed restarts; ``test_otp_control.py`` goes on with start and shutdown,
significant children, control functions. Where we differ on purpose, the name of the test says
what we do, and ``supervisors/_supervisor.py`` why.
"""

from __future__ import annotations

import pytest
import trio
from bountyexpo.supervisors import Strategy, Supervisor, SupervisorFailed

from tests.conformance.otp_stage import (
    NO_JITTER,
    PERMANENT,
    TEMPORARY,
    TRANSIENT,
    Boom,
    Stage,
    names,
)


@pytest.fixture
def stage() -> Stage:
    return Stage()


# Strategies.


@pytest.mark.parametrize(
    ("strategy", "crashed", "events"),
    [
        (Strategy.ONE_FOR_ONE, "a", "-a +a"),
        (Strategy.ONE_FOR_ONE, "b", "-b +b"),
        (Strategy.ONE_FOR_ALL, "a", "-a -c -b +a +b +c"),
        (Strategy.ONE_FOR_ALL, "b", "-b -c -a +a +b +c"),
        (Strategy.ONE_FOR_ALL, "c", "-c -b -a +a +b +c"),
        (Strategy.REST_FOR_ONE, "a", "-a -c -b +a +b +c"),
        (Strategy.REST_FOR_ONE, "b", "-b -c +b +c"),
        (Strategy.REST_FOR_ONE, "c", "-c +c"),
    ],
)
async def test_strategy_chooses_who_is_restarted_and_in_which_order(
    stage, autojump_clock, strategy, crashed, events
) -> None:
    async with stage.running(Supervisor("s", stage.specs("abc"), strategy=strategy)):
        assert await stage.crash(crashed) == events


# Restart kinds.


@pytest.mark.parametrize(
    ("restart", "how", "is_restarted", "is_kept"),
    [
        (PERMANENT, "exit", True, True),
        (PERMANENT, "crash", True, True),
        (TRANSIENT, "exit", False, True),
        (TRANSIENT, "crash", True, True),
        (TEMPORARY, "exit", False, False),
        (TEMPORARY, "crash", False, False),
    ],
)
async def test_restart_kind_decides_what_follows_an_end(
    stage, autojump_clock, restart, how, is_restarted, is_kept
) -> None:
    async with stage.running(Supervisor("s", [stage.spec("a", restart)])) as supervisor:
        events = await getattr(stage, how)("a")

        assert events == ("-a +a" if is_restarted else "-a")
        assert names(supervisor) == ("a" if is_kept else "")


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_temporary_child_stopped_for_a_sibling_is_not_restarted(
    stage, autojump_clock, strategy
) -> None:
    children = [stage.spec("a"), stage.spec("t", TEMPORARY), stage.spec("b")]
    async with stage.running(Supervisor("s", children, strategy=strategy)) as supervisor:
        assert await stage.crash("a") == "-a -b -t +a +b"
        assert names(supervisor) == "a b"


@pytest.mark.parametrize("strategy", Strategy)
async def test_crash_of_a_temporary_child_leaves_its_siblings_alone(
    stage, autojump_clock, strategy
) -> None:
    children = [stage.spec("a"), stage.spec("t", TEMPORARY), stage.spec("b")]
    async with stage.running(Supervisor("s", children, strategy=strategy)):
        assert await stage.crash("t") == "-t"


async def test_transient_child_stopped_for_a_sibling_is_restarted(stage, autojump_clock) -> None:
    children = [stage.spec("a"), stage.spec("t", TRANSIENT)]
    async with stage.running(Supervisor("s", children, strategy=Strategy.ONE_FOR_ALL)):
        assert await stage.crash("a") == "-a -t +a +t"


async def test_finished_transient_child_is_started_again_with_its_group(
    stage, autojump_clock
) -> None:
    children = [stage.spec("a"), stage.spec("t", TRANSIENT)]
    async with stage.running(Supervisor("s", children, strategy=Strategy.ONE_FOR_ALL)):
        assert await stage.exit("t") == "-t"
        assert await stage.crash("a") == "-a +a +t"


# Intensity and period.


async def test_as_many_restarts_as_the_intensity_are_allowed(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"), intensity=3, period_s=5)):
        for _ in range(3):
            assert await stage.crash("a") == "-a +a"


async def test_one_restart_more_than_the_intensity_ends_the_supervisor(
    stage, autojump_clock
) -> None:
    async with stage.running(Supervisor("s", stage.specs("ab"), intensity=1, period_s=5)):
        await stage.crash("a")
        assert await stage.crash("a") == "-a -b"

        assert stage.failure is not None
        assert (stage.failure.supervisor, stage.failure.child) == ("s", "a")
        assert isinstance(stage.failure.last_error, Boom)


async def test_intensity_zero_allows_no_restart(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"), intensity=0)):
        assert await stage.crash("a") == "-a"
        assert stage.failure is not None


async def test_restarts_of_all_children_count_together(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("ab"), intensity=1, period_s=5)):
        await stage.crash("a")
        await stage.crash("b")
        assert stage.failure is not None
        assert stage.failure.child == "b"


async def test_restart_of_a_group_counts_once(stage, autojump_clock) -> None:
    supervisor = Supervisor(
        "s", stage.specs("abc"), strategy=Strategy.ONE_FOR_ALL, intensity=2, period_s=5
    )
    async with stage.running(supervisor):
        await stage.crash("a")
        await stage.crash("b")
        assert stage.failure is None


@pytest.mark.parametrize(("pause_s", "fails"), [(4.9, True), (5.0, True), (5.1, False)])
async def test_restarts_older_than_the_period_do_not_count(
    stage, autojump_clock, pause_s, fails
) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"), intensity=1, period_s=5)):
        await stage.crash("a")
        await trio.sleep(pause_s)
        await stage.crash("a")
        assert (stage.failure is not None) is fails


async def test_normal_end_of_a_permanent_child_counts_too(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("a"), intensity=0)):
        await stage.exit("a")
        assert stage.failure is not None
        assert stage.failure.last_error is None


async def test_giving_up_stops_the_others_in_reverse_order(stage, autojump_clock) -> None:
    async with stage.running(Supervisor("s", stage.specs("abc"), intensity=0)):
        assert await stage.crash("b") == "-b -c -a"


async def test_supervisor_that_gave_up_is_restarted_by_its_own(stage, autojump_clock) -> None:
    inner = Supervisor("inner", stage.specs("ab"), intensity=0)
    async with stage.running(Supervisor("outer", [inner.as_child()])):
        assert await stage.crash("a") == "-a -b +a +b"
        assert stage.failure is None


async def test_failure_climbs_to_the_root_when_every_window_is_used_up(
    stage, autojump_clock
) -> None:
    inner = Supervisor("inner", stage.specs("a"), intensity=0)
    async with stage.running(Supervisor("outer", [inner.as_child()], intensity=0)):
        await stage.crash("a")

        assert stage.failure is not None
        assert stage.failure.child == "inner"
        assert isinstance(stage.failure.last_error, SupervisorFailed)


# Restarts that fail.


async def test_failed_restart_is_tried_again_after_a_backoff(stage, autojump_clock) -> None:
    supervisor = Supervisor("s", stage.specs("a"), intensity=9, period_s=99, backoff=NO_JITTER)
    async with stage.running(supervisor):
        stage.bad_starts["a"] = 2
        assert await stage.crash("a") == "-a !a"
        stage.log.clear()

        await trio.sleep(1.5)
        assert await stage.seen() == "!a"
        await trio.sleep(1.4)
        assert await stage.seen() == ""
        await trio.sleep(0.2)
        assert await stage.seen() == "+a"


async def test_failed_restart_counts_against_the_window(stage, autojump_clock) -> None:
    supervisor = Supervisor("s", stage.specs("a"), intensity=2, period_s=99, backoff=NO_JITTER)
    async with stage.running(supervisor):
        stage.bad_starts["a"] = 9
        await stage.crash("a")
        await trio.sleep(30)

        assert stage.failure is not None
        assert stage.bad_starts["a"] == 7


async def test_successful_start_ends_the_backoff(stage, autojump_clock) -> None:
    supervisor = Supervisor("s", stage.specs("a"), intensity=9, period_s=99, backoff=NO_JITTER)
    async with stage.running(supervisor):
        for _ in range(2):
            stage.bad_starts["a"] = 1
            await stage.crash("a")
            stage.log.clear()
            await trio.sleep(1.1)
            assert await stage.seen() == "+a"


async def test_other_children_are_restarted_while_one_waits_for_its_retry(
    stage, autojump_clock
) -> None:
    supervisor = Supervisor("s", stage.specs("ab"), intensity=9, period_s=99, backoff=NO_JITTER)
    async with stage.running(supervisor):
        stage.bad_starts["a"] = 1
        await stage.crash("a")
        assert await stage.crash("b") == "-b +b"


async def test_group_restart_that_fails_is_tried_again_from_the_failed_child(
    stage, autojump_clock
) -> None:
    supervisor = Supervisor(
        "s",
        stage.specs("abc"),
        strategy=Strategy.REST_FOR_ONE,
        intensity=9,
        period_s=99,
        backoff=NO_JITTER,
    )
    async with stage.running(supervisor):
        stage.bad_starts["b"] = 1
        assert await stage.crash("a") == "-a -c -b +a !b"
        stage.log.clear()
        await trio.sleep(1.1)
        assert await stage.seen() == "+b +c"


async def test_one_for_all_tries_the_whole_group_again(stage, autojump_clock) -> None:
    supervisor = Supervisor(
        "s",
        stage.specs("ab"),
        strategy=Strategy.ONE_FOR_ALL,
        intensity=9,
        period_s=99,
        backoff=NO_JITTER,
    )
    async with stage.running(supervisor):
        stage.bad_starts["b"] = 1
        assert await stage.crash("a") == "-a -b +a !b"
        stage.log.clear()
        await trio.sleep(1.1)
        assert await stage.seen() == "-a +a +b"
