"""Bounties whose hunter is gone or silent, the clock for services, and what the sides tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id

from tests.integration.product.market.placed import place
from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def hunter(product: Product) -> Person:
    return product.person("hunter")


def stale(product: Product, poster: Person, hunter: Person) -> str:
    return place(product, poster, "in_progress", hunter, is_stale=True)


def test_a_poster_finds_their_stale_bounties(product: Product, hunter: Person) -> None:
    poster = product.person("poster")
    first, second = (stale(product, poster, hunter) for _ in range(2))
    place(product, poster, "in_progress", hunter)

    for path in ("/stale-bounties", "/functions/v1/stale-bounties", "/api/stale-bounties"):
        told = product.get(path, by=poster).json()

        assert told.keys() == {"success", "bounties", "count"}
        assert (told["success"], told["count"]) == (True, 2)
        assert [row["id"] for row in told["bounties"]] == [second, first]
        assert {row["stale_reason"] for row in told["bounties"]} == {"inactive"}
    assert product.get("/stale-bounties", by=hunter).json()["count"] == 0
    refused(product.get("/stale-bounties"), 401)


@pytest.mark.parametrize(("verb", "status"), [("cancel", "cancelled"), ("repost", "open")])
def test_the_poster_decides_with_an_empty_body(
    product: Product, hunter: Person, verb: str, status: str
) -> None:
    poster = product.person("poster")
    bounty_id = stale(product, poster, hunter)

    answer = product.send("POST", f"/stale-bounties/{bounty_id}/{verb}", by=poster, headers=JSON)

    assert (answer.status_code, answer.json().keys()) == (200, {"success", "message"})
    row = product.get(f"/api/bounties/{bounty_id}", by=poster).json()
    assert (row["status"], row["is_stale"], row["stale_reason"]) == (status, False, None)
    assert (row["accepted_by"] is None) == (verb == "repost")


def test_an_admin_need_not_wait_for_the_hourly_look(product: Product) -> None:
    poster, gone = product.person("poster"), product.person("hunter")
    bounty_id = place(product, poster, "in_progress", gone)
    path, leave = "/admin/stale-bounties/find", f"/sandbox/people/{gone.id}/leave"
    for nobody in ("nobody", new_id()):
        assert product.sandbox.post(f"/sandbox/people/{nobody}/leave").status_code == 404
    assert product.sandbox.post(leave).json() == {"left": gone.id}

    refused(product.post(path, by=poster), 403, "ADMIN_REQUIRED")
    found = product.post(path, by=product.operator).json()

    assert (found["processed"] >= 1, found["failed"]) == (True, 0)
    [row] = product.get("/stale-bounties", by=poster).json()["bounties"]
    assert (row["id"], row["stale_reason"]) == (bounty_id, "hunter_deleted")


@pytest.mark.parametrize("verb", ["cancel", "repost"])
def test_the_old_route_refuses_as_it_always_did(
    product: Product, hunter: Person, verb: str
) -> None:
    poster = product.person("poster")
    running, gone = place(product, poster, "in_progress", hunter), stale(product, poster, hunter)

    for bounty_id, by in ((running, poster), (gone, hunter), (gone, product.person())):
        answer = product.send("POST", f"/stale-bounties/{bounty_id}/{verb}", by=by, headers=JSON)
        told: dict[str, Any] = answer.json()

        assert (answer.status_code, told["success"]) == (400, False)
        assert told["error"].endswith(".")
        assert answer.headers["content-type"] == "application/json"
    path = f"/api/stale-bounties/{running}/{verb}"
    refused(product.post(path, by=poster), 409, "NOT_STALE")


def test_the_clock_is_for_services_only(product: Product) -> None:
    poster, service = product.person("poster"), product.key("service_role")
    bounty_id = place(product, poster, "open")
    late = "update app.bounties set end_date = now() - interval '1 hour' where id = %s returning id"
    product.rows(late, bounty_id)
    path = "/functions/v1/expire-bounties"
    headers = {"authorization": f"Bearer {service}"}

    refused(product.post(path, by=poster), 403)
    refused(product.post(path), 401)
    first = product.send("POST", path, headers=headers).json()
    again = product.send("POST", path, headers=headers).json()

    assert (first["processed"], first["failed"]) == (first["succeeded"], 0)
    assert again == {"processed": 0, "message": "There is nothing to tell of."}
    told = "select expiry_notified_at from app.bounties where id = %s"
    assert product.value(told, bounty_id) is not None
    assert product.send("GET", path, headers=headers).status_code == 405


def test_each_side_tells_the_other_how_the_work_goes(product: Product, hunter: Person) -> None:
    poster = product.person("poster")
    bounty_id = place(product, poster, "in_progress", hunter)
    photo = [{"id": "p1", "name": "stairs.jpg", "uri": "https://example.com/stairs.jpg"}]

    old = product.post(
        f"/bounties/{bounty_id}/updates", {"message": "Half done", "attachments": photo}, by=hunter
    )
    new = product.post(f"/api/bounties/{bounty_id}/updates", {"message": "Thank you"}, by=poster)

    data = old.json()["data"]
    assert (old.status_code, data["success"], data["bountyId"]) == (201, True, bounty_id)
    assert (data["message"], data["attachments"]) == ("Half done", photo)
    assert data["timestamp"]
    for by in (poster, hunter):
        told = product.get(f"/api/bounties/{bounty_id}/updates", by=by).json()
        assert [row["message"] for row in told["updates"]] == ["Thank you", "Half done"]
    page = product.get(f"/api/bounties/{bounty_id}/updates?limit=1", by=poster).json()
    rest = f"/api/bounties/{bounty_id}/updates?limit=1&cursor={page['nextCursor']}"
    assert product.get(rest, by=poster).json()["updates"][0]["message"] == "Half done"
    notices = "select recipients::text[] from app.notices where data->>'updateId' = %s"
    assert product.value(notices, new.json()["id"]) == [hunter.id]
    stranger = product.person("stranger")
    refused(product.get(f"/api/bounties/{bounty_id}/updates", by=stranger), 403)
    refused(product.post(f"/bounties/{bounty_id}/updates", {"message": "Hi"}, by=stranger), 403)


@pytest.mark.parametrize("status", ["open", "completed", "cancelled"])
def test_what_is_not_under_way_has_no_progress(
    product: Product, hunter: Person, status: str
) -> None:
    poster = product.person("poster")
    bounty_id = place(product, poster, status, None if status == "open" else hunter)

    answer = product.post(f"/api/bounties/{bounty_id}/updates", {"message": "Hi"}, by=poster)

    assert refused(answer, 409, "INVALID_TRANSITION")["currentStatus"] == status
