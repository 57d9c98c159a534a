"""Money is credited for the intent that we made, of our account and purpose, and for nothing else.

Every event here bears a good signature. It may still be of another account or mode, name a payment
that it has nothing to do with, say another amount, or come again and out of order.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.actors.money.provider_events import ProviderEvents
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import NotFound
from bountyexpo.jobs.money.deposits import poll_processing
from bountyexpo.persistence import inbox
from bountyexpo.persistence.inbox import NewEvent
from bountyexpo.persistence.money import ledger, payments
from bountyexpo.persistence.money.payments import NewPayment

if TYPE_CHECKING:
    from collections.abc import Mapping

CENTS = 500

FINDINGS = "select type, subject_type, subject_id, details, times from findings order by id"
STATUSES = "select status, last_error from webhook_events order by id"


class Attack:
    """A deposit of $5.00 that waits for its money, and events that speak of it."""

    def __init__(self, market: Any) -> None:
        self.market = market
        self.events = ProviderEvents(market.db, market.actors, livemode=False)

    async def begin(self) -> None:
        self.payer = await self.market.person()
        self.payment_id = await self.market.deposit(self.payer, CENTS)
        payment = await self.market.payment(self.payment_id)
        self.intent_id = payment.stripe_payment_intent_id

    def intent(self, **changed: Any) -> dict[str, Any]:
        """The object of a good event, but for what is ``changed``."""
        metadata = {
            "payment_id": self.payment_id,
            "user_id": self.payer,
            "purpose": "wallet_deposit",
        }
        good = {
            "id": self.intent_id,
            "object": "payment_intent",
            "status": "succeeded",
            "amount": CENTS,
            "amount_received": CENTS,
            "currency": "usd",
            "metadata": metadata | changed.pop("metadata", {}),
        }
        return good | changed

    async def hear(
        self, found: Mapping[str, Any], kind: str = "payment_intent.succeeded", **event: Any
    ) -> None:
        """Receive an event and work it off."""
        told = {
            "provider": "stripe",
            "event_id": f"evt_{new_id()}",
            "type": kind,
            "payload": {"object": dict(found)},
            "livemode": False,
        }
        assert await inbox.receive(self.market.db, NewEvent(**told | event))
        await self.events.process_due()

    async def credited(self) -> int:
        assert await ledger.imbalance_cents(self.market.db) == 0
        return await self.market.available(self.payer)

    async def findings(self) -> list[tuple[str, str]]:
        rows = await self.market.db.fetch(FINDINGS)
        return [(row["type"], row["subject_id"]) for row in rows]

    async def statuses(self) -> list[str]:
        return [row["status"] for row in await self.market.db.fetch(STATUSES)]


@pytest.fixture
async def attack(market: Any) -> Attack:
    found = Attack(market)
    await found.begin()
    return found


# What one part of a good event becomes, and what people are told of it.
FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "another intent": ({"id": "pi_foreign"}, "intent"),
    "no owner": ({"metadata": {"user_id": ""}}, "owner"),
    "another owner": ({"metadata": {"user_id": new_id()}}, "owner"),
    "no purpose": ({"metadata": {"purpose": ""}}, "purpose"),
    "another purpose": ({"metadata": {"purpose": "bounty_escrow"}}, "purpose"),
    "another payment": ({"metadata": {"payment_id": new_id()}}, "payment"),
    "more asked": ({"amount": CENTS * 100}, "amount"),
    "less asked": ({"amount": CENTS - 1}, "amount"),
    "more received": ({"amount_received": CENTS + 1}, "received"),
    "nothing received": ({"amount_received": 0}, "received"),
    "no word of what was received": ({"amount_received": None}, "received"),
    "less than nothing": ({"amount_received": -CENTS}, "received"),
    "another currency": ({"currency": "jpy"}, "currency"),
    "no currency": ({"currency": ""}, "currency"),
}


@pytest.mark.parametrize("forged", FORGED)
async def test_an_intent_that_says_anything_else_credits_nothing(
    attack: Attack, forged: str
) -> None:
    changed, differs = FORGED[forged]

    await attack.hear(attack.intent(**changed))

    assert await attack.credited() == 0
    subject = changed.get("id", attack.intent_id)
    assert await attack.findings() == [("intent_mismatch", subject)]
    [row] = await attack.market.db.fetch(FINDINGS)
    assert row["details"]["differs"] == [differs]
    assert await attack.statuses() == ["dead"]
    await attack.hear(attack.intent())
    assert await attack.credited() == CENTS


@pytest.mark.parametrize(
    ("event", "finding"),
    [
        ({"livemode": True}, "webhook_wrong_mode"),
        ({"livemode": None}, "webhook_wrong_mode"),
        ({"account": "acct_foreign"}, "webhook_foreign_account"),
    ],
)
async def test_a_good_intent_of_another_mode_or_account_credits_nothing(
    attack: Attack, event: dict[str, Any], finding: str
) -> None:
    await attack.hear(attack.intent(), event_id="evt_1", **event)

    assert await attack.credited() == 0
    assert await attack.findings() == [(finding, "evt_1")]
    assert await attack.statuses() == ["dead"]
    # A replay is no way around.
    assert await inbox.replay(attack.market.db, "evt_1")
    await attack.events.process_due()
    assert await attack.credited() == 0
    assert [row["times"] for row in await attack.market.db.fetch(FINDINGS)] == [2]


async def test_an_intent_that_names_no_payment_of_ours_is_found_once(attack: Attack) -> None:
    foreign = attack.intent(id="pi_foreign", metadata={"payment_id": new_id()})

    await attack.hear(foreign)
    await attack.hear(foreign)

    assert await attack.credited() == 0
    assert await attack.findings() == [("unknown_intent", "pi_foreign")]
    assert await attack.statuses() == ["dead", "dead"]


async def test_less_money_than_asked_is_credited_as_it_came(attack: Attack) -> None:
    await attack.hear(attack.intent(amount_received=CENTS - 200))

    assert await attack.credited() == CENTS - 200
    assert await attack.findings() == []


UNREADABLE: dict[str, dict[str, Any]] = {
    "no status": {"status": None},
    "an amount in words": {"amount": "500"},
    "an amount with a point": {"amount": 500.5},
    "metadata of another shape": {"metadata": {"user_id": 5}},
    "a list for an id": {"id": ["pi_1"]},
    "an error of another shape": {"last_payment_error": "declined"},
}


@pytest.mark.parametrize("odd", UNREADABLE)
async def test_an_intent_of_another_shape_reaches_nobody(attack: Attack, odd: str) -> None:
    await attack.hear(attack.intent(**UNREADABLE[odd]))

    assert await attack.credited() == 0
    assert await attack.statuses() == ["failed"]
    await attack.hear(attack.intent())
    assert await attack.credited() == CENTS


async def begin_without_answer(attack: Attack) -> str:
    """A deposit whose intent is being made: nothing is known of it yet."""
    new = NewPayment(
        id=new_id(),
        user_id=attack.payer,
        kind="deposit",
        amount_cents=CENTS,
        status="creating",
        description=None,
        idempotency_key=None,
        request_hash="",
    )
    await payments.insert(attack.market.db, new)
    return new.id


@pytest.mark.parametrize("status", ["requires_payment_method", "processing", "canceled", "odd"])
async def test_no_event_says_which_intent_a_deposit_has(attack: Attack, status: str) -> None:
    payment_id = await begin_without_answer(attack)
    named = {"payment_id": payment_id}

    await attack.hear(attack.intent(id="pi_foreign", status=status, metadata=named))

    payment = await attack.market.payment(payment_id)
    assert (payment.status, payment.stripe_payment_intent_id) == ("creating", None)
    assert await attack.statuses() == ["failed"]


async def test_money_for_a_deposit_that_is_being_made_is_looked_up_in_our_account(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = await begin_without_answer(attack)

    async def retrieve(_intent_id: str) -> None:
        raise NotFound

    monkeypatch.setattr(attack.market.provider.intents, "retrieve", retrieve)
    await attack.hear(attack.intent(id="pi_foreign", metadata={"payment_id": payment_id}))

    assert await attack.credited() == 0
    assert await attack.findings() == [("unknown_intent", "pi_foreign")]


async def test_an_intent_that_was_replaced_still_brings_its_money(attack: Attack) -> None:
    payment = await attack.market.payment(attack.payment_id)
    await payments.start_again(attack.market.db, payment, "creating")
    again = await attack.market.payment(attack.payment_id)
    await payments.advance(
        attack.market.db, again, payments.Advance(status="intent", intent_id="pi_second")
    )
    fresh = ProviderEvents(attack.market.db, attack.market.actors, livemode=False)
    attack.events = fresh

    await attack.hear(attack.intent())
    await attack.hear(attack.intent(id="pi_third"))

    assert await attack.credited() == CENTS
    assert await attack.findings() == [("intent_mismatch", "pi_third")]


# What the provider may say of an intent: as which event, with what changed, and whether money came.
WORDS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "created": ("created", {"status": "requires_payment_method", "amount_received": 0}, False),
    "processing": ("processing", {"status": "processing", "amount_received": 0}, False),
    "action": ("requires_action", {"status": "requires_action", "amount_received": 0}, False),
    "canceled": ("canceled", {"status": "canceled", "amount_received": 0}, False),
    "succeeded": ("succeeded", {}, True),
    "forged": ("succeeded", {"amount_received": CENTS + 1}, False),
    "foreign": ("succeeded", {"metadata": {"purpose": "donation"}}, False),
}


@pytest.mark.parametrize("first", WORDS)
async def test_in_any_order_and_number_money_arrives_once_or_never(market: Any, first: str) -> None:
    for others in product(WORDS, repeat=2):
        attack = Attack(market)
        await attack.begin()
        told = [WORDS[word] for word in (first, *others)]

        for kind, changed, _ in told:
            await attack.hear(attack.intent(**changed), f"payment_intent.{kind}")

        has_arrived = any(brings_money for *_, brings_money in told)
        assert await attack.credited() == CENTS * has_arrived, others
        stored = await market.payment(attack.payment_id)
        assert (stored.status == "credited") == has_arrived, others


async def test_an_answer_of_the_provider_itself_is_looked_at_in_the_same_way(
    attack: Attack,
) -> None:
    """What we asked for may still be another's: a shared key, a restored database."""
    changed = msgspec.structs.asdict(attack.market.provider.made[attack.intent_id]) | {
        "status": "succeeded",
        "amount_received_cents": CENTS * 3,
    }
    attack.market.provider.change(attack.intent_id, **changed)

    await attack.hear(attack.intent(status="processing"), "payment_intent.processing")
    await attack.market.db.execute("update payments set poll_at = now()")
    await poll_processing(await attack.market.job_run())

    assert await attack.credited() == 0
    assert await attack.findings() == [("intent_mismatch", attack.intent_id)]
