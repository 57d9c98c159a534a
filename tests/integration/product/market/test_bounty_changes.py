"""What a poster may change of a bounty, and until when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from bountyexpo.integrations.tls import trusted

from tests.integration.product.market.offers import Offer
from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

MOVING = {"version", "updated_at"}
NOTE = {"conditional_end_note": "When the truck comes"}


def differs(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before if before[name] != after[name]} - MOVING


def test_what_is_not_said_stays(scene: Scene) -> None:
    offer = Offer(scene, cents=0, category="labor", zip_code="12345", deadline="tomorrow")

    changed = offer.ask("PATCH", "", {"title": "Carry the piano upstairs", "deadline": None})

    assert changed.status_code == 200
    assert differs(offer.posted, changed.json()) == {"title", "deadline"}
    assert offer.row == changed.json()
    assert (offer.row["is_for_honor"], offer.row["deadline"]) == (True, None)


def test_an_old_client_changes_it_by_the_old_names(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=0)
    body = {"skills": ["lifting", "patience"], "dueDate": "on Monday", "payment_intent_id": "pi_1"}

    changed = product.send("PATCH", f"/functions/v1/bounties/{offer.id}", body, by=offer.poster)

    assert changed.headers["x-deprecated"] == "true"
    assert f"</api/bounties/{offer.id}>" in changed.headers["link"]
    assert differs(offer.posted, changed.json()) == {"skills", "skills_required", "deadline"}
    assert changed.json()["skills_required"] == "lifting, patience"


@pytest.mark.parametrize(("cents", "left_cents"), [(12_000, 8_000), (1_000, 19_000)])
def test_another_price_is_locked_in_the_place_of_the_old_one(
    scene: Scene, product: Product, cents: int, left_cents: int
) -> None:
    offer = Offer(scene)

    changed = offer.ask("PATCH", "", {"amount": {"amount": cents / 100, "currency": "USD"}})

    assert (changed.status_code, changed.json()["amount_cents"]) == (200, cents)
    assert offer.left_cents == left_cents
    assert offer.escrows() == [(1, 5_000, "refunded"), (2, cents, "held")]
    assert product.books_balance()


def test_what_becomes_for_honor_has_no_price_and_may_get_one_again(scene: Scene) -> None:
    offer = Offer(scene)

    honor = offer.ask("PATCH", "", {"is_for_honor": True, "amount": 50})
    assert (honor.json()["amount"], honor.json()["is_for_honor"]) == (0, True)
    assert offer.left_cents == 20_000
    paid = offer.ask("PATCH", "", {"isForHonor": False, "amount": "30.00"})

    assert (paid.json()["amount_cents"], paid.json()["is_for_honor"]) == (3_000, False)
    assert offer.escrows() == [(1, 5_000, "refunded"), (2, 3_000, "held")]
    assert offer.left_cents == 17_000


def test_a_price_that_the_wallet_does_not_cover_changes_nothing(
    scene: Scene, product: Product
) -> None:
    offer = Offer(scene)

    with product.unchanged():
        answer = offer.ask("PATCH", "", {"title": "Carry the piano", "amount": 200.01})

    told = refused(answer, 400, "insufficient_balance")
    assert (told["required"], told["available"]) == (200.01, 200)
    assert offer.row == offer.posted


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"payment_intent_id": "pi_1", "poster_id": "somebody", "colour": "green"},
        {"title": "Sofa"},
        {"title": None},
        {"is_for_honor": False},
        {"amount": 5, "amount_cents": 501},
        {"work_type": "in_person"},
        {"end_date": "2030-01-01T00:00:00Z"},
        {"start_date": "2031-01-02T00:00:00Z"},
        {"attachments_json": "no list"},
        {"is_for_honor": None},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(scene: Scene, body: dict[str, Any]) -> None:
    offer = Offer(
        scene, cents=0, start_date="2031-01-01T00:00:00Z", end_date="2031-01-01T12:00:00Z"
    )

    told = refused(offer.ask("PATCH", "", body), 400)

    assert told["issues"] or told["code"] == "invalid_amount"
    assert offer.row == offer.posted


def test_terms_stand_while_an_application_waits(scene: Scene) -> None:
    offer = Offer(scene, cents=0)
    offer.apply()

    refused(offer.ask("PATCH", "", {"title": "Carry a piano"}), 409, "PENDING_APPLICATIONS")
    noted = offer.ask("PATCH", "", NOTE | {"title": offer.posted["title"]})

    assert differs(offer.posted, noted.json()) == {"conditional_end_note"}


def test_only_notes_change_while_somebody_works(scene: Scene) -> None:
    offer = Offer(scene, cents=0)
    offer.begin()
    files = [{"id": "a1", "name": "plan.pdf", "uri": "https://example.com/plan.pdf"}]

    kept = offer.ask("PATCH", "", {"attachments_json": json.dumps(files)})
    told = refused(offer.ask("PATCH", "", NOTE | {"location": "Here"}), 409, "INVALID_TRANSITION")

    assert json.loads(kept.json()["attachments_json"]) == files
    assert told["currentStatus"] == "in_progress"
    assert "attach" in told["allowed"]
    assert "edit_terms" not in told["allowed"]
    assert offer.row["conditional_end_note"] is None


def test_a_change_that_was_made_is_answered_and_not_made_again(
    scene: Scene, product: Product
) -> None:
    offer = Offer(scene, cents=0)
    first = offer.ask("PATCH", "", {"title": "Carry the piano upstairs"})

    with product.unchanged(but=()):
        again = offer.ask("PATCH", "", {"title": "Carry the piano upstairs"})

    assert again.json() == first.json()


def test_nobody_else_changes_it(scene: Scene, product: Product) -> None:
    offer, stranger = Offer(scene, cents=0), product.person("stranger")
    offer.begin()

    for person in (offer.hunter, stranger):
        refused(offer.ask("PATCH", "", NOTE, by=person), 403)
    assert offer.ask("DELETE").status_code == 409
    assert offer.row["conditional_end_note"] is None


async def test_changes_of_many_at_once_are_all_kept(scene: Scene, product: Product) -> None:
    offer = await trio.to_thread.run_sync(lambda: Offer(scene, cents=0))
    fields: dict[str, Any] = {
        "title": "Carry the piano upstairs",
        "description": "It is even heavier, and must not be dropped.",
        "timeline": "This week",
        "category": "labor",
        "zip_code": "54321",
        "deadline": "Friday",
        "skills_required": "lifting",
        "duration_minutes": 30,
        "conditional_end_note": "When it rains",
        "is_time_sensitive": True,
    }
    statuses: list[int] = []

    async with httpx.AsyncClient(
        verify=trusted(), base_url=product.url, trust_env=False, timeout=15
    ) as client:

        async def change(name: str) -> None:
            headers = {"authorization": f"Bearer {offer.poster.token}"}
            body = {name: fields[name]}
            path = f"/api/bounties/{offer.id}"
            statuses.append((await client.patch(path, json=body, headers=headers)).status_code)

        async with trio.open_nursery() as nursery:
            for name in [*fields, *fields]:
                nursery.start_soon(change, name)

    assert statuses == [200] * 2 * len(fields)
    row = await trio.to_thread.run_sync(lambda: offer.row)
    assert {name: row[name] for name in fields} == fields
    assert row["version"] == 1 + len(fields)


def test_a_position_is_two_numbers_on_the_globe(scene: Scene) -> None:
    offer = Offer(scene, cents=0, latitude=48.2, longitude=16.37)

    half = offer.ask("PATCH", "", {"latitude": None})
    beyond = offer.ask("PATCH", "", {"longitude": 180.5})
    moved = offer.ask("PATCH", "", {"longitude": -16.0})

    assert refused(half, 400)["issues"][0]["path"] == "latitude"
    assert refused(beyond, 400)["issues"][0]["path"] == "longitude"
    assert (moved.json()["latitude"], moved.json()["longitude"]) == (48.2, -16.0)
    assert offer.ask("PATCH", "", {"latitude": None, "longitude": None}).json()["latitude"] is None
