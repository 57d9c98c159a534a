"""Sign-ons are gathered while a statement runs, and nobody who waits is left behind."""

from __future__ import annotations

import random

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.operations import sign_on as gathered
from bountyexpo.operations.sign_on import BATCH_MAX, SignOns


class Database:
    """Knows everybody but ``nobody``; a statement takes a second."""

    def __init__(self):
        self.statements = []
        self.fails = False

    async def fetch(self, sql, params):
        self.statements.append(set(params["users"]))
        await trio.sleep(1)
        if self.fails:
            raise DatabaseUnavailable
        rows = [
            {"id": user, "status": "active", "conversations": [], "unread": 0}
            for user in params["users"]
            if user != "nobody"
        ]
        heads = {stream: [1, "e1"] for stream in params["streams"]}
        return [{**row, "heads": None} for row in rows] + [{"id": None, "heads": heads}]


@pytest.fixture
def database():
    return Database()


async def test_one_alone_is_served_at_once(autojump_clock, database):
    found, heads = await SignOns(database).read("anna", ["user:anna"])

    assert found.status == "active"
    assert heads == {"user:anna": (1, "e1")}
    assert trio.current_time() == pytest.approx(1, abs=0.1)


async def test_who_waits_is_served_together(autojump_clock, database):
    reader, answers = SignOns(database), {}

    async def ask(user):
        answers[user], heads = await reader.read(user, [f"user:{user}"])
        assert list(heads) == [f"user:{user}"]

    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        for n in range(200):
            nursery.start_soon(ask, f"u{n}")
    await ask("nobody")

    assert len(answers) == 201
    assert answers["nobody"] is None
    assert trio.current_time() - started < 4.5
    assert max(map(len, database.statements)) <= BATCH_MAX
    assert reader._leaders == 0
    assert not reader._waiting


async def test_a_failure_reaches_everybody_who_waited(autojump_clock, database):
    database.fails = True
    reader, failures = SignOns(database), []

    async def ask(n):
        try:
            await reader.read(f"u{n}", [])
        except DatabaseUnavailable:
            failures.append(n)

    async with trio.open_nursery() as nursery:
        for n in range(20):
            nursery.start_soon(ask, n)

    assert len(failures) == 20
    assert reader._leaders == 0


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_gives_up_leaves_the_rest_served(autojump_clock, database, seed, monkeypatch):
    monkeypatch.setattr(gathered, "BATCH_MAX", 3)
    chance = random.Random(seed)
    reader, served = SignOns(database), set()

    async def ask(n, comes_s, stays_s):
        await trio.sleep(comes_s)
        with trio.move_on_after(stays_s):
            await reader.read(f"u{n}", [])
            served.add(n)

    patient = set(range(0, 30, 3))
    async with trio.open_nursery() as nursery:
        for n in range(30):
            stays_s = 1000 if n in patient else chance.uniform(0, 4)
            nursery.start_soon(ask, n, chance.uniform(0, 6), stays_s)

    assert patient <= served
    assert reader._leaders == 0
    assert not reader._waiting
