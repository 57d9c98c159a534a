"""Reports: what can be reported, once at a time, and what admins make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

REPORTS = "/api/reports"

NOTICES = "select data from app.notices where dedupe_key = %s and audience = 'admins'"
AGE = """
    update app.reports set created_at = created_at - make_interval(hours => %s)
    where id = %s returning id
"""


@pytest.fixture(scope="module")
def admin(product: Product) -> Person:
    return product.admin()


@pytest.fixture
def witness(product: Product) -> Person:
    """Somebody who has reported nothing."""
    return product.person("witness")


def about(kind: str, content_id: str, reason: str = "spam", **more: Any) -> dict[str, Any]:
    return {"content_type": kind, "content_id": content_id, "reason": reason, **more}


def report(product: Product, by: Person, body: dict[str, Any]) -> dict[str, Any]:
    response = product.post(REPORTS, body, by=by)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def message_of(product: Product, scene: Scene) -> str:
    """A message of the poster to the hunter."""
    path = f"/api/conversations/{scene.job.conversation_id}/messages"
    sent = product.post(path, {"text": "Pay me first.", "clientMsgId": new_id()}, by=scene.poster)
    found: str = sent.json()["messageId"]
    return found


def test_a_bounty_a_profile_and_a_message_can_be_reported(
    product: Product, scene: Scene, admin: Person
) -> None:
    found = [
        report(product, scene.hunter, about("bounty", scene.new_bounty(), "fraud", user_id="x")),
        report(product, scene.hunter, about("profile", scene.poster.id, "harassment")),
        report(
            product, scene.hunter, about("message", message_of(product, scene), details="Rude. ")
        ),
    ]

    assert [row["priority"] for row in found] == ["high", "high", "low"]
    assert {row["user_id"] for row in found} == {scene.hunter.id}
    assert {row["status"] for row in found} == {"pending"}
    assert found[2]["details"] == "Rude."
    listed = {row["id"]: row for row in product.get(REPORTS, by=admin).json()}
    for row, priority in zip(found, ("high", "high", "normal"), strict=True):
        assert listed[row["id"]].items() >= row.items()
        assert listed[row["id"]]["author"]["id"] == scene.poster.id
        [notice] = product.rows(NOTICES, f"rep:{row['id']}")
        assert (notice["data"]["priority"], notice["data"]["reportId"]) == (priority, row["id"])


def test_the_same_content_is_reported_once_until_it_is_decided(
    product: Product, scene: Scene, witness: Person, admin: Person
) -> None:
    body = about("bounty", scene.new_bounty())
    first = report(product, witness, body)

    with product.unchanged():
        again = product.post(REPORTS, body | {"reason": "fraud"}, by=witness)

    refusal = refused(again, 409, "ALREADY_REPORTED")
    assert ("already" in refusal["message"], refusal["report"]) == (True, first)
    assert report(product, scene.stranger, body)["id"] != first["id"]
    path = f"{REPORTS}/{first['id']}"
    assert product.send("PATCH", path, {"status": "dismissed"}, by=admin).is_success
    later = report(product, witness, body)
    assert later["id"] != first["id"]
    refused(product.send("PATCH", path, {"status": "pending"}, by=admin), 409)


def test_what_one_cannot_see_cannot_be_reported(
    product: Product, scene: Scene, witness: Person
) -> None:
    deleted = scene.new_bounty()
    assert product.send("DELETE", f"/api/bounties/{deleted}", by=scene.poster).is_success
    message_id = message_of(product, scene)

    with product.unchanged():
        for kind in ("bounty", "profile", "message"):
            refused(product.post(REPORTS, about(kind, new_id()), by=witness), 404)
            refused(product.post(REPORTS, about(kind, "no-id"), by=witness), 404)
        refused(product.post(REPORTS, about("bounty", deleted), by=witness), 404)
        refused(product.post(REPORTS, about("message", message_id), by=witness), 404)
        refused(product.post(REPORTS, about("message", message_id), by=scene.poster), 400)
        refused(product.post(REPORTS, about("profile", witness.id), by=witness), 400)
        refused(product.post(REPORTS, about("bounty", deleted, "boring"), by=witness), 400)
        refused(product.post(REPORTS, about("bounty", deleted)), 401)


def test_who_is_barred_can_still_report(product: Product, scene: Scene, witness: Person) -> None:
    pest = product.person("pest")
    assert product.post("/api/blocks", {"blocked_id": witness.id}, by=pest).is_success

    assert report(product, witness, about("profile", pest.id))["status"] == "pending"


def test_an_admin_decides_and_it_is_kept_who_and_when(
    product: Product, scene: Scene, witness: Person, admin: Person
) -> None:
    found = report(product, witness, about("bounty", scene.new_bounty(), "inappropriate"))
    path = f"{REPORTS}/{found['id']}"

    decided = product.send(
        "PATCH", path, {"status": "resolved", "resolution_notes": "Taken down."}, by=admin
    ).json()

    assert (decided["status"], decided["resolution_notes"]) == ("resolved", "Taken down.")
    assert (decided["reviewed_by"], decided["reviewed_at"] is None) == (admin.id, False)
    kept = product.value(
        "select count(*) from app.audit_log where action = 'report.update' and target_id = %s",
        found["id"],
    )
    assert kept == 1
    again = product.send("PATCH", path, {"status": "pending"}, by=admin).json()
    assert (again["reviewed_by"], again["resolution_notes"]) == (None, "Taken down.")
    refused(product.send("PATCH", f"{REPORTS}/{new_id()}", {"status": "reviewed"}, by=admin), 404)
    refused(product.send("PATCH", path, {"status": "forgotten"}, by=admin), 400)


def test_only_admins_see_and_decide(product: Product, scene: Scene, witness: Person) -> None:
    found = report(product, witness, about("bounty", scene.new_bounty()))

    with product.unchanged():
        refused(product.get(REPORTS, by=witness), 403, "ADMIN_REQUIRED")
        refused(product.get(f"{REPORTS}/stats", by=witness), 403)
        path = f"{REPORTS}/{found['id']}"
        refused(product.send("PATCH", path, {"status": "resolved"}, by=witness), 403)


def test_what_waits_becomes_urgent_and_is_counted(
    product: Product, scene: Scene, witness: Person, admin: Person
) -> None:
    def stats() -> dict[str, int]:
        found: dict[str, int] = product.get(f"{REPORTS}/stats", by=admin).json()
        assert product.get("/admin/reports/stats", by=admin).json() == found
        return found

    before = stats()
    rude = report(product, witness, about("bounty", scene.new_bounty(), "inappropriate"))
    fresh = stats()
    product.rows(AGE, 73, rude["id"])
    old = stats()

    assert rude["priority"] == "medium"
    assert fresh == before | {"pending": before["pending"] + 1}
    assert old == fresh | {"highPriority": fresh["highPriority"] + 1}
    listed = {row["id"]: row for row in product.get(f"{REPORTS}?limit=200", by=admin).json()}
    assert listed[rude["id"]]["priority"] == "high"


def test_reports_are_listed_by_status_and_content_in_pages(
    product: Product, scene: Scene, witness: Person, admin: Person
) -> None:
    made = [report(product, witness, about("bounty", scene.new_bounty())) for _ in range(3)]
    path = f"{REPORTS}/{made[0]['id']}"
    product.send("PATCH", path, {"status": "reviewed"}, by=admin)

    query = "?status=pending&content_type=bounty&limit=1&page={}"
    pages = [product.get(REPORTS + query.format(page), by=admin).json() for page in (1, 2)]
    reviewed = product.get(f"{REPORTS}?status=reviewed", by=admin).json()

    assert [row["id"] for page in pages for row in page] == [made[2]["id"], made[1]["id"]]
    assert made[0]["id"] in {row["id"] for row in reviewed}
    assert {row["status"] for row in reviewed} == {"reviewed"}
    refused(product.get(f"{REPORTS}?status=lost", by=admin), 400)
