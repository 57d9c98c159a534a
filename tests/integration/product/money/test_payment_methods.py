"""Cards and bank accounts of a payer: kept, listed, used, forgotten, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

METHODS = "/payments/methods"


def add(product: Product, person: Person, method_id: str = "pm_card_visa") -> dict[str, Any]:
    answer = product.post(METHODS, {"paymentMethodId": method_id}, by=person)
    assert answer.status_code == 200, answer.text
    return answer.json()["paymentMethod"]


def listed(product: Product, person: Person) -> list[dict[str, Any]]:
    return product.get(METHODS, by=person).json()["paymentMethods"]


def provider(product: Product, path: str, **data: str) -> dict[str, Any]:
    """Ask the provider as the app's own form does."""
    key = {"authorization": f"Bearer {product.secrets.stripe_secret_key}"}
    answer = product.sandbox.post(path, data=data, headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_who_never_paid_pays_with_nothing(product: Product) -> None:
    assert listed(product, product.person("newcomer")) == []


def test_what_is_kept_is_listed_and_paid_with_and_forgotten(product: Product, scene: Scene) -> None:
    payer = product.person("payer")
    card = add(product, payer)
    bank = add(product, payer, "pm_usBankAccount")

    assert card["card"] == {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034}
    assert bank["us_bank_account"]["last4"] == "6789"
    assert listed(product, payer) == [card, bank]
    assert add(product, payer, card["id"]) == card, "repeating it changes nothing"
    assert len(listed(product, payer)) == 2

    intent_id = scene.new_intent(payer)["paymentIntentId"]
    assert scene.confirm(payer, intent_id, card["id"]).json()["status"] == "succeeded"

    assert product.send("DELETE", f"{METHODS}/{card['id']}", by=payer).json() == {"success": True}
    assert listed(product, payer) == [bank]
    refused(product.send("DELETE", f"{METHODS}/{card['id']}", by=payer), 404)


def test_a_card_that_the_form_has_entered_is_kept(product: Product) -> None:
    payer = product.person("payer")
    begun = product.post("/payments/create-setup-intent", {}, by=payer).json()
    assert begun["clientSecret"].startswith(f"{begun['setupIntentId']}_secret_")

    path = f"/v1/setup_intents/{begun['setupIntentId']}/confirm"
    done = provider(product, path, payment_method="pm_card_mastercard")

    [card] = listed(product, payer)
    assert (done["status"], done["payment_method"]) == ("succeeded", card["id"])
    assert card["card"]["brand"] == "mastercard"


@pytest.mark.parametrize(("outcome", "kept"), [("", 1), ("?outcome=fail", 0)])
def test_a_card_whose_bank_asks_is_kept_once_its_owner_has_passed(product, outcome, kept) -> None:
    payer = product.person("payer")
    begun = product.post("/payments/create-setup-intent", {"usage": "on_session"}, by=payer).json()
    path = f"/v1/setup_intents/{begun['setupIntentId']}/confirm"
    asked = provider(product, path, payment_method="pm_card_authenticationRequired")
    assert asked["status"] == "requires_action"
    assert listed(product, payer) == []

    provider(product, f"/sandbox/setup_intents/{begun['setupIntentId']}/authenticate{outcome}")

    assert len(listed(product, payer)) == kept


def test_nobody_takes_or_removes_what_another_keeps(product: Product) -> None:
    owner, thief = product.person("owner"), product.person("thief")
    card = add(product, owner)
    # Who has paid before is known to the provider, too.
    add(product, thief, "pm_card_amex")

    refused(product.post(METHODS, {"paymentMethodId": card["id"]}, by=thief), 404)
    refused(product.send("DELETE", f"{METHODS}/{card['id']}", by=thief), 403)
    assert listed(product, owner) == [card]


def test_nobody_pays_with_what_another_keeps(product: Product, scene: Scene) -> None:
    owner, thief = product.person("owner"), product.person("thief")
    card = add(product, owner)
    intent_id = scene.new_intent(thief)["paymentIntentId"]

    answer = scene.confirm(thief, intent_id, card["id"])

    assert answer.status_code == 400, answer.text
    assert product.balance(thief)["balanceCents"] == 0


@pytest.mark.parametrize("method_id", ["pm_none", "cus_1", "pm_card_nobody"])
def test_what_the_provider_does_not_know_does_not_exist(product: Product, method_id: str) -> None:
    payer = product.person("payer")

    refused(product.post(METHODS, {"paymentMethodId": method_id}, by=payer), 404)
    refused(product.send("DELETE", f"{METHODS}/{method_id}", by=payer), 404)


def test_account_numbers_are_not_taken(product: Product, scene: Scene) -> None:
    numbers = {"routingNumber": "110000000", "accountNumber": "000123456789"}
    body = refused(
        product.post("/payments/bank-accounts", numbers, by=scene.poster),
        410,
        "manual_bank_entry_deprecated",
    )

    assert body["migrate_to"] == "/payments/create-setup-intent"
