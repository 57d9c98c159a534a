"""Disputes over the wire: opened, answered, decided, appealed, and who learns what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id

from tests.integration.product.market.jobs import Job
from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

WHY = "The fence is red, and it was to be green."


@pytest.fixture(scope="module")
def admin(product: Product) -> Person:
    return product.admin()


def opened(job: Job, by: Person | None = None, stage: str = "in_progress") -> dict[str, Any]:
    body = {"bounty_id": job.id, "stage": stage, "reason": WHY}
    dispute: dict[str, Any] = job.done("/api/disputes", body, by=by or job.poster)
    return dispute


def case(job: Job, dispute_id: str, by: Person) -> dict[str, Any]:
    found: dict[str, Any] = job.product.get(f"/api/disputes/{dispute_id}", by=by).json()
    return found


def resolve(job: Job, dispute_id: str, by: Person, **ruling: Any) -> Any:
    body = {"rationale": "I have seen the pictures."} | ruling
    return job.product.post(f"/admin/disputes/{dispute_id}/resolve", body, by=by)


def escrow_state(job: Job) -> str:
    return job.escrows()[-1][2]


def test_the_price_is_frozen_and_both_sides_hear_of_it(scene: Scene) -> None:
    job = Job(scene)

    told = opened(job)
    again = job.product.post(
        "/api/disputes",
        {"bountyId": job.id, "dispute_stage": "in_progress", "reason": "Me too."},
        by=job.hunter,
    )

    assert (again.status_code, again.json()) == (200, told)
    assert (told["status"], told["hold_amount"], told["initiator_id"], told["respondent_id"]) == (
        "open",
        10.01,
        job.poster.id,
        job.hunter.id,
    )
    assert escrow_state(job) == "frozen"
    [event] = job.told("dispute.updated")
    assert event == {"bountyId": job.id, "disputeId": told["id"], "status": "open"}
    for person in (job.poster, job.hunter):
        listed = job.product.get(f"/api/disputes?bounty_id={job.id}", by=person).json()
        assert [row["id"] for row in listed["disputes"]] == [told["id"]]
    submission_id = job.hand_in()
    path = f"/api/completions/{submission_id}/approve"
    refused(job.product.post(path, {}, by=job.poster), 409, "DISPUTE_ACTIVE")


@pytest.mark.parametrize(
    ("ruling", "got_cents", "status"),
    [
        ({"outcome": "release"}, (0, 951), "completed"),
        ({"outcome": "refund", "winner": "poster"}, (1_001, 0), "cancelled"),
        ({"outcome": "split", "posterCents": 334, "hunterCents": 667}, (334, 634), "cancelled"),
        (
            {"outcome": "other", "amountToPosterCents": 1_000, "amountToHunterCents": 1},
            (1_000, 1),
            "cancelled",
        ),
    ],
)
def test_an_admin_decides_once_and_every_cent_is_somewhere(
    scene: Scene,
    product: Product,
    admin: Person,
    ruling: dict[str, Any],
    got_cents: tuple[int, int],
    status: str,
) -> None:
    job = Job(scene)
    dispute_id = opened(job)["id"]

    first = resolve(job, dispute_id, admin, **ruling)
    again = resolve(job, dispute_id, admin, **ruling)
    other = resolve(job, dispute_id, admin, outcome="split", posterCents=1, hunterCents=1_000)

    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    refused(other, 409)
    assert (job.status, job.got_cents) == (status, got_cents)
    assert escrow_state(job) in {"released", "refunded"}
    assert product.books_balance()
    told = case(job, dispute_id, job.hunter)["resolution"]
    parts = ("amountToHunterCents", "amountToPosterCents", "feeCents")
    assert sum(told[name] for name in parts) == 1_001
    assert (told["amountToPosterCents"], told["amountToHunterCents"]) == got_cents


@pytest.mark.parametrize(
    "ruling",
    [
        {"outcome": "split", "posterCents": 500, "hunterCents": 500},
        {"outcome": "split"},
        {"outcome": "release", "posterCents": 1},
        {"outcome": "refund", "winner": "hunter"},
    ],
)
def test_a_decision_that_is_not_whole_is_refused(
    scene: Scene, admin: Person, ruling: dict[str, Any]
) -> None:
    job = Job(scene)
    dispute_id = opened(job)["id"]

    refused(resolve(job, dispute_id, admin, **ruling), 400)

    assert escrow_state(job) == "frozen"


def test_nobody_judges_but_an_admin(scene: Scene, product: Product) -> None:
    job = Job(scene)
    dispute_id = opened(job)["id"]

    for person in (job.poster, job.hunter, product.person("stranger")):
        refused(resolve(job, dispute_id, person, outcome="release"), 403, "ADMIN_REQUIRED")


def test_an_admin_is_no_judge_of_their_own(scene: Scene, product: Product) -> None:
    job = Job(scene, is_open=True)
    job.hunter = product.admin()
    job.begin()
    dispute_id = opened(job)["id"]

    refused(resolve(job, dispute_id, job.hunter, outcome="release"), 403)

    assert escrow_state(job) == "frozen"


def test_what_admins_note_is_never_shown_to_the_sides(scene: Scene, admin: Person) -> None:
    job = Job(scene)
    dispute_id = opened(job)["id"]
    path = f"/api/disputes/{dispute_id}/comments"
    seen = case(job, dispute_id, job.poster)
    told, version = job.told("dispute.updated"), job.row["version"]

    note = job.done(path, {"comment": "They know each other.", "isInternal": True}, by=admin)
    refused(job.product.post(path, {"comment": "Psst.", "isInternal": True}, by=job.poster), 403)

    assert note["is_internal"]
    assert case(job, dispute_id, job.poster) == case(job, dispute_id, job.hunter) == seen
    assert (job.told("dispute.updated"), job.row["version"]) == (told, version)
    full = job.product.get(f"/admin/disputes/{dispute_id}", by=admin).json()
    assert [row["comment"] for row in full["comments"]] == ["They know each other."]


def test_each_side_speaks_and_shows_and_the_same_key_says_it_once(
    scene: Scene, admin: Person
) -> None:
    job = Job(scene)
    dispute_id = opened(job)["id"]
    path, key = f"/api/disputes/{dispute_id}", new_id()

    said = [
        job.product.post(f"{path}/comments", {"comment": "No."}, by=job.hunter, key=key).json()
        for _ in range(2)
    ]
    job.done(f"{path}/comments", {"comment": "I look at it."}, by=admin)
    shown = [
        job.done(f"{path}/evidence", body, by=job.poster)
        for body in (
            {"type": "text", "body": "It is red."},
            {"type": "link", "content": "https://example.com/fence", "description": "A page"},
        )
    ]

    assert said[0] == said[1]
    found = case(job, dispute_id, job.poster)
    assert [row["comment"] for row in found["comments"]] == ["No.", "I look at it."]
    assert found["evidence"] == shown
    refused(
        job.product.post(f"{path}/evidence", {"type": "link", "content": "x"}, by=job.poster), 400
    )
    full = job.product.get(f"/admin/disputes/{dispute_id}", by=admin).json()
    advice = full["suggestion"]
    assert (advice["outcome"], advice["poster_points"], advice["hunter_points"]) == ("refund", 5, 0)
    assert [reason["side"] for reason in advice["reasons"]] == ["poster", "poster"]


def test_a_cancellation_is_disputed_with_what_was_staged(scene: Scene) -> None:
    job, stranger = Job(scene), scene.product.person("stranger")
    cancelled = job.cancel(job.hunter)
    stage, commit = "/api/disputes/evidence-stage", "/api/disputes/commit"
    shown = {"filename": "note.txt", "type": "text", "description": "Two coats are done."}
    staged = job.done(stage, shown, by=job.poster)
    foreign = job.done(stage, shown, by=stranger)
    picture = {"filename": "a.png", "type": "image", "contentType": "image/png", "fileSize": 9}
    body = {"cancellationId": cancelled["id"], "reason": WHY}
    mine = body | {"evidenceIds": [staged["evidenceId"]]}

    refused(job.product.post(stage, picture, by=job.poster), 415, "UPLOADS_UNAVAILABLE")
    theirs = body | {"evidenceIds": [foreign["evidenceId"]]}
    told = refused(job.product.post(commit, theirs, by=job.poster), 404)
    assert told["missing"] == [foreign["evidenceId"]]
    refused(job.product.post(commit, theirs, by=stranger), 403)
    first = job.product.post(commit, mine, by=job.poster)
    again = job.product.post(commit, mine, by=job.poster)

    dispute_id = first.json()["disputeId"]
    assert (first.status_code, first.json()) == (201, {"disputeId": dispute_id})
    assert (again.status_code, again.json()) == (
        200,
        {"disputeId": dispute_id, "idempotent": True},
    )
    found = case(job, dispute_id, job.hunter)
    assert [row["content"] for row in found["evidence"]] == ["Two coats are done."]
    assert found["dispute"]["cancellation_id"] == cancelled["id"]
    path = f"/api/cancellations/{cancelled['id']}/accept"
    refused(job.product.post(path, {}, by=job.poster), 409, "DISPUTE_ACTIVE")


def test_what_was_staged_too_long_ago_is_not_there_to_be_shown(scene: Scene) -> None:
    job = Job(scene)
    cancelled = job.cancel(job.hunter)
    shown = {"filename": "n", "type": "text", "content": "Two coats are done."}
    staged = job.done("/api/disputes/evidence-stage", shown, by=job.poster)["evidenceId"]
    job.product.rows(
        "update app.dispute_evidence set expires_at = now() where id = %s returning id", staged
    )
    body = {"cancellationId": cancelled["id"], "reason": WHY, "evidenceIds": [staged]}

    told = refused(job.product.post("/api/disputes/commit", body, by=job.poster), 422)

    assert told["notUploaded"] == [staged]
    assert escrow_state(job) == "held"


def test_who_opened_it_lets_it_go_and_the_work_goes_on(scene: Scene) -> None:
    job = Job(scene)
    dispute_id = opened(job)["id"]
    path = f"/api/disputes/{dispute_id}/withdraw"

    refused(job.product.post(path, by=job.hunter), 403)
    gone = job.done(path, by=job.poster)

    assert job.done(path, by=job.poster) == gone
    assert (gone["status"], escrow_state(job), job.status) == ("cancelled", "held", "in_progress")
    job.finish()
    assert job.got_cents == (0, 951)


def test_who_lost_appeals_once_and_is_put_right(
    scene: Scene, product: Product, admin: Person
) -> None:
    job = Job(scene)
    dispute_id = opened(job)["id"]
    path, body = f"/api/disputes/{dispute_id}/appeals", {"reason": "Look at the second picture."}
    refused(job.product.post(path, body, by=job.hunter), 409)
    assert resolve(job, dispute_id, admin, outcome="refund").is_success

    made = job.product.post(path, body, by=job.hunter)
    again = job.product.post(path, body, by=job.hunter)
    queue = product.get("/admin/disputes?appealed=true&limit=200", by=admin).json()["disputes"]
    answer = f"/admin/appeals/{made.json()['id']}"
    looked = product.send("PATCH", answer, {"status": "reviewing"}, by=admin)
    accepted = {"status": "accepted", "notes": "It was green."}
    right = product.send("PATCH", answer, accepted, by=admin)
    repeat = product.send("PATCH", answer, accepted, by=admin)

    assert (made.status_code, again.status_code, again.json()) == (201, 200, made.json())
    assert dispute_id in [row["id"] for row in queue]
    assert looked.json()["status"] == "reviewing"
    assert right.json()["status"] == "accepted"
    assert repeat.json() == right.json()
    found = case(job, dispute_id, job.hunter)
    assert (found["dispute"]["winner"], found["dispute"]["has_open_appeal"]) == ("hunter", False)
    assert job.got_cents == (0, 951)
    assert product.books_balance()


def test_an_admin_takes_it_up_escalates_and_closes_it(
    scene: Scene, product: Product, admin: Person
) -> None:
    job = Job(scene)
    told = opened(job)
    path = f"/admin/disputes/{told['id']}"

    def set_status(status: str, **more: Any) -> Any:
        return product.send("PATCH", f"{path}/status", {"status": status} | more, by=admin)

    refused(set_status("resolved"), 400)
    taken = set_status("under_review", version=told["version"])
    refused(set_status("closed", version=told["version"]), 409, "STALE_VERSION")
    urgent = job.done(f"{path}/escalate", {"reason": "They threaten each other."}, by=admin)
    assert job.done(f"{path}/escalate", {"reason": "Still."}, by=admin) == urgent
    queue = product.get("/admin/disputes?escalated=true&limit=200", by=admin).json()["disputes"]
    closed = set_status("closed", reason="They have made peace.")

    assert (taken.json()["status"], urgent["escalated"]) == ("under_review", True)
    assert told["id"] in [row["id"] for row in queue]
    assert (closed.json()["status"], escrow_state(job)) == ("closed", "held")
    history = product.get(path, by=admin).json()["audit"]
    assert [row["action"] for row in history] == ["review", "escalate", "close"]


def test_strangers_learn_nothing_of_a_dispute(scene: Scene) -> None:
    job, stranger = Job(scene), scene.product.person("stranger")
    dispute_id = opened(job)["id"]

    refused(job.product.get(f"/api/disputes/{dispute_id}", by=stranger), 404)
    assert job.product.get("/api/disputes", by=stranger).json()["disputes"] == []
    for rest, body in (
        ("comments", {"comment": "Hi."}),
        ("evidence", {"type": "text", "content": "Hi."}),
        ("withdraw", None),
    ):
        refused(job.product.post(f"/api/disputes/{dispute_id}/{rest}", body, by=stranger), 403)


def test_what_a_judge_has_completed_may_have_no_work_to_show(scene: Scene, admin: Person) -> None:
    job = Job(scene)
    dispute_id = opened(job, job.hunter)["id"]
    assert resolve(job, dispute_id, admin, outcome="release").is_success

    told = job.done(f"/api/bounties/{job.id}/complete", by=job.poster)
    old = job.done(f"/bounties/{job.id}/complete", by=job.hunter)

    assert told["newStatus"] == "completed"
    assert told.get("submission") is None
    assert old["message"] == "The bounty is completed."
    refused(job.product.post(f"/bounties/{job.id}/approve", by=job.poster), 404)
    assert job.got_cents == (0, 951)
