"""``stripe`` for Python, as people use it: against the emulator, and through our server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stripe
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted
from bountyexpo.sandbox.stripe.webhooks import signature

from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Mapping

CARD = {"payment_method": "pm_card_visa"}


@pytest.fixture
def sdk(served: Mapping[str, str]) -> Any:
    """The client of version 1 of the API, at the emulator's address."""
    return client(served["stripeKey"], served).v1


def client(key: str, served: Mapping[str, str]) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": served["sandboxUrl"]})


@pytest.fixture
def customer(sdk: Any) -> Any:
    return sdk.customers.create({"email": "payer@example.test", "metadata": {"a": "1"}})


@pytest.fixture
def intent(sdk: Any, customer: Any) -> Any:
    return sdk.payment_intents.create({"amount": 2500, "currency": "usd", "customer": customer.id})


def test_a_customer_lives_and_goes(sdk: Any, customer: Any) -> None:
    assert sdk.customers.update(customer.id, {"name": "P"}).name == "P"
    assert sdk.customers.retrieve(customer.id).metadata["a"] == "1"
    assert sdk.customers.delete(customer.id).deleted
    assert sdk.customers.retrieve(customer.id).deleted


def test_a_card_is_declined_and_another_pays(sdk: Any, intent: Any) -> None:
    with pytest.raises(stripe.CardError) as caught:
        sdk.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    assert (caught.value.code, caught.value.http_status) == ("card_declined", 402)

    wanted = CARD | {"expand": ["latest_charge.payment_intent", "customer"]}
    paid = sdk.payment_intents.confirm(intent.id, wanted)

    assert (paid.status, paid.amount_received) == ("succeeded", 2500)
    assert paid.latest_charge.payment_intent.id == intent.id
    assert paid.customer.email == "payer@example.test"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.payment_intents.cancel(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_a_card_is_charged_later(sdk: Any, customer: Any) -> None:
    terms = {"amount": 2500, "currency": "usd", "customer": customer.id}
    held = sdk.payment_intents.create(
        terms | CARD | {"capture_method": "manual", "confirm": True, "off_session": True}
    )
    assert (held.status, held.amount_capturable) == ("requires_capture", 2500)

    assert sdk.payment_intents.capture(held.id, {"amount_to_capture": 2000}).amount_received == 2000


def test_money_goes_back(sdk: Any, intent: Any) -> None:
    sdk.payment_intents.confirm(intent.id, CARD)
    parts = [sdk.refunds.create({"payment_intent": intent.id, "amount": 800}) for _ in range(2)]
    rest = sdk.refunds.create({"payment_intent": intent.id})

    assert rest.amount == 900
    listed = sdk.refunds.list({"payment_intent": intent.id}).auto_paging_iter()
    assert [each.id for each in listed] == [rest.id, parts[1].id, parts[0].id]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"


def test_more_than_a_page_is_walked_to_its_end_both_ways(sdk: Any, customer: Any) -> None:
    terms = {"amount": 500, "currency": "usd", "customer": customer.id}
    made = [sdk.payment_intents.create(terms).id for _ in range(103)]

    mine = {"customer": customer.id, "limit": 40}
    newest = [each.id for each in sdk.payment_intents.list(mine).auto_paging_iter()]
    back = sdk.payment_intents.list(mine | {"ending_before": newest[-1]}).auto_paging_iter()

    assert newest == made[::-1]
    assert [each.id for each in back] == made[1:]
    later = sdk.payment_intents.list(mine | {"created": {"gt": int(time.time()) + 5}})
    assert later.data == []


def test_a_key_is_one_request(sdk: Any) -> None:
    once: Any = {"idempotency_key": new_id()}
    first = sdk.customers.create({"email": "a@example.test"}, once)

    assert sdk.customers.create({"email": "a@example.test"}, once).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        sdk.customers.create({"email": "b@example.test"}, once)


def test_errors_are_those_of_the_processor(served: Mapping[str, str], sdk: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        sdk.payment_intents.retrieve("pi_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client(served["stripeKey"], served).raw_request("get", "/v1/nothing")
    with pytest.raises(stripe.AuthenticationError):
        client("sk_test_wrong", served).v1.customers.list()
    with pytest.raises(stripe.PermissionError):
        sdk.customers.list(options={"stripe_account": "acct_1"})
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        sdk.customers.create({"colour": "green"})
    assert unknown.value.code == "parameter_unknown"


def test_what_is_delivered_is_good_to_their_verifier(served: Mapping[str, str]) -> None:
    body = '{"id": "evt_1", "object": "event", "type": "payment_intent.created"}'
    header = signature(body.encode(), served["webhookSecret"], int(time.time()))

    event = stripe.Webhook.construct_event(body, header, served["webhookSecret"])

    assert event.type == "payment_intent.created"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + " ", header, served["webhookSecret"])


def test_what_the_native_sdk_pays_is_in_the_wallet(served: Mapping[str, str], sdk: Any) -> None:
    name = f"py{new_id()[:8]}"
    person = {"email": f"{name}@example.test", "username": name, "password": "correct horse"}
    with httpx.Client(verify=trusted(), base_url=served["url"], timeout=PATIENCE_S) as http:
        assert http.post("/auth/register", json=person).status_code == 201
        del person["username"]
        token = http.post("/auth/sign-in", json=person).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        wanted = {"amountCents": 2500, "currency": "usd"}
        made = http.post("/payments/create-payment-intent", json=wanted).json()
        intent_id = made["paymentIntentId"]
        sdk.payment_intents.confirm(intent_id, CARD)

        answer = http.post("/payments/confirm", json={"paymentIntentId": intent_id})

        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
        assert http.get("/wallet/balance").json()["balance"] == 25
    payer = sdk.payment_intents.retrieve(intent_id, {"expand": ["customer"]}).customer
    assert payer.email == f"{name}@example.test"
