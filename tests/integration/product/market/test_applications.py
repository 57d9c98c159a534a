"""Applying, and every way in which an application is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.policy import DAY_S

from tests.integration.product.product import Person, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

REQUESTS = "/api/bounty-requests"
RPC = "/rest/v1/rpc/fn_accept_bounty_request"

Send = tuple[str, str, dict[str, Any] | None]
How = dict[str, "Callable[[str], Send]"]

ACCEPTANCES: How = {
    "the present path": lambda id_: ("POST", f"{REQUESTS}/{id_}/accept", None),
    "the documented path": lambda id_: ("POST", f"/bounty-requests/{id_}/accept", None),
    "a status": lambda id_: ("PATCH", f"{REQUESTS}/{id_}", {"status": "accepted"}),
    "the edge function": lambda id_: (
        "POST",
        "/functions/v1/accept-bounty-request",
        {"request_id": id_},
    ),
    "the edge function, by id": lambda id_: ("POST", "/accept-bounty-request", {"id": id_}),
    "the database's function": lambda id_: ("POST", RPC, {"p_request_id": id_}),
}

REJECTIONS: How = {
    "the present path": lambda id_: ("POST", f"{REQUESTS}/{id_}/reject", None),
    "a status": lambda id_: ("PATCH", f"{REQUESTS}/{id_}", {"status": "rejected"}),
    "a deletion": lambda id_: ("DELETE", f"{REQUESTS}/{id_}", None),
}

WITHDRAWALS: How = {
    "a status": lambda id_: ("PATCH", f"{REQUESTS}/{id_}", {"status": "withdrawn"}),
    "a deletion": lambda id_: ("DELETE", f"{REQUESTS}/{id_}", None),
}

AGE = """
    update app.bounty_requests set decided_at = decided_at - %s * interval '1 second'
    where id = %s returning id
"""


@pytest.fixture
def hunter(product: Product) -> Person:
    """Somebody who has applied nowhere."""
    return product.person("hunter")


def apply(product: Product, scene: Scene, hunter: Person) -> tuple[str, str]:
    """A new bounty, and the hunter's application to it."""
    bounty_id = scene.new_bounty()
    return bounty_id, scene.apply(bounty_id, by=hunter)["id"]


def status_of(product: Product, request_id: str) -> str:
    found: str = product.value("select status from app.bounty_requests where id = %s", request_id)
    return found


def test_an_application_tells_what_was_said_in_both_vocabularies(
    product: Product, scene: Scene, hunter: Person
) -> None:
    body = {
        "bountyId": scene.new_bounty(),
        "proposal": "I have a van.",
        "estimated_duration": "two hours",
        "proposed_completion_date": "2030-01-02",
        "hunter_id": scene.stranger.id,
        "status": "accepted",
    }

    made = product.post("/bounty-requests", body, by=hunter)

    assert made.status_code == 201, made.text
    row = made.json()
    assert (row["bounty_id"], row["bountyId"]) == (body["bountyId"],) * 2
    assert (row["hunter_id"], row["user_id"], row["hunterId"]) == (hunter.id,) * 3
    assert (row["message"], row["proposal"]) == ("I have a van.",) * 2
    assert (row["status"], row["estimated_duration"]) == ("pending", "two hours")
    assert row["proposed_completion_date"] == "2030-01-02T00:00:00Z"
    assert row["poster_id"] == scene.poster.id


def test_one_cannot_apply_to_what_is_ones_own_blocked_or_not_open(
    product: Product, scene: Scene, hunter: Person
) -> None:
    open_one, running = scene.new_bounty(), scene.job.bounty_id
    foe = product.person("foe")
    assert product.post("/api/blocks", {"blocked_id": foe.id}, by=scene.poster).is_success

    with product.unchanged():
        refused(product.post(REQUESTS, {"bounty_id": open_one}, by=scene.poster), 403)
        refused(product.post(REQUESTS, {"bounty_id": open_one}, by=foe), 403, "BLOCKED")
        refused(product.post(REQUESTS, {"bounty_id": running}, by=hunter), 409)
        refused(product.post(REQUESTS, {"bounty_id": new_id()}, by=hunter), 404)
        late = {"bounty_id": open_one, "proposed_completion_date": "2020-01-02"}
        refused(product.post(REQUESTS, late, by=hunter), 400)


def test_who_has_not_confirmed_the_address_cannot_apply(product: Product, scene: Scene) -> None:
    user_id, bounty_id = new_id(), scene.new_bounty()
    newcomer = Person(user_id, "", product.token(user_id))
    assert product.get("/auth/me", by=newcomer).is_success

    refused(
        product.post(REQUESTS, {"bounty_id": bounty_id}, by=newcomer), 403, "EMAIL_NOT_VERIFIED"
    )


def test_ten_may_wait_at_a_time(product: Product, scene: Scene, hunter: Person) -> None:
    waiting = [apply(product, scene, hunter)[1] for _ in range(10)]
    wanted = {"bounty_id": scene.new_bounty()}

    refused(product.post(REQUESTS, wanted, by=hunter), 409, "TOO_MANY_PENDING")

    assert product.send("DELETE", f"{REQUESTS}/{waiting[0]}", by=hunter).is_success
    assert product.post(REQUESTS, wanted, by=hunter).status_code == 201


@pytest.mark.parametrize("how", ACCEPTANCES.values(), ids=ACCEPTANCES.keys())
def test_each_way_accepts_once(
    product: Product, scene: Scene, hunter: Person, how: Callable[[str], Send]
) -> None:
    _, request_id = apply(product, scene, hunter)

    first = product.send(*how(request_id), by=scene.poster)
    with product.unchanged():
        again = product.send(*how(request_id), by=scene.poster)

    assert first.status_code == again.status_code == 200, first.text
    assert first.json() == again.json()
    assert status_of(product, request_id) == "accepted"


def test_each_acceptance_is_told_in_its_own_shape(
    product: Product, scene: Scene, hunter: Person
) -> None:
    bounty_id, request_id = apply(product, scene, hunter)
    told = {
        name: product.send(*how(request_id), by=scene.poster).json()
        for name, how in ACCEPTANCES.items()
    }

    present = told["the present path"]
    assert (present["success"], present["acceptedRequestId"]) == (True, request_id)
    assert present["bounty"]["accepted_request_id"] == request_id
    assert present["bounty"]["accepted_by"] == hunter.id
    assert told["the documented path"] == present
    row = {"bounty": present["bounty"], "accepted_request": present["request"]}
    assert told["the edge function"] == {"success": True, "data": [row]}
    assert told["the edge function, by id"] == told["the edge function"]
    assert told["the database's function"] == [row]
    accepted = row["accepted_request"]
    assert told["a status"] == accepted
    assert (accepted["id"], accepted["status"]) == (request_id, "accepted")
    assert (accepted["hunter_id"], accepted["bounty_id"]) == (hunter.id, bounty_id)


def test_a_repeat_by_another_path_gets_the_first_reply_in_its_own_shape(
    product: Product, scene: Scene, hunter: Person
) -> None:
    (_, request_id), key = apply(product, scene, hunter), new_id()
    present = f"{REQUESTS}/{request_id}/accept"

    first = product.post(present, by=scene.poster, key=key)
    with product.unchanged():
        again = product.post(RPC, {"p_request_id": request_id}, by=scene.poster, key=key)

    assert again.headers["idempotent-replayed"] == "true"
    told = first.json()
    assert again.json() == [{"bounty": told["bounty"], "accepted_request": told["request"]}]


def test_the_database_refuses_in_its_own_words(
    product: Product, scene: Scene, hunter: Person
) -> None:
    _, request_id = apply(product, scene, hunter)
    _, rejected = apply(product, scene, hunter)
    given, lost = apply(product, scene, scene.hunter)
    chosen = scene.apply(given, by=scene.stranger)["id"]
    assert product.post(f"{REQUESTS}/{chosen}/accept", by=scene.poster).is_success
    assert product.post(f"{REQUESTS}/{rejected}/reject", by=scene.poster).is_success

    def told(by: Person, id_: str) -> tuple[int, dict[str, Any]]:
        response = product.post(RPC, {"p_request_id": id_}, by=by)
        assert response.headers["content-type"] == "application/json"
        return response.status_code, response.json()

    with product.unchanged():
        stranger = told(hunter, request_id)
        answers = {
            "request_not_found": told(scene.poster, new_id()),
            "request_not_pending": told(scene.poster, rejected),
            "bounty_not_open": told(scene.poster, lost),
        }
        nobody = product.post(RPC, {"p_request_id": request_id})

    assert (stranger[0], stranger[1]["code"]) == (403, "42501")
    assert answers == {
        message: (400, {"code": "P0001", "message": message, "details": None, "hint": None})
        for message in answers
    }
    refused(nobody, 401)


@pytest.mark.parametrize("how", REJECTIONS.values(), ids=REJECTIONS.keys())
def test_the_poster_rejects_once_and_the_applicant_cools_down(
    product: Product, scene: Scene, hunter: Person, how: Callable[[str], Send]
) -> None:
    bounty_id, request_id = apply(product, scene, hunter)

    assert product.send(*how(request_id), by=scene.poster).status_code == 200
    with product.unchanged():
        assert product.send(*how(request_id), by=scene.poster).status_code == 200
        again = product.post(REQUESTS, {"bounty_id": bounty_id}, by=hunter)

    assert status_of(product, request_id) == "rejected"
    body = refused(again, 429, "APPLIED_TOO_SOON")
    assert "already" in body["message"]
    assert DAY_S - 3_600 < int(again.headers["retry-after"]) <= DAY_S
    product.rows(AGE, DAY_S, request_id)
    assert product.post(REQUESTS, {"bounty_id": bounty_id}, by=hunter).status_code == 201


@pytest.mark.parametrize("how", WITHDRAWALS.values(), ids=WITHDRAWALS.keys())
def test_the_applicant_withdraws_once_and_may_apply_again(
    product: Product, scene: Scene, hunter: Person, how: Callable[[str], Send]
) -> None:
    bounty_id, request_id = apply(product, scene, hunter)

    assert product.send(*how(request_id), by=hunter).status_code == 200
    with product.unchanged():
        assert product.send(*how(request_id), by=hunter).status_code == 200

    assert status_of(product, request_id) == "withdrawn"
    again = product.post(REQUESTS, {"bounty_id": bounty_id}, by=hunter)
    assert (again.status_code, again.json()["id"]) == (201, request_id)


def test_nobody_answers_for_somebody_else(product: Product, scene: Scene, hunter: Person) -> None:
    mine = f"{REQUESTS}/{apply(product, scene, hunter)[1]}"
    rival = scene.stranger

    with product.unchanged():
        refused(product.send("PATCH", mine, {"status": "accepted"}, by=hunter), 403)
        refused(product.send("PATCH", mine, {"status": "withdrawn"}, by=scene.poster), 403)
        refused(product.send("PATCH", mine, {"status": "withdrawn"}, by=rival), 404)
        refused(product.send("DELETE", mine, by=rival), 404)
        refused(product.post(f"{mine}/reject", by=rival), 403)
        refused(product.send("PATCH", mine, {"status": "pending"}, by=scene.poster), 400)


def test_who_was_accepted_cannot_withdraw_nor_be_rejected(product: Product, scene: Scene) -> None:
    path = f"{REQUESTS}/{scene.job.request_id}"

    with product.unchanged():
        for person in (scene.poster, scene.hunter):
            body = refused(product.send("DELETE", path, by=person), 409)
            assert body["currentStatus"] == "in_progress"
