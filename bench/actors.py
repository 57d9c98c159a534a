"""What actors cost: memory of an idle one, tells and asks per second.

Run as ``python -m bench.actors``. Each rate is the best of three, because other work on the
machine can only make it look worse.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from bountyexpo.runtime import Actor, Message, SystemClock
from bountyexpo.supervisors import ActorPool, PoolConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 3
IDLE_ACTORS = 20_000
BUSY_ACTORS = 1_000
BURST = 16
BURSTS = 20
ASKERS = 100
ASKS_EACH = 500


class Count(Message[Any, int], frozen=True, kw_only=True):
    """Count one."""


class Counter(Actor):
    """Counts what it was told."""

    kind = "counter"

    def __init__(self, actor_id: str, context: Any) -> None:
        super().__init__(actor_id, context)
        self.count = 0

    async def handle(self, message: Any) -> int:  # noqa: ARG002
        self.count += 1
        return self.count


COUNT = Count()


def make_ids(number: int) -> list[str]:
    return [f"00000000-0000-4000-8000-{index:012d}" for index in range(number)]


async def with_pool(measure: Callable[[ActorPool], Awaitable[float]]) -> float:
    pool = ActorPool(
        PoolConfig(kind="counter", factory=Counter, clock=SystemClock(), idle_after_s=3600)
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        result = await measure(pool)
        nursery.cancel_scope.cancel()
    return result


async def wait_until_handled(pool: ActorPool, number: int) -> None:
    while pool.handled < number:
        await trio.lowlevel.checkpoint()


async def idle_bytes(pool: ActorPool) -> float:
    """Activate many actors and weigh what stays, the entry in the pool included."""
    ids = make_ids(IDLE_ACTORS)
    pool.ref("warm-up").tell(COUNT)
    await wait_until_handled(pool, 1)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for start in range(0, IDLE_ACTORS, 1000):
        for actor_id in ids[start : start + 1000]:
            pool.ref(actor_id).tell(COUNT)
        await wait_until_handled(pool, 1 + start + 1000)
        await trio.testing.wait_all_tasks_blocked()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pool.statistics().live == IDLE_ACTORS + 1
    return (after - before) / IDLE_ACTORS


async def tell_rate(pool: ActorPool) -> float:
    """Tell every actor a burst, again and again, until all is handled."""
    refs = [pool.ref(actor_id) for actor_id in make_ids(BUSY_ACTORS)]
    for ref in refs:
        ref.tell(COUNT)
    await wait_until_handled(pool, BUSY_ACTORS)
    started = time.perf_counter()
    for round_number in range(1, BURSTS + 1):
        for ref in refs:
            for _ in range(BURST):
                ref.tell(COUNT)
        await wait_until_handled(pool, BUSY_ACTORS * (1 + round_number * BURST))
    return BUSY_ACTORS * BURST * BURSTS / (time.perf_counter() - started)


async def ask_rate(pool: ActorPool) -> float:
    """Many askers, each waiting for its answer before it asks again."""

    async def ask_often(actor_id: str) -> None:
        ref = pool.ref(actor_id)
        for _ in range(ASKS_EACH):
            await ref.ask(COUNT)

    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for actor_id in make_ids(ASKERS):
            nursery.start_soon(ask_often, actor_id)
    return ASKERS * ASKS_EACH / (time.perf_counter() - started)


def run() -> list[tuple[str, float, str, str]]:
    """Measure all; each row is name, value, unit, goal."""
    idle = min(trio.run(with_pool, idle_bytes) for _ in range(ROUNDS))
    tells = max(trio.run(with_pool, tell_rate) for _ in range(ROUNDS))
    asks = max(trio.run(with_pool, ask_rate) for _ in range(ROUNDS))
    return [
        ("idle actor", round(idle), "bytes", "<= 1024"),
        (f"tells, bursts of {BURST}", round(tells), "/s", ">= 500000"),
        (f"asks, {ASKERS} at once", round(asks), "/s", ""),
    ]


if __name__ == "__main__":
    for name, value, unit, goal in run():
        print(f"{name:28} {value:>12,} {unit:6} {goal}")
