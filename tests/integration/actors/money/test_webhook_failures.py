"""A webhook that fails, in whatever way, is tried again and holds up nobody."""

from __future__ import annotations

import pytest
from bountyexpo.actors.money.provider_events import ProviderEvents
from bountyexpo.errors import Conflict, ProviderFailed, StaleVersion
from bountyexpo.persistence import inbox
from bountyexpo.persistence.inbox import NewEvent


async def arrive(market, event_id, found):
    event = NewEvent(
        provider="stripe",
        event_id=event_id,
        type="payment_intent.succeeded",
        payload={"object": found},
    )
    await inbox.receive(market.db, event)


async def statuses(market):
    rows = await market.db.fetch("select event_id, status from webhook_events")
    return {row["event_id"]: row["status"] for row in rows}


async def paid(market):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    intent_id = (await market.payment(payment_id)).stripe_payment_intent_id
    intent = market.provider.change(intent_id, status="succeeded", amount_received_cents=500)
    found = {
        "id": intent.id,
        "status": "succeeded",
        "amount": 500,
        "amount_received": 500,
        "currency": intent.currency,
        "metadata": intent.metadata,
    }
    return payer, found


@pytest.fixture
def events(market):
    return ProviderEvents(market.db, market.actors, livemode=False)


async def test_one_that_cannot_be_read_lets_the_next_one_go_on(market, events):
    payer, found = await paid(market)
    await arrive(market, "evt_broken", {"id": "pi_1"})
    await arrive(market, "evt_good", found)

    await events.process_due()

    assert await statuses(market) == {"evt_broken": "failed", "evt_good": "processed"}
    assert await market.available(payer) == 500


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProviderFailed(), "failed"),
        (StaleVersion(), "failed"),
        (ZeroDivisionError(), "failed"),
        (Conflict(), "dead"),
    ],
)
async def test_only_a_contradiction_is_given_up_at_once(market, events, monkeypatch, error, status):
    _, found = await paid(market)
    await arrive(market, "evt_1", found)

    class Failing:
        async def ask(self, _message):
            raise error

    monkeypatch.setattr(market.actors.payments, "ref", lambda _payment_id: Failing())
    await events.process_due()

    assert await statuses(market) == {"evt_1": status}
    found = await market.db.fetch("select type, subject_id, details from findings")
    assert [(row["type"], row["subject_id"]) for row in found] == (
        [("webhook_failed", "evt_1")] if status == "dead" else []
    )


async def test_what_failed_for_a_day_waits_for_an_operator_and_can_be_replayed(
    market, events, monkeypatch
):
    payer, found = await paid(market)
    await arrive(market, "evt_1", found)
    whole = market.actors.payments.ref

    class Failing:
        async def ask(self, _message):
            raise ProviderFailed

    monkeypatch.setattr(market.actors.payments, "ref", lambda _payment_id: Failing())
    await events.process_due()
    assert await statuses(market) == {"evt_1": "failed"}
    await market.db.execute(
        "update webhook_events set retry_until = now(), next_attempt_at = now()"
    )

    await events.process_due()

    assert await statuses(market) == {"evt_1": "dead"}
    [finding] = await market.db.fetch("select type, subject_id, details, status from findings")
    assert (finding["type"], finding["subject_id"]) == ("webhook_failed", "evt_1")
    assert finding["details"]["attempts"] == 2
    monkeypatch.setattr(market.actors.payments, "ref", whole)
    assert await inbox.replay(market.db, "evt_1")
    await events.process_due()
    assert await statuses(market) == {"evt_1": "processed"}
    assert await market.available(payer) == 500
