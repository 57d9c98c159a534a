"""A deposit from its payer's side: looked at, given up, paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene


def cancel(product: Product, scene: Scene, intent_id: str):
    return product.post(f"/payments/{intent_id}/cancel", by=scene.poster)


def status(product: Product, scene: Scene, intent_id: str):
    return product.get(f"/payments/{intent_id}/status", by=scene.poster).json()


def test_a_deposit_is_given_up_once_and_cannot_be_paid_then(product, scene) -> None:
    made = scene.new_intent(scene.poster)
    intent_id, balance = made["paymentIntentId"], product.balance(scene.poster)

    first, second = (cancel(product, scene, intent_id) for _ in range(2))

    assert first.json() == second.json()
    assert first.json() == {"success": True, "status": "canceled", "paymentIntentId": intent_id}
    refused(scene.confirm(scene.poster, intent_id), 409, "payment_ended")
    assert status(product, scene, intent_id)["status"] == "canceled"
    assert product.balance(scene.poster) == balance


def test_a_deposit_shows_what_finishes_it(product, scene) -> None:
    made = scene.new_intent(scene.poster, 1_234)

    found = status(product, scene, made["paymentIntentId"])

    assert found == made
    assert (found["id"], found["amount"], found["currency"]) == (made["id"], 1_234, "usd")


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_usBankAccount"])
def test_a_deposit_that_is_paid_is_not_given_up(product, scene, card) -> None:
    intent_id = scene.new_intent(scene.poster)["paymentIntentId"]
    assert scene.confirm(scene.poster, intent_id, card).status_code == 200
    paid = status(product, scene, intent_id)["status"]

    refused(cancel(product, scene, intent_id), 409, "invalid_status")
    assert status(product, scene, intent_id)["status"] == paid != "canceled"


def test_money_that_came_past_us_is_credited_when_somebody_looks(product, scene) -> None:
    """As when the card form of the app has confirmed, and the webhook was lost."""
    intent_id = scene.new_intent(scene.poster)["paymentIntentId"]
    before = product.balance(scene.poster)["balanceCents"]
    answer = product.sandbox.post(
        f"/v1/payment_intents/{intent_id}/confirm",
        data={"payment_method": "pm_card_visa"},
        headers={"authorization": f"Bearer {product.secrets.stripe_secret_key}"},
    )
    assert answer.status_code == 200, answer.text

    assert status(product, scene, intent_id)["status"] == "succeeded"
    assert product.balance(scene.poster)["balanceCents"] == before + 2_000


@pytest.mark.parametrize("path", ["status", "cancel"])
def test_a_deposit_is_nobody_elses(product, scene, path) -> None:
    method, code = ("GET", 404) if path == "status" else ("POST", 403)
    with product.unchanged():
        answer = product.send(method, f"/payments/{scene.intent_id}/{path}", by=scene.stranger)
        refused(answer, code)
    nobody = product.send(method, f"/payments/pi_none/{path}", by=scene.poster)
    refused(nobody, 404)
