"""One process of a load run: reads its plan from standard input, writes what it counts.

    in   the plan, one line of JSON; later ``go <monotonic time>``
    out  {"kind": "ready"}, then {"kind": "second", …} every second, and at last {"kind": "end", …}

The clock is the machine's monotonic one, the same for all of its processes.
"""

from __future__ import annotations

import gc
import resource
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bountyexpo.load.client.connections import FleetFailed
from bountyexpo.load.plan import Plan
from bountyexpo.load.report.stats import Stats
from bountyexpo.load.scenarios.chat import Chat
from bountyexpo.load.scenarios.quiet_sockets import Connect, Idle
from bountyexpo.load.scenarios.reconnect import Reconnect
from bountyexpo.load.scenarios.rest import RestScenario
from bountyexpo.load.scenarios.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable


class Scenario(Protocol):
    """What a worker plays."""

    def prepare(self) -> None:
        """Get everything ready that is not measured."""

    def wait(self, seconds: float) -> None:
        """Stay alive while the other workers get ready."""

    def run(self, started: float) -> None:
        """Play it from this monotonic time on."""

    def finish(self) -> None:
        """Wait for what is late, and check that nothing is missing."""

    def facts(self) -> dict[str, float]:
        """Return figures that only the scenario knows."""


def story_scenario(plan: Plan, stats: Stats) -> Scenario:
    """Make the one scenario that needs whole client libraries; the others start without them."""
    from bountyexpo.load.scenarios.story import StoryScenario  # noqa: PLC0415

    return StoryScenario(plan, stats)


PLAYED_BY: dict[str, Callable[[Plan, Stats], Scenario]] = {
    "connect": Connect,
    "idle": Idle,
    "chat": Chat,
    "room": Room,
    "rest": RestScenario,
    "story": story_scenario,
    "reconnect": Reconnect,
}


def main() -> int:
    """Play the plan on standard input."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    raise_file_limit()
    try:
        play(plan)
    except FleetFailed as failure:
        emit({"kind": "problem", "text": str(failure)})
        return 1
    except OSError as error:
        emit({"kind": "problem", "text": f"{type(error).__name__}: {error}"})
        return 1
    return 0


def play(plan: Plan) -> None:
    """Prepare, wait for the word, run, and tell the end."""
    stats = Stats(emit)
    scenario = PLAYED_BY[plan.scenario](plan, stats)
    scenario.prepare()
    # What stands now stays: the collector need not look at it while times are taken.
    gc.collect()
    gc.freeze()
    emit({"kind": "ready"})
    word: list[float] = []
    threading.Thread(target=_hear_word, args=(word,), daemon=True).start()
    while not word or time.monotonic() < word[0]:
        scenario.wait(0.02)
    stats.begin(word[0])
    scenario.run(word[0])
    elapsed_s = time.monotonic() - word[0]
    scenario.finish()
    stats.flush(time.monotonic())
    emit(
        {
            "kind": "end",
            "elapsed": elapsed_s,
            "faults": stats.faults,
            "fault_count": stats.fault_count,
            "facts": scenario.facts(),
        }
    )


def emit(message: dict[str, Any]) -> None:
    """Write one line to whoever started this process."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def raise_file_limit() -> None:
    """Allow this process as many open files as the system does."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _hear_word(word: list[float]) -> None:
    line = sys.stdin.buffer.readline().split()
    word.append(float(line[1]) if len(line) == 2 else time.monotonic())


if __name__ == "__main__":
    sys.exit(main())
