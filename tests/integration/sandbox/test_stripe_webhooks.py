"""Webhooks of the emulator: signed, stored with the change, delivered at least once."""

from __future__ import annotations

import json

import msgspec
import pytest
import stripe
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.stripe.calls import API_VERSION
from bountyexpo.integrations.stripe.intents import intent_of
from bountyexpo.integrations.stripe.port import Stripe
from bountyexpo.sandbox.server import SandboxServer
from bountyexpo.sandbox.stripe import webhooks

from tests.integration.sandbox.conftest import WEBHOOK_SECRET, running


@pytest.fixture
def next_event(receiver, clock):
    verifier = Stripe("sk", None, ["whsec_other", WEBHOOK_SECRET], livemode=False)

    async def receive():
        body, signature = await receiver.next_post()
        return verifier.verify_event(body, signature, now=clock.now())

    return receive


async def create(payments):
    customer = await payments.customers.create(
        user_id=new_id(), email=None, idempotency_key=new_id()
    )
    return await payments.intents.create(
        amount_cents=2500,
        currency="usd",
        customer_id=customer,
        metadata={"user_id": "u1"},
        idempotency_key=new_id(),
    )


@pytest.mark.parametrize(
    ("card", "event_type"),
    [
        ("pm_card_visa", "payment_intent.succeeded"),
        ("pm_card_chargeDeclined", "payment_intent.payment_failed"),
        ("pm_card_authenticationRequired", "payment_intent.requires_action"),
        ("pm_usBankAccount", "payment_intent.processing"),
        (None, "payment_intent.canceled"),
    ],
)
async def test_each_change_is_told(payments, next_event, sandbox, http, card, event_type):
    intent = await create(payments)
    assert (await next_event()).type == "payment_intent.created"

    step, form = ("confirm", {"payment_method": card}) if card else ("cancel", {})
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    url = f"{sandbox}/v1/payment_intents/{intent.id}/{step}"
    await http.post(url, data=form, headers=headers)

    event = await next_event()
    assert event.type == event_type
    assert event.object["id"] == intent.id
    assert event.api_version == API_VERSION
    assert not event.livemode
    told, found = intent_of(event.object), await payments.intents.retrieve(intent.id)
    # What opens the intent and what is written for people is not kept.
    hidden = {"client_secret": None, "error_message": None, "next_action": told.next_action}
    assert told == msgspec.structs.replace(found, **hidden)
    assert (told.next_action is None) == (found.next_action is None)


async def test_an_event_has_the_shape_of_the_processor(payments, receiver):
    await create(payments)

    event = json.loads((await receiver.next_post())[0])

    assert event["id"].startswith("evt_")
    assert event["object"] == "event"
    assert event["request"]["idempotency_key"]
    assert event["data"]["object"]["object"] == "payment_intent"


async def test_a_delivery_is_good_to_the_verifier_of_the_sdk(payments, receiver):
    await create(payments)
    body, signature = await receiver.next_post()

    event = stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)

    assert event.type == "payment_intent.created"
    for raw, secret in ((body + b" ", WEBHOOK_SECRET), (body, "whsec_other")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(raw, signature, secret)


async def test_an_undelivered_event_is_sent_again(payments, receiver, next_event, monkeypatch):
    monkeypatch.setattr(webhooks, "RETRY_FIRST_S", 0.01)
    receiver.answers = [500, 404, 503]

    await create(payments)

    ids = {(await next_event()).id for _ in range(4)}
    assert len(ids) == 1


async def test_an_event_can_be_resent(payments, next_event, sandbox, http):
    await create(payments)
    first = await next_event()

    answer = await http.post(f"{sandbox}/sandbox/events/{first.id}/resend")

    assert answer.status_code == 200
    assert await next_event() == first
    assert (await http.post(f"{sandbox}/sandbox/events/none/resend")).status_code == 404


async def test_a_repeated_request_tells_nothing_new(payments, next_event, sandbox, http):
    intent = await create(payments)
    for _ in range(2):
        await payments.intents.confirm(
            intent.id, payment_method="pm_card_visa", idempotency_key="once"
        )

    listed = (await http.get(f"{sandbox}/sandbox/events")).json()["events"]

    assert sorted(event["type"] for event in listed) == [
        "charge.succeeded",
        "customer.created",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]


async def test_unsent_events_outlive_the_server(database, settings, clock, receiver, next_event):
    key = settings.stripe_secret_key
    receiver.answers = [500]
    async with running(SandboxServer(database, settings, clock)) as url:
        payments = Stripe(key, url, [], livemode=False)
        intent = await create(payments)
        first = await next_event()
        await payments.aclose()

    async with running(SandboxServer(database, settings, clock)):
        again = await next_event()

    assert again == first
    assert again.object["id"] == intent.id
