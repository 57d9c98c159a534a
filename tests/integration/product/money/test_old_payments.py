"""Deposits as old clients and the wallets of phones make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.product.product import Product, refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person


def begun(product: Product, person: Person) -> str:
    wish = {"amountCents": 2_500, "bountyId": None, "description": "For the sofa"}
    made = product.post("/apple-pay/payment-intent", wish, by=person)
    assert made.status_code == 200, made.text
    assert made.json()["clientSecret"].startswith(made.json()["paymentIntentId"])
    intent_id: str = made.json()["paymentIntentId"]
    return intent_id


def paid(product: Product, person: Person, intent_id: str) -> None:
    card = {"paymentIntentId": intent_id, "paymentMethodId": "pm_card_visa"}
    assert product.post("/payments/confirm", card, by=person).json()["success"]


def test_a_phone_pays_into_the_wallet(product: Product) -> None:
    person = product.person("phone")
    intent_id = begun(product, person)
    told = {"paymentIntentId": intent_id}

    before = product.post("/apple-pay/confirm", told, by=person).json()
    too_early = product.post("/wallet/deposit", told, by=person)
    paid(product, person, intent_id)
    after = product.post("/apple-pay/confirm", told, by=person).json()

    assert (before["success"], before["status"]) == (False, "requires_payment_method")
    assert before["error"]
    refused(too_early, 400, "payment_not_succeeded")
    assert (after["success"], after["status"], after["amount"]) == (True, "succeeded", 2_500)
    assert "error" not in after


def test_a_deposit_is_credited_with_what_has_arrived_and_once(product: Product) -> None:
    person = product.person("payer")
    intent_id = begun(product, person)
    paid(product, person, intent_id)
    told = {"paymentIntentId": intent_id, "amount": 1_000_000}

    first, again = (product.post("/wallet/deposit", told, by=person).json() for _ in range(2))

    assert first["tx_id"] == again["tx_id"]
    assert (first["balance"], again["balance"], again["duplicate"]) == (25.0, 25.0, True)
    assert product.balance(person)["balanceCents"] == 2_500


def test_nobody_sees_or_takes_the_deposit_of_another(product: Product) -> None:
    person, other = product.person("payer"), product.person("other")
    told = {"paymentIntentId": begun(product, person)}

    for path in ("/apple-pay/confirm", "/wallet/deposit"):
        refused(product.post(path, told, by=other), 404)
        unknown = {"paymentIntentId": "pi_nobody_knows"}
        refused(product.post(path, unknown, by=person), 404)
