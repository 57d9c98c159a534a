"""The card adapter, through the real SDK, against the emulator."""

from __future__ import annotations

import httpx
import pytest
import stripe
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import (
    CardRefused,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from bountyexpo.integrations.stripe.calls import API_VERSION, Bounds
from bountyexpo.integrations.stripe.port import Stripe


@pytest.fixture
async def customer(payments):
    return await payments.customers.create(
        user_id=new_id(), email="payer@example.test", idempotency_key=new_id()
    )


@pytest.fixture
def create(payments, customer):
    async def call(**changes):
        asked = {
            "amount_cents": 2500,
            "currency": "usd",
            "customer_id": customer,
            "metadata": {"user_id": "u1", "purpose": "wallet_deposit"},
            "idempotency_key": new_id(),
        }
        return await payments.intents.create(**{**asked, **changes})

    return call


@pytest.fixture
def confirm(payments):
    async def call(intent, payment_method="pm_card_visa", key=None):
        return await payments.intents.confirm(
            intent.id, payment_method=payment_method, idempotency_key=key or new_id()
        )

    return call


@pytest.fixture
def fault(sandbox, http):
    async def order(kind, times=1, path="/v1/payment_intents"):
        body = {"kind": kind, "times": times, "path": path}
        answer = await http.post(f"{sandbox}/sandbox/faults", json=body)
        assert answer.status_code == 200

    return order


def test_the_pinned_version_is_the_one_of_the_sdk():
    assert stripe.api_version == API_VERSION


async def test_a_new_intent_waits_for_a_card(create):
    intent = await create()

    assert intent.status == "requires_payment_method"
    assert (intent.amount_cents, intent.amount_received_cents) == (2500, 0)
    assert intent.currency == "usd"
    assert intent.metadata == {"user_id": "u1", "purpose": "wallet_deposit"}
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.client_secret not in repr(intent)


async def test_a_good_card_pays(create, confirm, payments):
    intent = await create()

    paid = await confirm(intent)

    assert paid.status == "succeeded"
    assert paid.amount_received_cents == 2500
    assert paid.latest_charge.startswith("ch_")
    assert await payments.intents.retrieve(intent.id) == paid


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ],
)
async def test_a_declined_card_can_be_replaced(create, confirm, payments, card, code, decline_code):
    intent = await create()

    with pytest.raises(CardRefused) as caught:
        await confirm(intent, card)

    assert caught.value.status == 400
    assert caught.value.error_code == code
    assert caught.value.fields["decline_code"] == decline_code
    declined = await payments.intents.retrieve(intent.id)
    assert declined.status == "requires_payment_method"
    assert (declined.error_code, declined.decline_code) == (code, decline_code)
    assert declined.error_message
    assert (await confirm(intent)).status == "succeeded"


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        ("succeed", ("succeeded", None)),
        ("fail", ("requires_payment_method", "payment_intent_authentication_failure")),
    ],
)
async def test_a_card_may_ask_for_the_payers_presence(
    create, confirm, payments, sandbox, http, outcome, found
):
    intent = await create()
    waiting = await confirm(intent, "pm_card_authenticationRequired")
    assert waiting.status == "requires_action"
    assert waiting.next_action["type"] == "use_stripe_sdk"

    await http.post(f"{sandbox}/sandbox/payment_intents/{intent.id}/authenticate?outcome={outcome}")

    answered = await payments.intents.retrieve(intent.id)
    assert (answered.status, answered.error_code) == found


@pytest.mark.parametrize(
    ("outcome", "status"), [("succeed", "succeeded"), ("fail", "requires_payment_method")]
)
async def test_a_bank_takes_its_time(create, confirm, payments, sandbox, http, outcome, status):
    intent = await create()
    assert (await confirm(intent, "pm_usBankAccount")).status == "processing"

    await http.post(f"{sandbox}/sandbox/payment_intents/{intent.id}/settle?outcome={outcome}")

    assert (await payments.intents.retrieve(intent.id)).status == status


async def test_the_same_key_gives_the_same_intent(create):
    first = await create(idempotency_key="once")

    assert await create(idempotency_key="once") == first


async def test_a_key_serves_one_request_only(create):
    await create(idempotency_key="once")

    with pytest.raises(IdempotencyConflict):
        await create(idempotency_key="once", amount_cents=9900)


async def test_a_decline_is_remembered_for_its_key(create, confirm):
    intent = await create()

    for _ in range(2):
        with pytest.raises(CardRefused):
            await confirm(intent, "pm_card_chargeDeclined", key="once")


async def test_paying_twice_takes_the_money_once(create, confirm):
    intent = await create()
    paid = await confirm(intent)

    assert await confirm(intent) == paid


async def test_a_canceled_intent_takes_no_money(create, confirm, payments):
    intent = await create()

    canceled = await payments.intents.cancel(intent.id, idempotency_key=new_id())

    assert canceled.status == "canceled"
    assert await confirm(intent) == canceled
    assert await payments.intents.cancel(intent.id, idempotency_key=new_id()) == canceled


async def test_a_paid_intent_cannot_be_canceled(create, confirm, payments):
    intent = await create()
    paid = await confirm(intent)

    assert await payments.intents.cancel(intent.id, idempotency_key=new_id()) == paid


async def test_what_is_not_there_is_not_found(create, confirm, payments):
    with pytest.raises(NotFound):
        await payments.intents.retrieve("pi_none")
    with pytest.raises(NotFound):
        await create(customer_id="cus_none")
    with pytest.raises(NotFound):
        await confirm(await create(), "pm_none")


@pytest.mark.parametrize("changes", [{"amount_cents": 1}, {"currency": "xyz"}])
async def test_a_senseless_request_is_refused(create, changes):
    with pytest.raises(InvalidRequest) as caught:
        await create(**changes)

    assert "payment" not in caught.value.message.lower()


@pytest.mark.parametrize("kind", ["server_error", "server_error_after"])
async def test_one_failure_is_repeated_by_the_sdk(create, fault, kind):
    await fault(kind)

    intent = await create(idempotency_key="once")

    assert await create(idempotency_key="once") == intent


async def test_an_outage_has_an_unknown_outcome(create, fault):
    await fault("server_error_after", times=3)

    with pytest.raises(ProviderFailed) as caught:
        await create(idempotency_key="once")

    assert caught.value.retryable
    assert (await create(idempotency_key="once")).status == "requires_payment_method"


async def test_a_lost_answer_can_be_asked_for_again(
    create, fault, payments, sandbox, settings, http
):
    impatient = Stripe(
        settings.stripe_secret_key, sandbox, [], livemode=False, bounds=Bounds(deadline_s=0.3)
    )
    intent = await create()
    await fault("lost_reply")

    with pytest.raises(ProviderFailed):
        await impatient.intents.confirm(
            intent.id, payment_method="pm_card_visa", idempotency_key="once"
        )
    again = await payments.intents.confirm(
        intent.id, payment_method="pm_card_visa", idempotency_key="once"
    )

    assert again.status == "succeeded"
    events = await http.get(f"{sandbox}/sandbox/events")
    types = [event["type"] for event in events.json()["events"]]
    assert types.count("payment_intent.succeeded") == 1
    await impatient.aclose()


async def test_a_silent_server_is_asked_again_with_the_same_key(
    create, fault, sandbox, settings, customer
):
    hurried = Stripe(
        settings.stripe_secret_key, sandbox, [], livemode=False, bounds=Bounds(attempt_s=0.3)
    )
    await fault("lost_reply")

    found = await hurried.intents.create(
        amount_cents=500, currency="usd", customer_id=customer, metadata={}, idempotency_key="one"
    )

    assert found.amount_cents == 500
    await hurried.aclose()


async def test_a_rate_limit_means_nothing_happened(create, fault):
    await fault("rate_limit")

    with pytest.raises(Unavailable):
        await create()


async def test_a_wrong_key_of_ours_is_not_the_payers_fault(sandbox):
    wrong = Stripe("sk_test_wrong", sandbox, [], livemode=False)

    with pytest.raises(Unavailable):
        await wrong.customers.create(user_id="u", email=None, idempotency_key="k")

    await wrong.aclose()


async def test_an_unreachable_server_has_an_unknown_outcome():
    nowhere = Stripe("sk", "http://127.0.0.1:1", [], livemode=False, bounds=Bounds(deadline_s=0.2))

    with pytest.raises(ProviderFailed):
        await nowhere.intents.retrieve("pi_1")

    await nowhere.aclose()


async def test_events_are_listed_newest_first(create, confirm, sandbox, settings, http):
    await confirm(await create())
    key = httpx.BasicAuth(settings.stripe_secret_key, "")

    page = (await http.get(f"{sandbox}/v1/events?limit=1", auth=key)).json()
    newest = page["data"][0]
    event = (await http.get(f"{sandbox}/v1/events/{newest['id']}", auth=key)).json()

    assert page["has_more"]
    assert newest["type"] == "payment_intent.succeeded"
    assert event == newest
