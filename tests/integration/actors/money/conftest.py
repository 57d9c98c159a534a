"""People and bounties with money, and what a step of theirs leaves in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from bountyexpo.actors.money import escrow, postings
from bountyexpo.actors.money.effects.escrow_step import About
from bountyexpo.actors.money.escrow import Funding
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.escrow import Event, Source
from bountyexpo.domain.money.ledger.wallets import deposit_captured
from bountyexpo.domain.policy import Policy
from bountyexpo.integrations.stripe.port import Stripe
from bountyexpo.integrations.tls import trusted
from bountyexpo.persistence.money import escrows, ledger
from bountyexpo.runtime.clock import SystemClock
from bountyexpo.sandbox.sandbox_settings import SandboxSettings
from bountyexpo.sandbox.server import SandboxServer

from tests.integration.actors.conftest import Market
from tests.integration.actors.money.payee_stage import CENTS, KEY, Payee
from tests.integration.persistence.money.ledger_books import ADD_BOUNTY, BALANCES
from tests.integration.sandbox.conftest import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bountyexpo.persistence.money.escrows import Escrow
    from bountyexpo.persistence.pool import Pool

PRICE = 10_000
NOWHERE = "http://127.0.0.1:9/webhooks"


class Money:
    """A poster with a wallet, a hunter, and a bounty of $100.00."""

    def __init__(self, db: Pool) -> None:
        self.db = db
        self.poster, self.hunter, self.bounty = (new_id() for _ in range(3))

    async def open(self, cents: int) -> None:
        for user_id in (self.poster, self.hunter):
            await self.db.execute(
                "insert into users (id, username) values (%s, %s)", (user_id, user_id[:13])
            )
        await self.db.execute(ADD_BOUNTY, (self.bounty, self.poster))
        async with self.db.transaction() as tx:
            deposit = deposit_captured(intent_id=new_id(), user_id=self.poster, amount_cents=cents)
            await postings.post(tx, deposit)

    def funding(self, cents: int = PRICE, source: Source = Source.WALLET) -> Funding:
        return Funding(
            bounty_id=self.bounty,
            poster_id=self.poster,
            amount_cents=cents,
            terms=Policy().terms(),
            source=source,
        )

    async def hold(self, **funding: Any) -> Escrow:
        """Fund by wallet, and let the hunter be accepted."""
        async with self.db.transaction() as tx:
            held = await escrow.hold(tx, self.funding(**funding))
            return await escrow.bind(tx, held, self.hunter, actor_id=self.poster)

    async def hold_by_card(self) -> Escrow:
        """Fund by card, let the money arrive, and let the hunter be accepted."""
        async with self.db.transaction() as tx:
            asked = await escrow.hold(tx, self.funding(source=Source.CARD))
        paid = About(intent_id="pi_1", received_cents=PRICE)
        held = await self.hear(asked, Event.PI_SUCCEEDED, paid)
        async with self.db.transaction() as tx:
            return await escrow.bind(tx, held, self.hunter, actor_id=self.poster)

    async def hear(self, known: Escrow, event: Event, about: About | None = None) -> Escrow:
        async with self.db.transaction() as tx:
            heard = await escrow.hear(tx, known, event, about or About())
        assert heard == await escrows.newest(self.db, self.bounty)
        return heard

    async def do(self, deed: Any, known: Escrow, *args: Any, **options: Any) -> Escrow:
        """Take a step in a transaction of its own; what it returns is what is stored."""
        options.setdefault("actor_id", self.poster)
        async with self.db.transaction() as tx:
            done = await deed(tx, known, *args, **options)
        assert done == await escrows.newest(self.db, self.bounty)
        return done

    async def wallets(self) -> tuple[int, int]:
        """What poster and hunter can spend."""
        of = [await ledger.wallet(self.db, one) for one in (self.poster, self.hunter)]
        return of[0].available_cents, of[1].available_cents

    async def accounts(self) -> dict[str, int]:
        """Every balance that is not zero, by the kind of its account; people's wallets aside."""
        assert await ledger.imbalance_cents(self.db) == 0
        rows = await self.db.fetch(BALANCES)
        kinds = {row["kind"]: row["balance_cents"] for row in rows if row["balance_cents"]}
        return {kind: cents for kind, cents in kinds.items() if kind != "user_available"}

    async def reserved(self) -> int:
        rows = await self.db.fetch(BALANCES)
        return sum(row["reserved_cents"] for row in rows)

    async def calls(self) -> list[tuple[str, dict[str, Any]]]:
        rows = await self.db.fetch("select type, payload from outbox order by id")
        return [(row["type"], row["payload"]) for row in rows]

    async def notices(self) -> list[tuple[str, str]]:
        rows = await self.db.fetch("select kind, dedupe_key from notices order by id")
        return [(row["kind"], row["dedupe_key"].replace(self.bounty, "b")) for row in rows]

    async def told(self, user_id: str) -> list[tuple[str, int]]:
        rows = await self.db.fetch(
            """select type, payload from stream_events
               where stream = %s and type like 'escrow.%%' order by seq""",
            (f"user:{user_id}",),
        )
        return [(row["type"], row["payload"]["amountCents"]) for row in rows]

    async def findings(self) -> list[tuple[str, int]]:
        rows = await self.db.fetch("select type, times from findings order by id")
        return [(row["type"], row["times"]) for row in rows]


@pytest.fixture
async def money(database: Pool) -> Money:
    found = Money(database)
    await found.open(30_000)
    return found


@pytest.fixture
async def emulated(
    database: Any, tmp_path: Path
) -> AsyncIterator[tuple[Market, str, httpx.AsyncClient]]:
    """A market whose provider is the emulator over the real SDK, where that is, and a client."""
    settings = SandboxSettings(
        jwt_secret="a-secret-of-at-least-thirty-two-bytes",
        stripe_secret_key=KEY,
        webhook_url=NOWHERE,
        webhook_secret="whsec_sandbox",
        messages=tmp_path / "messages",
    )
    async with (
        running(SandboxServer(database, settings, SystemClock())) as url,
        httpx.AsyncClient(verify=trusted()) as http,
        trio.open_nursery() as nursery,
    ):
        stripe = Stripe(KEY, url, [], livemode=False)
        market = Market(database, stripe)
        await nursery.start(market.run_pools)
        yield market, url, http
        await stripe.aclose()
        nursery.cancel_scope.cancel()


@pytest.fixture
async def payee(emulated: tuple[Market, str, httpx.AsyncClient]) -> Payee:
    found = Payee(*emulated)
    found.id = await found.market.person(cents=CENTS)
    await found.fund()
    return found
