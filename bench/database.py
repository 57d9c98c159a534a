"""How fast the database path is on this machine, PostgreSQL included.

python -m bench.database
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import trio
from bountyexpo.domain.chat.events import ConversationRemoved
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.after_commit import AfterCommit
from bountyexpo.persistence.chat.journal import Journal
from bountyexpo.persistence.chat.messages import CommittedMessage, NewMessage
from bountyexpo.persistence.migrate import migrate
from bountyexpo.persistence.pool import Pool
from bountyexpo.sandbox.postgres import EmbeddedPostgres

# Name, value, unit, and the value that was aimed at.
Figure = tuple[str, float, str, float]

WORKERS = 64
SENDERS = 400
CONVERSATIONS = 100
WARM_UP_S = 1.0
MEASURE_S = 4.0

_READ = "select id, kind, last_seq from conversations where id = %s"


async def _rate(workers: int, work: Any) -> tuple[float, list[float]]:
    """Run ``work(worker, turn)`` in many tasks; return turns per second and their times in ms."""
    times: list[float] = []

    async def worker(number: int) -> None:
        turn = 0
        while True:
            began = trio.current_time()
            await work(number, turn)
            times.append((trio.current_time() - began) * 1000)
            turn += 1

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as workers_nursery:
            for number in range(workers):
                workers_nursery.start_soon(worker, number)
            await trio.sleep(WARM_UP_S)
            times.clear()
            began = trio.current_time()
            await trio.sleep(MEASURE_S)
            seconds, done = trio.current_time() - began, sorted(times)
            scope.cancel()
    return len(done) / seconds, done


async def _queries(_nursery: trio.Nursery, pool: Pool) -> list[Figure]:
    async def work(number: int, _turn: int) -> None:
        await pool.fetch_one(_READ, (ids[number],))

    rows = await pool.fetch("select id from conversations limit %s", (WORKERS,))
    ids = [row["id"] for row in rows]
    rate, times = await _rate(WORKERS, work)
    return [
        ("one-row select, 64 workers, pool of 10", rate, "queries/s", 15_000),
        ("one-row select, p99", times[int(len(times) * 0.99)], "ms", 20),
    ]


async def _decisions(_nursery: trio.Nursery, pool: Pool) -> list[Figure]:
    async def work(number: int, turn: int) -> None:
        async with pool.transaction() as tx:
            await tx.fetch_one("select 1 as one")
            event = ConversationRemoved(conversation_id=str(turn), reason="left")
            tx.event(event, of=str(number))

    rate, _ = await _rate(WORKERS, work)
    return [("transaction with one stream event", rate, "commits/s", 1_000)]


async def _messages(nursery: trio.Nursery, pool: Pool) -> list[Figure]:
    journal = Journal(pool, lambda _events: None)
    await nursery.start(journal.run)
    conversations = await pool.fetch("select id, created_by from conversations")

    async def work(number: int, turn: int) -> None:
        conversation = conversations[number % len(conversations)]
        await _durable(
            journal,
            NewMessage(
                id=new_id(),
                conversation_id=conversation["id"],
                expected_version=1,
                sender_id=conversation["created_by"],
                client_message_id=f"{number}-{turn}",
                text="Thanks, I will be there at noon and bring the ladder.",
            ),
        )

    rate, times = await _rate(SENDERS, work)
    return [
        (f"durable messages, {SENDERS} senders", rate, "messages/s", 10_000),
        ("durable message, p99", times[int(len(times) * 0.99)], "ms", 100),
    ]


async def _durable(journal: Journal, message: NewMessage) -> None:
    """Return when the message is committed."""
    settled: list[CommittedMessage | Exception] = []
    is_settled = trio.Event()

    def settle(result: CommittedMessage | Exception) -> None:
        settled.append(result)
        is_settled.set()

    journal.submit(message, settle)
    await is_settled.wait()
    if isinstance(settled[0], Exception):
        raise settled[0]


async def _prepare(pool: Pool) -> None:
    await pool.execute(
        """with people as (
            insert into users (id, username)
            select gen_random_uuid(), 'bench' || i
            from generate_series(1, %s) i returning id
        )
        insert into conversations (id, kind, created_by) select gen_random_uuid(), 'group', id
        from people""",
        (CONVERSATIONS,),
    )


async def _measure(dsn: str) -> list[Figure]:
    figures: list[Figure] = []
    async with trio.open_nursery() as nursery:
        pool = Pool(dsn, AfterCommit(lambda _events: None, lambda: None), prepare=migrate)
        await nursery.start(pool.run)
        await pool.wait_ready()
        await _prepare(pool)
        for part in (_queries, _decisions, _messages):
            figures += await part(nursery, pool)
        nursery.cancel_scope.cancel()
    return figures


def run() -> list[Figure]:
    """Measure on a server of its own, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="bountyexpo-bench-"))
    server = EmbeddedPostgres(folder / "data")
    try:
        return trio.run(_measure, server.start())
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for name, value, unit, goal in run():
        print(f"{name:45} {value:10,.1f} {unit:12} goal {goal:,}")
