"""The price of a bounty by every path that the old services had for it (contract money §2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.product.market.offers import Offer
from tests.integration.product.product import Product, refused

if TYPE_CHECKING:
    import httpx

    from tests.integration.product.product import Person
    from tests.integration.product.scene import Scene

# What the app takes for a payment.
TAKEN_AS_PAID = re.compile("already (released|refunded)|duplicate")

RELEASES = (
    ("/bounty-payments/release", {}),
    ("/payments/escrows/{}/release", {}),
    ("/api/completion-release", {"platformFeePercentage": 90}),
    ("/wallet/release", {}),
)
REFUNDS = (
    ("/bounty-payments/cancel", {}),
    ("/payments/escrows/{}/refund", {}),
    ("/wallet/refund", {"reason": "It rains.", "refundPercentage": 100}),
)


def ask(
    offer: Offer, path: str, body: dict[str, Any] | None = None, by: Person | None = None
) -> httpx.Response:
    fields = {"bountyId": offer.id} | (body or {})
    return offer.product.post(path.format(offer.id), fields, by=by or offer.poster)


def wallet(product: Product, person: Person) -> int:
    cents: int = product.balance(person)["balanceCents"]
    return cents


@pytest.mark.parametrize(("path", "body"), RELEASES)
def test_the_hunter_is_paid_once_whichever_path_asks(
    scene: Scene, product: Product, path: str, body: dict[str, Any]
) -> None:
    offer = Offer(scene, cents=6_000)
    offer.begin()
    refused(ask(offer, path, body), 409, "NO_PENDING_SUBMISSION")
    offer.hand_in()
    stranger = product.person("stranger")
    refused(ask(offer, path, body, by=stranger), 403, "not_poster")
    refused(ask(offer, path, body, by=offer.hunter), 403, "not_poster")
    refused(ask(offer, path, body | {"hunterId": stranger.id}), 403, "hunter_mismatch")

    told = ask(offer, path, body | {"hunterId": offer.hunter.id})

    assert told.status_code == 200, told.text
    paid = told.json()
    assert {paid.get("hunterAmount"), paid.get("releaseAmount")} == {57.0, None}
    assert paid["platformFee"] == 3.0
    assert wallet(product, offer.hunter) == 5_700
    assert offer.row["status"] == "completed"
    again = ask(offer, path, body)
    if path == "/wallet/release":
        # The app reads the text, not the code.
        assert TAKEN_AS_PAID.search(refused(again, 409, "duplicate_transaction")["error"])
    else:
        assert again.json()["transferId"] == paid["transferId"]
    assert wallet(product, offer.hunter) == 5_700


@pytest.mark.parametrize(("path", "body"), REFUNDS)
def test_the_poster_gets_the_price_back_once_whichever_path_asks(
    scene: Scene, product: Product, path: str, body: dict[str, Any]
) -> None:
    offer = Offer(scene, cents=6_000)
    before = offer.left_cents
    refused(ask(offer, path, body, by=product.person("stranger")), 403, "not_poster")

    told = ask(offer, path, body)
    again = ask(offer, path, body)

    for each in (told, again):
        assert each.status_code == 200, each.text
        assert each.json().get("refundAmount", each.json().get("amount")) == 60.0
    assert offer.left_cents == before + 6_000
    assert (offer.row["status"], offer.escrows()[-1][2]) == ("cancelled", "refunded")
    for release, more in RELEASES:
        error = refused(ask(offer, release, more), 409, "already_refunded")["error"]
        assert not TAKEN_AS_PAID.search(error)


@pytest.mark.parametrize(("path", "body"), REFUNDS)
def test_nothing_goes_back_without_the_hunter(
    scene: Scene, path: str, body: dict[str, Any]
) -> None:
    offer = Offer(scene, cents=6_000)
    offer.begin()

    told = refused(ask(offer, path, body), 409, "invalid_status")

    assert told["currentStatus"] == "in_progress"
    assert offer.escrows()[-1][2] == "held"
    offer.finish()
    refused(ask(offer, path, body), 409, "already_released")


def test_a_part_goes_back_by_agreement_only(scene: Scene) -> None:
    offer = Offer(scene, cents=6_000)

    refused(ask(offer, "/wallet/refund", {"refundPercentage": 50}), 400, "invalid_split")


def test_a_price_is_locked_once_and_said_so(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=6_000)
    left = offer.left_cents

    held = refused(ask(offer, "/wallet/escrow", {"amount": 60}), 409, "duplicate_transaction")

    assert (held["amount"], held["newBalance"]) == (60.0, left / 100)
    key = f"escrow:{offer.id}"
    found = product.value("select id from app.ledger_transfers where business_key = %s", key)
    assert held["transactionId"] == str(found)
    refused(ask(offer, "/wallet/escrow", {"amount": 61}), 400, "amount_mismatch")
    made = ask(offer, "/bounty-payments/create").json()
    assert (made["status"], made["amount"], made["reused"]) == ("captured", 60.0, True)
    old = ask(offer, "/payments/escrows", {"amountCents": 6_000}).json()
    assert old == {
        "escrowId": offer.id,
        "paymentIntentId": None,
        "paymentIntentClientSecret": None,
        "status": "captured",
    }
    assert offer.left_cents == left


def test_where_nothing_is_paid_nothing_is_moved(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=0)
    unknown = {"bountyId": "pi_nobody_knows"}

    for path, body in (
        *RELEASES,
        *REFUNDS,
        ("/wallet/escrow", {}),
        ("/bounty-payments/create", {}),
    ):
        refused(ask(offer, path, body), 400, "is_for_honor")
        if "{}" not in path:
            absent = product.post(path, body | unknown, by=offer.poster)
            refused(absent, 404, "bounty_not_found")


def test_both_sides_see_whether_the_hunter_was_paid(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=6_000)
    offer.begin()
    path = f"/api/completion-release/{offer.id}/status"

    before = product.get(path, by=offer.hunter).json()
    offer.finish()
    after = product.get(path, by=offer.poster).json()

    assert before == {"bountyId": offer.id, "isReleased": False, "releaseTransaction": None}
    entry = after["releaseTransaction"]
    assert (after["isReleased"], entry["amount"], entry["platformFee"]) == (True, 57.0, 3.0)
    refused(product.get(path, by=product.person("stranger")), 403)
