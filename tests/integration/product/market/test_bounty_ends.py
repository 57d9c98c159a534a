"""How bounties are put away: archived, deleted, hidden; and where their price goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.product.market.offers import WALLET_CENTS, Offer
from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

WAYS = {"archived": ("POST", "/archive"), "deleted": ("DELETE", "")}


@pytest.mark.parametrize("status", WAYS)
def test_an_open_bounty_that_is_put_away_gives_its_price_back(
    scene: Scene, product: Product, status: str
) -> None:
    offer = Offer(scene)
    request_id = offer.apply()

    answers = [offer.ask(*WAYS[status]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all(answer.json()["success"] is True for answer in answers)
    assert offer.row["status"] == status
    assert offer.escrows() == [(1, 5_000, "refunded")]
    assert offer.left_cents == WALLET_CENTS
    request = product.get(f"/api/bounty-requests/{request_id}", by=offer.hunter).json()
    assert request["status"] == "rejected"
    assert product.books_balance()


def test_an_archive_is_told_as_old_clients_read_it(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=0)

    told = product.post(f"/bounties/{offer.id}/archive", by=offer.poster).json()
    again = offer.ask("POST", "/archive").json()

    assert told == {
        "success": True,
        "bounty": offer.row,
        "transition": "archive",
        "previousStatus": "open",
        "newStatus": "archived",
    }
    assert again == told


@pytest.mark.parametrize("status", WAYS)
def test_nobody_puts_away_what_somebody_works_on(scene: Scene, status: str) -> None:
    offer = Offer(scene)
    offer.begin()

    told = refused(offer.ask(*WAYS[status]), 409, "INVALID_TRANSITION")

    assert (told["currentStatus"], "cancel" in told["allowed"]) == ("in_progress", True)
    refused(offer.ask(*WAYS[status], by=offer.hunter), 403)
    assert offer.escrows() == [(1, 5_000, "held")]


def test_finished_work_is_archived_then_deleted_and_stays_with_its_people(
    scene: Scene, product: Product
) -> None:
    offer, stranger = Offer(scene), product.person("stranger")
    offer.begin()
    offer.finish()

    for way in WAYS.values():
        assert offer.ask(*way).json()["success"] is True

    assert offer.escrows() == [(1, 5_000, "released")]
    assert product.balance(offer.hunter)["balanceCents"] == 4_750
    assert offer.row["status"] == "deleted"
    assert offer.ask("GET", by=offer.hunter).status_code == 200
    for method, rest in (*WAYS.values(), ("POST", "/hide"), ("PATCH", "")):
        refused(offer.ask(method, rest, {"title": "Mine now"}, by=stranger), 404)


def test_each_side_hides_it_from_its_own_lists(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=0)
    offer.begin()
    hidden = "select user_id::text from app.bounty_hidden where bounty_id = %s"

    for _ in range(2):
        assert offer.ask("POST", "/hide", by=offer.hunter).json()["success"] is True
    assert product.value(hidden, offer.id) == offer.hunter.id
    assert offer.row["status"] == "in_progress"
    for _ in range(2):
        assert offer.ask("DELETE", "/hide", by=offer.hunter).json()["success"] is True

    assert product.rows(hidden, offer.id) == []
    refused(offer.ask("POST", "/hide", by=product.person("stranger")), 403)
