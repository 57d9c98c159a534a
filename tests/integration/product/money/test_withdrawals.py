"""Earnings on their way out, over the whole product: to the bank, to a card, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

TRANSFER, INSTANT = "/connect/transfer", "/connect/instant-payout"


def earner(product: Product, scene: Scene) -> Person:
    """Somebody with $200.00, and an account that it can be paid to."""
    person = product.person("earner")
    intent_id = scene.new_intent(person, 20_000)["paymentIntentId"]
    assert scene.confirm(person, intent_id, "pm_card_visa").json()["status"] == "succeeded"
    link = product.post("/connect/create-account-link", {}, by=person)
    assert link.status_code == 200, link.text
    assert link.json()["expiresAt"] > 1_000_000_000_000
    product.sandbox.get(link.json()["url"])
    return person


def settle(product: Product, sent: dict[str, Any], payout_id: str, outcome: str = "") -> None:
    path = f"/sandbox/accounts/{sent['accountId']}/payouts/{payout_id}/settle{outcome}"
    assert product.sandbox.post(path).status_code == 200


def payout_of(product: Product, sent: dict[str, Any]) -> str:
    sql = "select payout_id from app.withdrawals where id = %s"
    return str(product.value(sql, sent["transactionId"]))


def status_of(product: Product, sent: dict[str, Any]) -> str:
    return str(
        product.value("select status from app.withdrawals where id = %s", sent["transactionId"])
    )


def test_the_bank_is_paid_and_says_so(product: Product, scene: Scene) -> None:
    person = earner(product, scene)
    account = product.get("/connect/status", by=person).json()
    assert (account["onboarded"], account["payoutsEnabled"]) == (True, True)
    [bank] = product.get("/connect/bank-accounts", by=person).json()["bankAccounts"]

    wanted = {"amount": 57.5, "bankAccountId": bank["id"]}
    sent = product.post(TRANSFER, wanted, by=person).json()

    assert (sent["status"], sent["payoutStatus"]) == ("completed", "in_flight")
    assert (sent["amount"], sent["newBalance"]) == (57.5, 142.5)
    assert sent["accountId"] == account["accountId"]
    settle(product, sent, payout_of(product, sent))
    product.until(lambda: status_of(product, sent) == "paid")
    assert product.balance(person)["balanceCents"] == 14_250
    product.books_balance()


def test_haste_costs_and_what_comes_back_is_in_the_wallet_again(
    product: Product, scene: Scene
) -> None:
    person = earner(product, scene)
    [card] = product.get("/connect/debit-cards", by=person).json()["debitCards"]
    assert card["instantEligible"]

    sent = product.post(INSTANT, {"amount": 100, "debitCardId": card["id"]}, by=person).json()

    assert (sent["payoutMethod"], sent["estimatedFee"], sent["newBalance"]) == ("instant", 1, 99)
    settle(product, sent, sent["payoutId"], "?outcome=fail")
    product.until(lambda: status_of(product, sent) == "reversed")
    assert product.balance(person)["balanceCents"] == 20_000
    retry = {"transactionId": sent["transactionId"]}
    again = product.post("/connect/retry-transfer", retry, by=person).json()
    assert (again["success"], status_of(product, again)) == (True, "payout_pending")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (TRANSFER, {"amount": 9.99}, "below_minimum"),
        (TRANSFER, {"amount": 10_000.01}, "above_maximum"),
        (TRANSFER, {"amount": 10.005}, "invalid_amount_precision"),
        (TRANSFER, {"amount": 0}, "invalid_amount"),
        (TRANSFER, {"amount": 50, "currency": "eur"}, "unsupported_currency"),
        (TRANSFER, {"amount": 50, "bankAccountId": "ba_none"}, "bank_account_not_found"),
        (TRANSFER, {"amount": 500}, "insufficient_balance"),
        (INSTANT, {"amount": 9_999.01}, "above_instant_maximum"),
        (INSTANT, {"amount": 50, "debitCardId": "card_none"}, "debit_card_not_found"),
        (INSTANT, {"amount": 199}, "insufficient_balance"),
    ],
)
def test_what_cannot_be_paid_is_refused_in_the_words_of_the_app(
    product: Product, scene: Scene, path: str, body: dict[str, Any], code: str
) -> None:
    person = earner(product, scene)

    refused(product.post(path, body, by=person), 400, code)
    assert product.balance(person)["balanceCents"] == 20_000


def test_nobody_tries_again_what_is_of_another(product: Product, scene: Scene) -> None:
    body = {"transactionId": new_id()}
    refused(product.post("/connect/retry-transfer", body, by=scene.poster), 404)
    refused(product.post(TRANSFER, {"amount": 50}, by=scene.poster), 400, "connect_not_onboarded")


def test_banks_and_cards_are_entered_elsewhere(product: Product, scene: Scene) -> None:
    for method, path, code in (
        ("POST", "/connect/bank-accounts", "manual_bank_entry_deprecated"),
        ("DELETE", "/connect/bank-accounts/ba_1", "bank_account_remove_deprecated"),
        ("POST", "/connect/bank-accounts/ba_1/default", "bank_account_default_deprecated"),
        ("POST", "/connect/debit-cards", "debit_card_add_deprecated"),
        ("DELETE", "/connect/debit-cards/card_1", "debit_card_remove_deprecated"),
    ):
        body = refused(product.send(method, path, by=scene.poster), 410, code)
        assert body["migrate_to"] == "/connect/create-account-link"
