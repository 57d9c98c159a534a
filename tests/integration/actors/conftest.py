"""Bounties and deposits with everything between an actor and the committed rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from bountyexpo.actors.dependencies import ActorDependencies
from bountyexpo.actors.market.bounty_messages import (
    CreateBounty,
    Said,
    StepTaken,
    SubmitApplication,
    TakeStep,
)
from bountyexpo.actors.money import postings
from bountyexpo.actors.money.payment_messages import CreateIntent
from bountyexpo.actors.system import Actors
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.money.ledger.wallets import deposit_captured
from bountyexpo.domain.policy import Policy
from bountyexpo.integrations.stripe.accounts import Account, Bank, DebitCard, Link
from bountyexpo.integrations.stripe.intents import Intent
from bountyexpo.integrations.stripe.payment_methods import PaymentMethod
from bountyexpo.integrations.stripe.payouts import Payout
from bountyexpo.integrations.stripe.setup_intents import SetupIntent
from bountyexpo.integrations.stripe.transfers import Reversal, Transfer
from bountyexpo.jobs.periodic import JobDependencies, JobRun
from bountyexpo.persistence import leases
from bountyexpo.persistence.chat import message_stream
from bountyexpo.persistence.chat.journal import Journal
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.persistence.market.submissions import Delivery
from bountyexpo.persistence.money import escrows, ledger, payments
from bountyexpo.runtime.clock import SystemClock

from tests.commits import nobody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from bountyexpo.persistence.pool import Pool
    from bountyexpo.runtime.clock import Clock


class Provider:
    """A card processor: intents by id, the keys it was called with, and what fails next."""

    def __init__(self) -> None:
        self.made: dict[str, Intent] = {}
        self.keys: list[str] = []
        self.failure: Exception | None = None
        self.customers = _Customers()
        self.intents = _Intents(self)
        self.payment_methods = _Methods()
        self.setup_intents = _Setups()
        self.accounts = _Accounts()
        self.transfers = _Transfers()
        self.payouts = _Payouts()

    def change(self, intent_id: str, **fields: Any) -> Intent:
        self.made[intent_id] = msgspec.structs.replace(self.made[intent_id], **fields)
        return self.made[intent_id]

    def called(self, key: str) -> None:
        self.keys.append(key)
        if self.failure is not None:
            raise self.failure


class _Customers:
    async def create(self, *, user_id: str, email: Any, idempotency_key: str) -> str:
        return f"cus_{user_id}"


class _Methods:
    """Every card is there, and nobody's."""

    async def list_of(self, customer_id: str, kind: str) -> list[PaymentMethod]:
        return []

    async def retrieve(self, method_id: str) -> PaymentMethod:
        return PaymentMethod(id=method_id, type="card", created=0)

    async def attach(
        self, method_id: str, customer_id: str, *, idempotency_key: str
    ) -> PaymentMethod:
        return PaymentMethod(id=method_id, type="card", created=0, customer=customer_id)


class _Setups:
    async def create(self, **_: Any) -> SetupIntent:
        return SetupIntent(id="seti_1", client_secret="seti_1_secret_1")


class _Accounts:
    """Everybody has one, and can be paid."""

    async def create(self, *, user_id: str, idempotency_key: str) -> Account:
        return await self.retrieve(f"acct_{user_id}")

    async def retrieve(self, account_id: str) -> Account:
        return Account(
            id=account_id, details_submitted=True, charges_enabled=True, payouts_enabled=True
        )

    async def link(self, account_id: str, **_: Any) -> Link:
        return Link(url=f"https://links.test/{account_id}", expires_at=4_000_000_000)

    async def login(self, account_id: str, *, idempotency_key: str) -> str:
        return f"https://login.test/{account_id}"

    async def banks(self, account_id: str) -> list[Bank]:
        return [Bank(id="ba_1", last4="6789", default_for_currency=True)]

    async def cards(self, account_id: str) -> list[DebitCard]:
        return []


class _Transfers:
    """Each is made, and none comes back."""

    async def create(self, *, amount_cents: int, account_id: str, **_: Any) -> Transfer:
        return Transfer(id=f"tr_{new_id()}", amount=amount_cents, destination=account_id)

    async def of_group(self, group: str) -> list[Transfer]:
        return []

    async def reversals(self, transfer_id: str) -> list[Reversal]:
        return []

    async def reverse(self, transfer_id: str, *, amount_cents: int, **_: Any) -> Reversal:
        return Reversal(id=f"trr_{new_id()}", amount=amount_cents, transfer=transfer_id)


class _Payouts:
    """Each is on its way."""

    async def create(self, account_id: str, *, amount_cents: int, method: Any, **_: Any) -> Payout:
        return await self.retrieve(account_id, f"po_{new_id()}")

    async def retrieve(self, account_id: str, payout_id: str) -> Payout:
        return Payout(id=payout_id, amount=1_000, status="in_transit", method="standard")

    async def list_of(self, account_id: str) -> list[Payout]:
        return []

    async def instant_cents(self, account_id: str) -> int:
        return 0


class _Intents:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def create(self, *, idempotency_key: str, **wanted: Any) -> Intent:
        self._provider.called(idempotency_key)
        intent = Intent(
            id=f"pi_{idempotency_key}",
            status="requires_payment_method",
            amount_cents=wanted["amount_cents"],
            amount_received_cents=0,
            currency=wanted["currency"],
            client_secret=None,
            metadata=wanted["metadata"],
        )
        return self._provider.made.setdefault(intent.id, intent)

    async def confirm(self, intent_id: str, *, payment_method: str, idempotency_key: str) -> Intent:
        self._provider.called(idempotency_key)
        return self._provider.made[intent_id]

    async def retrieve(self, intent_id: str) -> Intent:
        return self._provider.made[intent_id]

    async def cancel(self, intent_id: str, *, idempotency_key: str) -> Intent:
        self._provider.called(idempotency_key)
        if self._provider.made[intent_id].status in {"succeeded", "canceled"}:
            return self._provider.made[intent_id]
        return self._provider.change(intent_id, status="canceled")


class LateClock(SystemClock):
    """Shows the time of a day to come, to owners and jobs; the database knows the present."""

    late_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.late_s)


class Market:
    """A node without an edge, with a processor that does as it is told."""

    def __init__(
        self, db: Pool, stripe: Any = None, clock: Clock | None = None, **policy: Any
    ) -> None:
        self.db = db
        self.clock = clock or LateClock()
        self.policy = Policy(**policy)
        self.provider = stripe or Provider()
        self.journal = Journal(db, nobody)
        ports = ActorDependencies(
            db=db,
            stripe=self.provider,
            policy=self.policy,
            feed=nobody,
            ephemeral=nobody,
            unread=nobody,
            standing_changed=lambda _user: None,
        )
        self.actors = Actors.over(ports, self.journal, self.clock)

    async def run_pools(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.journal.run)
            for pool in self.actors.pools:
                await nursery.start(pool.run)
            task_status.started()

    async def person(self, *, cents: int = 0) -> str:
        user_id = new_id()
        await self.db.execute(
            "insert into users (id, username, email_verified_at) values (%s, %s, now())",
            (user_id, f"user-{user_id[:13]}"),
        )
        await self.db.execute("insert into user_profiles (user_id) values (%s)", (user_id,))
        if cents:
            async with self.db.transaction() as tx:
                deposit = deposit_captured(intent_id=new_id(), user_id=user_id, amount_cents=cents)
                await postings.post(tx, deposit)
        return user_id

    async def bounty(self, poster: str, *, cents: int = 10_000, **terms: Any) -> str:
        wanted = Terms(
            title=f"Carry a sofa {new_id()[:8]}",
            description="It is heavy and must go up to the third floor.",
            amount_cents=cents,
            is_for_honor=not cents,
            **terms,
        )
        bounty_id = new_id()
        await self.actors.bounty(bounty_id).ask(CreateBounty(poster_id=poster, terms=wanted))
        return bounty_id

    async def apply(self, hunter: str, bounty_id: str) -> Any:
        return await self.actors.bounty(bounty_id).ask(SubmitApplication(hunter_id=hunter))

    async def accept(self, poster: str, bounty_id: str, request_id: str) -> Any:
        return await self.step(bounty_id, Event.ACCEPT, poster, application_id=request_id)

    async def submit(self, hunter: str, bounty_id: str, text: str = "Done.") -> Any:
        said = Said(work=Delivery(text=text))
        return (await self.step(bounty_id, Event.SUBMIT, hunter, said=said)).submission

    async def approve(
        self, poster: str, bounty_id: str, submission_id: str, *, stars: int | None = None
    ) -> Any:
        said = Said(rating_tenths=stars * 10 if stars is not None else None)
        taken = await self.step(
            bounty_id, Event.APPROVE, poster, submission_id=submission_id, said=said
        )
        return taken.submission

    async def step(
        self, bounty_id: str, event: Event, actor_id: str | None, **more: Any
    ) -> StepTaken:
        message = TakeStep(event=event, actor_id=actor_id, **more)
        return await self.actors.bounty(bounty_id).ask(message)

    async def change(self, bounty_id: str, poster: str, **columns: Any) -> StepTaken:
        """Let the poster change some of the terms."""
        stored = await self.stored(bounty_id)
        kept = {name: getattr(stored, name) for name in Terms.__struct_fields__}
        said = Said(terms=Terms(**kept | columns), fields=tuple(columns))
        return await self.step(bounty_id, Event.EDIT_TERMS, poster, said=said)

    async def deposit(self, user_id: str, cents: int = 500) -> str:
        payment_id = new_id()
        await self.actors.payment(payment_id).ask(
            CreateIntent(
                user_id=user_id,
                email=None,
                amount_cents=cents,
                description=None,
                idempotency_key=None,
                request_hash="",
            )
        )
        return payment_id

    async def job_run(self) -> JobRun:
        """A run of a job, under a lease of its own."""
        name = new_id()
        epoch = await leases.take(self.db, name, "here", 60)
        assert epoch is not None
        dependencies = JobDependencies(
            db=self.db, actors=self.actors, node="here", clock=self.clock, policy=self.policy
        )
        return JobRun(dependencies=dependencies, name=name, epoch=epoch)

    async def stored(self, bounty_id: str) -> Any:
        return await bounties.get(self.db, bounty_id)

    async def escrow(self, bounty_id: str) -> Any:
        return await escrows.newest(self.db, bounty_id)

    async def payment(self, payment_id: str) -> Any:
        return await payments.get(self.db, payment_id)

    async def events(self, bounty_id: str, kind: str) -> list[Any]:
        found = await message_stream.read_after(self.db, f"bounty:{bounty_id}", 0, 1_000)
        return [event for event in found if event.type == kind]

    async def available(self, user_id: str) -> int:
        return (await ledger.wallet(self.db, user_id)).available_cents


@pytest.fixture
async def market(database: Pool) -> AsyncIterator[Market]:
    """Pools that run, over a fresh database."""
    async with trio.open_nursery() as nursery:
        found = Market(database)
        await nursery.start(found.run_pools)
        yield found
        nursery.cancel_scope.cancel()
