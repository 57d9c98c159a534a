"""What old clients do by one word: what it means hangs on who says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.product.market.offers import Offer
from tests.integration.product.market.placed import applied, handed_in, place
from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

ENVELOPE = {"success": True, "transition": "accept"}


@pytest.fixture(scope="module")
def poster(product: Product) -> Person:
    return product.person("poster")


@pytest.fixture(scope="module")
def hunter(product: Product) -> Person:
    return product.person("hunter")


def steps(told: dict[str, Any]) -> tuple[str, str, str]:
    return told["transition"], told["previousStatus"], told["newStatus"]


def test_who_takes_a_bounty_applies_for_it(product: Product, poster: Person) -> None:
    bounty_id, hunter = place(product, poster, "open"), product.person("hunter")
    path = f"/api/bounties/{bounty_id}/accept"

    answer = product.post(path, {"message": "I can."}, by=hunter)
    again = product.post(path, by=hunter)

    assert answer.status_code == 200
    assert answer.headers["deprecation"] == "true"
    assert "</api/bounty-requests>" in answer.headers["link"]
    told = answer.json()
    assert steps(told) == ("accept", "open", "open")
    assert (told["id"], told["bounty"]["id"], told["status"]) == (bounty_id, bounty_id, "open")
    assert (told["application"]["hunter_id"], told["application"]["message"]) == (
        hunter.id,
        "I can.",
    )
    refusal = refused(again, 409, "ALREADY_APPLIED")
    assert refusal["request"]["id"] == told["application"]["id"]
    assert "already" in refusal["error"]


def test_the_poster_accepts_the_only_one_who_applied(
    product: Product, poster: Person, hunter: Person
) -> None:
    bounty_id = place(product, poster, "open")
    request_id = applied(product, bounty_id, hunter)

    first, again = (
        product.post(f"/bounties/{bounty_id}/accept", by=poster).json() for _ in range(2)
    )

    assert steps(first) == steps(again) == ("accept", "open", "in_progress")
    assert (first["bountyId"], first["accepted_by"]) == (bounty_id, hunter.id)
    assert first["application"]["id"] == again["application"]["id"] == request_id
    assert "accepted" in first["message"]


def test_the_poster_says_whom_they_mean(product: Product, poster: Person, hunter: Person) -> None:
    bounty_id = place(product, poster, "open")
    path = f"/functions/v1/api/bounties/{bounty_id}/accept"
    refused(product.post(path, by=poster), 409, "USE_APPLICATION")
    applied(product, bounty_id, hunter)
    chosen = applied(product, bounty_id, product.person("other"))

    told = refused(product.post(path, by=poster), 409, "USE_APPLICATION")
    taken = product.post(path, {"request_id": chosen}, by=poster)

    assert told["currentStatus"] == "open"
    assert taken.json()["application"]["id"] == chosen


@pytest.mark.parametrize("rest", ["accept", "complete", "status", "updates", "archive"])
@pytest.mark.parametrize("prefix", ["/api", "", "/functions/v1"])
def test_nobody_does_it_without_a_token(
    product: Product, poster: Person, prefix: str, rest: str
) -> None:
    method = "PATCH" if rest == "status" else "POST"

    refused(product.send(method, f"{prefix}/bounties/{place(product, poster, 'open')}/{rest}"), 401)


def test_the_hunter_completes_by_handing_in_and_the_poster_by_approving(scene: Scene) -> None:
    offer = Offer(scene)
    offer.begin()
    refused(offer.ask("POST", "/complete"), 409, "NO_PENDING_SUBMISSION")
    work = {"completion_note": "It is upstairs.", "proof": "https://example.com/sofa.jpg"}

    handed = offer.ask("POST", "/complete", work, by=offer.hunter).json()
    repeated = offer.ask("POST", "/complete", work, by=offer.hunter).json()
    approved = offer.product.post(
        f"/bounties/{offer.id}/complete", {"rating": 5, "comment": "Well done."}, by=offer.poster
    ).json()
    again = offer.ask("POST", "/complete").json()

    assert steps(handed) == ("complete", "in_progress", "in_progress")
    assert handed["submission"]["message"] == "It is upstairs."
    assert handed["submission"]["proof_items"][0]["url"] == "https://example.com/sofa.jpg"
    assert repeated["submission"]["id"] == handed["submission"]["id"]
    assert steps(approved) == steps(again) == ("complete", "in_progress", "completed")
    assert (approved["bountyId"], approved["message"]) == (offer.id, "The bounty is completed.")
    assert offer.escrows() == [(1, 5_000, "released")]
    assert offer.product.balance(offer.hunter)["balanceCents"] == 4_750
    stars = "select rating_tenths from app.ratings where bounty_id = %s"
    assert offer.product.value(stars, offer.id) == 50


@pytest.mark.parametrize(
    ("status", "wanted", "becomes"),
    [
        ("open", "archived", "archived"),
        ("open", "deleted", "deleted"),
        ("open", "cancelled", "cancelled"),
        ("open", "cancellation_requested", "cancelled"),
        ("open", "open", "open"),
        ("in_progress", "in_progress", "in_progress"),
        ("in_progress", "cancelled", "cancelled"),
        ("in_progress", "completed", "completed"),
        ("completed", "completed", "completed"),
        ("completed", "archived", "archived"),
    ],
)
@pytest.mark.parametrize("rest", ["", "/status"])
def test_a_status_is_reached_by_its_step(
    product: Product,
    poster: Person,
    hunter: Person,
    status: str,
    wanted: str,
    becomes: str,
    rest: str,
) -> None:
    bounty_id = place(product, poster, status, None if status == "open" else hunter)
    if status in {"in_progress", "completed"}:
        handed_in(product, bounty_id, hunter, "pending" if status != "completed" else "approved")

    answer = product.send(
        "PATCH", f"/api/bounties/{bounty_id}{rest}", {"status": wanted}, by=poster
    )

    assert (answer.status_code, answer.json()["status"]) == (200, becomes)


@pytest.mark.parametrize(
    ("status", "wanted", "code", "number"),
    [
        ("open", "in_progress", "INVALID_TRANSITION", 409),
        ("completed", "open", "INVALID_TRANSITION", 409),
        ("in_progress", "archived", "INVALID_TRANSITION", 409),
        ("open", "done", "VALIDATION_ERROR", 400),
        ("completed", "cancelled", "INVALID_TRANSITION", 409),
    ],
)
def test_a_status_that_no_word_leads_to_is_refused(
    product: Product,
    poster: Person,
    hunter: Person,
    status: str,
    wanted: str,
    code: str,
    number: int,
) -> None:
    bounty_id = place(product, poster, status, None if status == "open" else hunter)
    path = f"/api/bounties/{bounty_id}"

    for rest in ("", "/status"):
        told = refused(
            product.send("PATCH", path + rest, {"status": wanted}, by=poster), number, code
        )
        assert number == 400 or told["currentStatus"] == status
    both = {"status": "archived", "title": "Carry the piano"}
    refused(product.send("PATCH", path, both, by=poster), 400)
