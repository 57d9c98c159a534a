"""``kill -9`` on both sides of the commit of every command of the market.

All commands are cut off at once, each about a bounty and people of its own: the process stops each
at the point, and dies when the last has come there. Whoever asks again with the same key gets an
answer, and it has happened once: to the row, the event and the cent as if nobody had been killed.

Those that pay a fee wait for each other before their commit, so each needs a process of its own to
be killed there: one of them has it here, and all of them in ``make soak``.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.access import EVENTS, GRANTS
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE

from tests.chaos.breakable import BreakableServer
from tests.chaos.market_commands import COMMANDS, OTHERS, PAYING, Ask, Life
from tests.integration.product.product import Product
from tests.integration.product.scene import Scene
from tests.patience import PATIENCE_S
from tests.repetition import repeated, times
from tests.server_process import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

areas.declare()

LIMIT_S = 240.0
# As many decisions are open at once.
POOL = {"DB_POOL_MAX": "60"}
MOMENTS = ("before", "after")
# Preparing is mostly waiting.
THREADS = 4

Sight: TypeAlias = dict[str, list[Any]]

# All that two people and their bounties have, in the order in which it came.
SIGHT = {
    "bounties": """
        select status, version, amount_cents, is_stale, hunter_id is null from app.bounties
        where id = any(%(bounties)s::uuid[]) order by created_at, id""",
    "history": """
        select to_status, aggregate_version, count(*) from app.bounty_status_history
        where bounty_id = any(%(bounties)s::uuid[]) group by 1, 2 order by 1, 2""",
    "rows": " union all ".join(
        f"select '{name}' as name, status, count(*) from app.{name}"
        " where bounty_id = any(%(bounties)s::uuid[]) group by 2"
        for name in (
            *("bounty_requests", "completion_submissions", "bounty_cancellations", "disputes"),
        )
    )
    + " order by 1, 2",
    "kept": " union all ".join(
        f"select '{name}' as name, count(*) from app.{name}"
        " where bounty_id = any(%(bounties)s::uuid[])"
        for name in ("bounty_updates", "bounty_hidden", "completion_ready", "ratings")
    )
    + " order by 1",
    "said": " union all ".join(
        f"select '{name}' as name, count(*) from app.{name} t"
        " join app.disputes d on d.id = t.dispute_id where d.bounty_id = any(%(bounties)s::uuid[])"
        for name in (
            *("dispute_comments", "dispute_evidence", "dispute_appeals", "dispute_resolutions"),
        )
    )
    + " order by 1",
    "escrows": """
        select round, amount_cents, state from app.escrows
        where bounty_id = any(%(bounties)s::uuid[]) order by amount_cents, round""",
    "accounts": """
        select kind, balance_cents, last_entry_seq from app.ledger_accounts
        where user_id = any(%(people)s::uuid[]) or bounty_id = any(%(bounties)s::uuid[])
        order by 1, 2, 3""",
    "transfers": """
        select t.kind, t.amount_cents, count(distinct t.id) from app.ledger_transfers t
        join app.ledger_entries e on e.transfer_id = t.id
        join app.ledger_accounts a on a.id = e.account_id
        where a.user_id = any(%(people)s::uuid[]) or a.bounty_id = any(%(bounties)s::uuid[])
        group by 1, 2 order by 1, 2""",
    "holds": "select kind, status from app.ledger_holds where user_id = any(%(people)s::uuid[])",
    "audit": """
        select action, count(*) from app.audit_log
        where category = 'bounty' and (target_id = any(%(bounties)s::text[]) or target_id in (
            select id::text from app.disputes where bounty_id = any(%(bounties)s::uuid[])))
        group by 1 order by 1""",
    "events": """
        select type, count(*) from app.stream_events
        where stream = any(%(streams)s) group by 1 order by 1""",
}


def sight(life: Life) -> Sight:
    """Everything that has happened between the two."""
    of = "select id::text from app.bounties where poster_id = %s"
    bounties = [row["id"] for row in life.product.rows(of, life.poster.id)]
    named = {
        "bounties": bounties,
        "people": [life.poster.id, life.hunter.id],
        "streams": [f"bounty:{each}" for each in bounties],
    }
    return {
        name: [tuple(row.values()) for row in life.product.session.execute(sql, named).fetchall()]
        for name, sql in SIGHT.items()
    }


class Case:
    """One command that is cut off, and what it would have been otherwise."""

    def __init__(self, name: str, moment: str, life: Life, whole: Sight) -> None:
        self.name, self.moment, self.life = name, moment, life
        self.key, self.whole = new_id(), whole
        self.ask: Ask = COMMANDS[name](life)
        self.before = sight(life)
        assert self.before != whole, name

    async def is_cut(self, client: httpx.AsyncClient) -> None:
        headers = {"authorization": f"Bearer {self.ask.by.token}", "idempotency-key": self.key}
        ask = client.request(self.ask.method, self.ask.path, json=self.ask.body, headers=headers)
        try:
            answer = await ask
        except httpx.TransportError:
            return
        raise AssertionError((self.name, answer.status_code, answer.text))

    def comes_again(self) -> None:
        """Look at what was left behind, and ask again with the same key."""
        left = self.before if self.moment == "before" else self.whole
        assert sight(self.life) == left, self.name
        first = self.life.send(self.ask, self.key)
        assert first.is_success, (self.name, first.status_code, first.text)
        assert sight(self.life) == self.whole, self.name
        again = self.life.send(self.ask, self.key)
        assert (again.status_code, again.json()) == (first.status_code, first.json()), self.name
        assert sight(self.life) == self.whole, self.name


@pytest.fixture
def product(module_dsn: str, tmp_path: Path) -> Iterator[Product]:
    server = BreakableServer(tmp_path / "data", DATABASE_URL=module_dsn, **POOL)
    found = Product(server, module_dsn)
    # Before several threads ask for it.
    assert found.session
    yield found
    found.close()


def prepared(product: Product) -> list[Case]:
    """Each command, about to be cut off on either side of its commit."""
    scene, admin = Scene(product), product.admin()
    alone = random.sample(PAYING, times(1, most=len(PAYING)))

    def prepare(name: str) -> list[Case]:
        twin = Life(scene, admin)
        answer = twin.send(COMMANDS[name](twin), new_id())
        assert answer.is_success, (name, answer.text)
        whole = sight(twin)
        moments = MOMENTS if name in alone or name not in PAYING else MOMENTS[1:]
        return [Case(name, moment, Life(scene, admin), whole) for moment in moments]

    with ThreadPoolExecutor(THREADS) as crowd:
        return [case for cases in crowd.map(prepare, COMMANDS) for case in cases]


def waves(cases: list[Case]) -> list[list[Case]]:
    """Who is cut off together."""
    before = [case for case in cases if case.moment == "before"]
    paying = [[case] for case in before if case.name in PAYING]
    paying[0] += [case for case in before if case.name not in PAYING]
    return [*paying, [case for case in cases if case.moment == "after"]]


def test_every_command_is_cut_off() -> None:
    routes = {name: getattr(CATALOGUE.get(name), "route", None) for name in GRANTS}
    writes = {name for name, route in routes.items() if route and route.method != "GET"}

    assert set(COMMANDS) == writes - OTHERS
    assert set(COMMANDS) >= set(EVENTS)


@repeated
async def test_it_happens_once(product: Product) -> None:
    server = product.server
    assert isinstance(server, BreakableServer)
    with trio.fail_after(LIMIT_S):
        async with running(server) as nursery:
            cases = await trio.to_thread.run_sync(prepared, product)
            for wave in waves(cases):
                await server.break_(f"cut {wave[0].moment} {len(wave)}")
                await cut_off(wave, product.url)
                await server.process.wait()
                await server.start(nursery)
                for case in wave:
                    await trio.to_thread.run_sync(case.comes_again)
            assert await trio.to_thread.run_sync(product.books_balance)


async def cut_off(wave: list[Case], url: str) -> None:
    """Let all of them ask at once, and hear nothing."""
    async with (
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, trust_env=False) as client,
        trio.open_nursery() as crowd,
    ):
        for case in wave:
            crowd.start_soon(case.is_cut, client)
