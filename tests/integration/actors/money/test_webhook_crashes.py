"""A webhook whose way is cut off at any step: it is worked off once, and its money comes once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.money import provider_events, webhook_routes
from bountyexpo.actors.money.effects import payment as payment_effects
from bountyexpo.actors.money.provider_events import ProviderEvents, label_of
from bountyexpo.actors.money.provider_inbox import ProviderInbox
from bountyexpo.actors.money.webhook_routes import ROUTES
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.integrations.stripe_events import ProviderEvent
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import findings, ledger
from bountyexpo.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

CENTS = 500

LEASES_END = """
    update webhook_events set next_attempt_at = now() where status in ('processing', 'failed')
"""


class DiedError(BaseException):
    """The process is gone."""


class Line:
    """The way of the events of one deposit, from the delivery to the wallet."""

    def __init__(self, market: Any) -> None:
        self.market = market
        self.woken = 0
        self.inbox = ProviderInbox(market.db, self, SystemClock(), self._wake)
        self.kind = "payment_intent.succeeded"
        self.livemode: bool | None = False

    def _wake(self) -> None:
        self.woken += 1

    def verify_event(self, raw: bytes, _signature: str, *, now: Any) -> ProviderEvent:
        return ProviderEvent(
            id=raw.decode(),
            type=self.kind,
            created_at=now,
            livemode=self.livemode,
            api_version=None,
            account=None,
            object=self.found,
            previous_attributes={},
        )

    async def begin(self) -> None:
        self.payer = await self.market.person()
        payment_id = await self.market.deposit(self.payer, CENTS)
        payment = await self.market.payment(payment_id)
        self.found = {
            "id": payment.stripe_payment_intent_id,
            "status": "succeeded",
            "amount": CENTS,
            "amount_received": CENTS,
            "currency": "usd",
            "metadata": {
                "payment_id": payment_id,
                "user_id": self.payer,
                "purpose": "wallet_deposit",
            },
        }

    async def deliver(self, name: str = "evt_1") -> dict[str, Any]:
        return await self.inbox.receive(name.encode(), "")

    async def work(self) -> None:
        """A fresh process, after the leases of the last one are over."""
        await self.market.db.execute(LEASES_END)
        await ProviderEvents(self.market.db, self.market.actors, livemode=False).process_due()

    async def status(self) -> str:
        row = await self.market.db.fetch_one("select status from webhook_events")
        assert row is not None
        return str(row["status"])

    async def credited(self) -> int:
        assert await ledger.imbalance_cents(self.market.db) == 0
        return await self.market.available(self.payer)


@pytest.fixture
async def line(market: Any) -> Line:
    found = Line(market)
    await found.begin()
    return found


def dying(where: Any, name: str, *, after: bool = False, error: Any = DiedError) -> Any:
    """Let a function of a module end with an error, before or after it has done its work."""
    whole = getattr(where, name)

    async def broken(*args: Any, **options: Any) -> Any:
        if after:
            await whole(*args, **options)
        raise error

    return broken


async def test_a_delivery_that_could_not_be_stored_is_not_acknowledged(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(inbox, "receive", dying(inbox, "receive", error=DatabaseUnavailable))
        with pytest.raises(DatabaseUnavailable):
            await line.deliver()

    assert await line.deliver() == {"received": True}
    await line.work()
    assert (await line.status(), await line.credited()) == ("processed", CENTS)


async def test_a_delivery_whose_answer_was_lost_comes_again_for_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(inbox, "receive", dying(inbox, "receive", after=True))
        with pytest.raises(DiedError):
            await line.deliver()
    await line.work()

    assert await line.deliver() == {"received": True, "duplicate": True}

    await line.work()
    assert (await line.status(), await line.credited()) == ("processed", CENTS)


STEPS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before it reaches its owner": lambda broken: broken.setitem(
        ROUTES, "payment_intent.succeeded", route_that_dies(after=False)
    ),
    "after its owner has committed": lambda broken: broken.setitem(
        ROUTES, "payment_intent.succeeded", route_that_dies(after=True)
    ),
    "before the next event": lambda broken: broken.setattr(
        provider_events.metrics.WEBHOOK_EVENTS, "labels", die
    ),
}


def die(**_labels: str) -> None:
    raise DiedError


def route_that_dies(*, after: bool) -> webhook_routes.Route:
    deliver = dying(webhook_routes, "to_payment", after=after)
    return webhook_routes.Route(deliver, is_platform=True)


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_that_dies_is_followed_by_another(
    line: Line, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await line.deliver()
    with monkeypatch.context() as broken:
        STEPS[step](broken)
        with pytest.raises(DiedError):
            await line.work()

    await line.work()
    await line.work()

    assert (await line.status(), await line.credited()) == ("processed", CENTS)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (payment_effects.postings, "post"),
        (payment_effects.payments, "advance"),
        (inbox, "mark_processed"),
    ],
)
@pytest.mark.parametrize("after", [False, True])
async def test_a_transaction_that_breaks_leaves_neither_money_nor_mark(
    line: Line, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, after: bool
) -> None:
    await line.deliver()
    with monkeypatch.context() as broken:
        broken.setattr(where, name, dying(where, name, after=after, error=ZeroDivisionError))
        await line.work()
        assert (await line.status(), await line.credited()) == ("failed", 0)

    await line.work()
    await line.work()

    assert (await line.status(), await line.credited()) == ("processed", CENTS)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["mark", "record"])
async def test_what_is_given_up_is_found_once(
    line: Line, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    line.livemode = True
    await line.deliver()
    where = inbox if step == "mark" else findings
    with monkeypatch.context() as broken:
        broken.setattr(where, step, dying(where, step, after=after, error=DatabaseUnavailable))
        with pytest.raises(DatabaseUnavailable):
            await line.work()
    assert await line.status() == "processing"

    await line.work()
    await line.work()

    assert await line.status() == "dead"
    found = await line.market.db.fetch("select type, times from findings")
    assert [(row["type"], row["times"]) for row in found] == [("webhook_wrong_mode", 1)]


@pytest.mark.parametrize("after", [False, True])
async def test_what_nobody_knows_is_deferred_until_somebody_does(
    line: Line, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    line.kind = "charge.refunded"
    await line.deliver()
    with monkeypatch.context() as broken:
        broken.setattr(inbox, "mark", dying(inbox, "mark", after=after, error=DatabaseUnavailable))
        with pytest.raises(DatabaseUnavailable):
            await line.work()
    await line.work()
    assert await line.status() == "deferred"

    # The next version has a route for it.
    monkeypatch.setitem(
        ROUTES, line.kind, webhook_routes.Route(webhook_routes.to_payment, is_platform=True)
    )
    await line.work()

    assert (await line.status(), await line.credited()) == ("processed", CENTS)


def test_types_that_anybody_may_make_up_share_one_series() -> None:
    assert label_of("payment_intent.succeeded") == "payment_intent.succeeded"
    assert {label_of(f"made.up.{new_id()}") for _ in range(5)} == {"other"}
