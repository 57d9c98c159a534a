"""Money that may not move: wrong amounts, empty wallets, cards that say no, keys used twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import refused
from tests.integration.product.scene import wish
from tests.integration.product.wire import Wire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

CONFIRM = "/payments/confirm"
INTENT = "/payments/create-payment-intent"
BOUNTIES = "/api/bounties"

PRICES: dict[str, tuple[dict[str, Any], str]] = {
    "parts of a cent": ({"amount": 10.005}, "invalid_amount_precision"),
    "parts of a cent as text": ({"amount": "10.001"}, "invalid_amount_precision"),
    "less than nothing": ({"amount": -10}, "invalid_amount"),
    "less than nothing in cents": ({"amount_cents": -1_000}, "invalid_amount"),
    "nothing": ({"amount": 0}, "invalid_amount"),
    "too little": ({"amount": 0.99}, "invalid_amount"),
    "too much": ({"amount": 10_000.01}, "invalid_amount"),
    "much too much": ({"amount_cents": 2**62}, "invalid_amount"),
    "no number": ({"amount": "ten"}, "invalid_amount"),
    "not a number": ({"amount": "NaN"}, "invalid_amount"),
    "endless": ({"amount": "1e400"}, None),
    "a truth": ({"amount": True}, None),
    "euros": ({"amount": {"amount": 10, "currency": "EUR"}}, "unsupported_currency"),
    "an object without an amount": ({"amount": {"currency": "USD"}}, "invalid_amount"),
}

DEPOSITS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"amountCents": 0}, "VALIDATION_ERROR"),
    "less than nothing": ({"amountCents": -500}, "VALIDATION_ERROR"),
    "too little": ({"amountCents": 49}, "invalid_amount"),
    "too much": ({"amountCents": 1_000_001}, "invalid_amount"),
    "euros": ({"amountCents": 500, "currency": "eur"}, "unsupported_currency"),
    "another purpose": (
        {"amountCents": 500, "metadata": {"purpose": "bounty_escrow"}},
        "unsupported_purpose",
    ),
}

CARDS = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", "incorrect_cvc"),
}


@pytest.mark.parametrize(("fields", "code"), PRICES.values(), ids=PRICES.keys())
def test_a_wrong_price_is_refused(
    product: Product, scene: Scene, fields: dict[str, Any], code: str | None
) -> None:
    with product.unchanged():
        refused(product.post(BOUNTIES, wish(**fields), by=scene.poster), 400, code)


@pytest.mark.parametrize(("fields", "code"), PRICES.values(), ids=PRICES.keys())
async def test_a_wrong_price_is_refused_over_the_socket(
    product: Product, scene: Scene, fields: dict[str, Any], code: str | None
) -> None:
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, scene.poster, codec="msgpack") as wire:
            if fields.get("amount_cents", 0) > 2**53:
                fields = {"amount_cents": 2**53}
            with product.unchanged():
                reply = await wire.ask("call", op="bounty.create", args=wish(**fields))

    assert reply["type"] == "error"
    assert code is None or reply["code"] == code.upper()


@pytest.mark.parametrize(("fields", "code"), DEPOSITS.values(), ids=DEPOSITS.keys())
def test_a_wrong_deposit_is_refused(
    product: Product, scene: Scene, fields: dict[str, Any], code: str
) -> None:
    with product.unchanged():
        refused(product.post(INTENT, fields, by=scene.poster), 400, code)


def test_a_bounty_beyond_the_balance_leaves_nothing_behind(product: Product, scene: Scene) -> None:
    poor = product.person("poor")
    scene.deposit(poor, 999)

    # But for the refusal itself, which a repeat with this key would get.
    with product.unchanged(but=["idempotency_keys"]):
        body = refused(
            product.post(BOUNTIES, wish(amount=10), by=poor, key="poor"),
            400,
            "insufficient_balance",
        )

    assert "Insufficient balance" in body["message"]
    assert (body["required"], body["available"]) == (10.0, 9.99)
    mine = product.get(f"{BOUNTIES}?poster_id={poor.id}&status=all", by=poor)
    assert mine.json() == []


def test_money_that_is_held_cannot_be_held_again(product: Product, scene: Scene) -> None:
    saver = product.person("saver")
    scene.deposit(saver, 1_500)
    assert product.post(BOUNTIES, wish(amount=10), by=saver).status_code == 201

    with product.unchanged():
        refused(product.post(BOUNTIES, wish(amount=10), by=saver), 400, "insufficient_balance")

    assert product.balance(saver)["balanceCents"] == 500


def test_a_key_used_for_another_request_is_refused(product: Product, scene: Scene) -> None:
    key, first = new_id(), wish()
    created = product.post(BOUNTIES, first, by=scene.poster, key=key)
    assert created.status_code == 201

    with product.unchanged():
        other = product.post(BOUNTIES, first | {"amount": 11}, by=scene.poster, key=key)
        again = product.post(BOUNTIES, first, by=scene.poster, key=key)

    refused(other, 409, "idempotency_conflict")
    assert (again.status_code, again.json()) == (201, created.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in created.headers


def test_a_key_is_somebodys_own(product: Product, scene: Scene) -> None:
    key = new_id()
    mine = product.post(BOUNTIES, wish(), by=scene.poster, key=key).json()
    yours = product.post(BOUNTIES, wish(amount=0, is_for_honor=True), by=scene.hunter, key=key)

    assert yours.status_code == 201
    assert yours.json()["id"] != mine["id"]


def test_a_deposit_key_used_for_another_amount_is_refused(product: Product, scene: Scene) -> None:
    key, body = new_id(), {"amountCents": 700}
    first = product.post(INTENT, body, by=scene.poster, key=key).json()

    with product.unchanged():
        other = product.post(INTENT, {"amountCents": 800}, by=scene.poster, key=key)
        again = product.post(INTENT, body, by=scene.poster, key=key)

    refused(other, 409, "idempotency_conflict")
    assert again.json()["paymentIntentId"] == first["paymentIntentId"]


def test_applying_twice_answers_with_the_first_application(product: Product, scene: Scene) -> None:
    bounty_id, request_id = scene.pending

    with product.unchanged():
        again = product.post("/api/bounty-requests", {"bounty_id": bounty_id}, by=scene.hunter)

    body = refused(again, 409, "ALREADY_APPLIED")
    assert "already" in body["message"]
    assert body["request"]["id"] == request_id


def test_accepting_twice_changes_nothing(product: Product, scene: Scene) -> None:
    job = scene.new_job()

    with product.unchanged():
        again = product.post(f"/api/bounty-requests/{job.request_id}/accept", by=scene.poster)

    assert again.status_code == 200
    assert again.json()["conversationId"] == job.conversation_id


def test_accepting_somebody_else_afterwards_is_refused(product: Product, scene: Scene) -> None:
    bounty_id = scene.new_bounty()
    late = scene.apply(bounty_id, by=scene.stranger)["id"]
    chosen = scene.apply(bounty_id)["id"]
    assert product.post(f"/api/bounty-requests/{chosen}/accept", by=scene.poster).is_success

    with product.unchanged():
        response = product.post(f"/api/bounty-requests/{late}/accept", by=scene.poster)

    body = refused(response, 409)
    assert body["currentStatus"] == "in_progress"


def test_a_bounty_in_progress_takes_no_application(product: Product, scene: Scene) -> None:
    body = {"bounty_id": scene.job.bounty_id}

    with product.unchanged():
        refused(product.post("/api/bounty-requests", body, by=scene.stranger), 409)


@pytest.mark.parametrize(
    "price", [{"amount": 0}, {"amount": 25}, {"amount": ..., "amount_cents": 2_500}]
)
def test_an_honor_bounty_moves_no_money(
    product: Product, scene: Scene, price: dict[str, Any]
) -> None:
    before = product.balance(scene.poster)

    honor = product.post(BOUNTIES, wish(**price, is_for_honor=True), by=scene.poster)

    assert honor.json()["amount_cents"] == 0
    assert product.balance(scene.poster) == before


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"amount": 10, "amount_cents": 100}, {"amount", "amount_cents"}),
        ({"amount": "10.00", "amountCents": 999}, {"amount", "amount_cents"}),
        ({"amount": 0, "amount_cents": 1_000}, {"amount", "amount_cents"}),
        ({"amount": ..., "amount_cents": 1_000, "amountCents": 100}, {"amount_cents"}),
    ],
)
def test_prices_that_contradict_each_other_are_refused_by_name(
    product: Product, scene: Scene, fields: dict[str, Any], named: set[str]
) -> None:
    with product.unchanged():
        body = refused(product.post(BOUNTIES, wish(**fields), by=scene.poster), 400)

    assert {issue["path"] for issue in body["issues"]} == named


def test_one_price_may_be_said_twice(product: Product, scene: Scene) -> None:
    body = wish(amount="12.5", amount_cents=1_250, amountCents=1_250)

    made = product.post(BOUNTIES, body, by=scene.poster)

    assert (made.status_code, made.json()["amount_cents"]) == (201, 1_250)


@pytest.mark.parametrize(("card", "codes"), CARDS.items(), ids=CARDS.keys())
def test_a_declined_card_credits_nothing(
    product: Product, scene: Scene, card: str, codes: tuple[str, str]
) -> None:
    payer = product.person("payer")
    intent_id = scene.new_intent(payer)["paymentIntentId"]

    body = refused(scene.confirm(payer, intent_id, card), 400)

    assert (body["code"], body["decline_code"]) == codes
    assert product.balance(payer)["balanceCents"] == 0


def test_another_card_may_follow_a_declined_one(product: Product, scene: Scene) -> None:
    payer = product.person("payer")
    intent_id = scene.new_intent(payer)["paymentIntentId"]
    refused(scene.confirm(payer, intent_id, "pm_card_chargeDeclined"), 400, "card_declined")

    assert scene.confirm(payer, intent_id).json()["success"] is True

    scene.is_processed(intent_id)
    assert product.balance(payer)["balanceCents"] == 2_000


def test_an_unknown_card_is_refused(product: Product, scene: Scene) -> None:
    body = {"paymentIntentId": scene.intent_id, "paymentMethodId": "pm_card_ofNobody"}

    with product.unchanged():
        refused(product.post(CONFIRM, body, by=scene.poster), 404)


def test_a_card_that_asks_for_its_owner_credits_once_he_has_answered(
    product: Product, scene: Scene
) -> None:
    payer = product.person("payer")
    intent_id = scene.new_intent(payer)["paymentIntentId"]

    asked = scene.confirm(payer, intent_id, "pm_card_authenticationRequired")

    assert asked.status_code == 200
    told = asked.json()
    assert (told["success"], told["requiresAction"]) == (False, True)
    assert told["clientSecret"]
    assert product.balance(payer)["balanceCents"] == 0
    product.sandbox.post(f"/sandbox/payment_intents/{intent_id}/authenticate").raise_for_status()
    scene.is_processed(intent_id)
    assert product.balance(payer)["balanceCents"] == 2_000
    assert scene.confirm(payer, intent_id).json()["success"] is True
    assert product.balance(payer)["balanceCents"] == 2_000


def test_an_owner_who_does_not_answer_pays_nothing(product: Product, scene: Scene) -> None:
    payer = product.person("payer")
    intent_id = scene.new_intent(payer)["paymentIntentId"]
    scene.confirm(payer, intent_id, "pm_card_authenticationRequired")

    path = f"/sandbox/payment_intents/{intent_id}/authenticate?outcome=fail"
    product.sandbox.post(path).raise_for_status()

    assert product.balance(payer)["balanceCents"] == 0
    assert product.books_balance()
