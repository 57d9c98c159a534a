"""Cancellations over the wire: asked for, answered, taken back, and who gets what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.product.market.jobs import Job
from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

COUNTERS = "select cancellation_count, withdrawal_count from app.user_stats where user_id = %s"
# Two names for each, and nothing else but the cents.
BOTH_NAMES = {
    "bountyId": "bounty_id",
    "requesterId": "requester_id",
    "requesterType": "requester_type",
    "responderId": "responder_id",
    "responseMessage": "response_message",
    "refundAmount": "refund_amount",
    "refundPercentage": "refund_percentage",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "resolvedAt": "resolved_at",
}


def counters(job: Job) -> list[tuple[int, ...]]:
    found = [job.product.rows(COUNTERS, person.id) for person in (job.poster, job.hunter)]
    return [tuple(rows[0].values()) if rows else (0, 0) for rows in found]


def test_an_open_bounty_is_cancelled_at_once_and_a_repeat_finds_the_same(scene: Scene) -> None:
    job = Job(scene, is_open=True)

    first = job.cancel(job.poster)
    path = f"/api/bounties/{job.id}/cancellations"
    again = job.product.post(path, {"reason": "It still rains."}, by=job.poster)

    assert (first["status"], first["refundPercentage"], first["refund_cents"]) == (
        "accepted",
        100.0,
        1_001,
    )
    assert first["reason"] == "[category:timeline_issue] It rains."
    assert (again.status_code, again.json()) == (200, first)
    assert (job.status, job.got_cents) == ("cancelled", (1_001, 0))
    assert counters(job) == [(1, 0), (0, 0)]


def test_the_app_and_the_store_call_it_by_their_own_names(scene: Scene) -> None:
    job = Job(scene)

    told = job.cancel(job.hunter)

    assert {told[name] == told[stored] for name, stored in BOTH_NAMES.items()} == {True}
    assert set(told) - {*BOTH_NAMES, *BOTH_NAMES.values()} == {
        "id",
        "reason",
        "status",
        "refund_cents",
    }
    assert (told["requesterType"], told["refundAmount"]) == ("hunter", 10.01)
    for path in (f"/api/cancellations/{told['id']}", f"/api/bounties/{job.id}/cancellation"):
        for person in (job.poster, job.hunter):
            assert job.product.get(path, by=person).json() == told


@pytest.mark.parametrize(
    ("percentage", "poster_cents", "hunter_cents"),
    # Half a cent goes up, and of the hunter's part the fee is taken.
    [(50, 501, 475), (33, 330, 637), (0, 0, 951), (100, 1_001, 0)],
)
def test_who_is_asked_agrees_and_every_cent_is_somewhere(
    scene: Scene, product: Product, percentage: int, poster_cents: int, hunter_cents: int
) -> None:
    job = Job(scene)
    asked = job.cancel(job.hunter, refundPercentage=percentage)
    assert job.status == "cancellation_requested"
    path = f"/api/cancellations/{asked['id']}/accept"

    agreed = job.done(path, {"responseMessage": "So be it."}, by=job.poster)
    again = job.done(path, {}, by=job.poster)

    assert again == agreed
    assert (agreed["status"], agreed["responderId"], agreed["responseMessage"]) == (
        "accepted",
        job.poster.id,
        "So be it.",
    )
    assert (job.status, job.got_cents) == ("cancelled", (poster_cents, hunter_cents))
    assert counters(job) == [(0, 0), (0, 1)]
    assert product.books_balance()
    assert [event["status"] for event in job.told("bounty.status")[-2:]] == [
        "cancellation_requested",
        "cancelled",
    ]


def test_who_is_asked_says_no_and_must_say_why(scene: Scene) -> None:
    job = Job(scene)
    asked = job.cancel(job.poster)
    path = f"/api/cancellations/{asked['id']}/reject"

    refused(job.product.post(path, {}, by=job.hunter), 400, "REASON_REQUIRED")
    refused(job.product.post(path, {"response_message": "No."}, by=job.poster), 403)
    said = job.done(path, {"response_message": "I am nearly done."}, by=job.hunter)
    again = job.done(path, {"response_message": "I am nearly done."}, by=job.hunter)

    assert again == said
    assert (said["status"], said["refundPercentage"], job.status) == (
        "rejected",
        50.0,
        "in_progress",
    )
    refused(job.product.post(path, {"response_message": "No."}, by=job.poster), 409)


def test_who_asked_takes_it_back_and_asks_again(scene: Scene) -> None:
    job = Job(scene)
    first = job.cancel(job.hunter)
    path = f"/api/cancellations/{first['id']}/withdraw"

    refused(job.product.post(path, by=job.poster), 403)
    gone = job.done(path, by=job.hunter)
    assert job.done(path, by=job.hunter) == gone
    assert (gone["status"], job.status) == ("withdrawn", "in_progress")
    second = job.cancel(job.hunter)

    assert second["id"] != first["id"]
    for answer in ("accept", "reject", "withdraw"):
        old = f"/api/cancellations/{first['id']}/{answer}"
        refused(job.product.post(old, {}, by=job.poster), 409, "CANCELLATION_REPLACED")


def test_the_old_route_answers_in_its_own_form(scene: Scene) -> None:
    opened, running = Job(scene, is_open=True), Job(scene)
    path = "/functions/v1/bounties/{}/cancel"

    done = opened.done(path.format(opened.id), {"reason": "Never mind."}, by=opened.poster)
    asked = running.done(path.format(running.id), {"reason": "Too far."}, by=running.hunter)

    row = done.pop("cancellation")
    assert done == {
        "message": "The bounty is cancelled.",
        "bountyId": opened.id,
        "refundId": row["id"],
        "amount": 10.01,
    }
    assert row["reason"] == "[category:other] Never mind."
    assert (asked["message"], asked["refundId"], asked["amount"]) == (
        "The other side was asked to agree.",
        None,
        0,
    )
    assert asked["cancellation"]["status"] == "pending"


def test_each_finds_what_they_asked_for_answered_or_must_answer(scene: Scene) -> None:
    job = Job(scene)
    first = job.cancel(job.hunter)
    job.done(f"/api/cancellations/{first['id']}/withdraw", by=job.hunter)
    second = job.cancel(job.poster)

    def listed(person, query: str = "") -> list[str]:
        page = job.product.get(f"/api/cancellations{query}", by=person).json()
        return [row["id"] for row in page["cancellations"]]

    assert listed(job.hunter) == [second["id"], first["id"]]
    assert listed(job.poster) == [second["id"]]
    assert listed(job.poster, f"?user_id={job.hunter.id}") == []
    assert listed(job.hunter, f"?user_id={job.hunter.id}&limit=1") == [second["id"]]
    page = job.product.get("/api/cancellations?limit=1", by=job.hunter).json()["pagination"]
    assert listed(job.hunter, f"?cursor={page['nextCursor']}") == [first["id"]]
    assert listed(job.product.person("stranger")) == []


def test_strangers_learn_nothing(scene: Scene) -> None:
    job = Job(scene)
    asked = job.cancel(job.hunter)
    stranger, path = job.product.person("stranger"), f"/api/cancellations/{asked['id']}"

    refused(job.product.get(path, by=stranger), 404)
    refused(job.product.get(f"/api/bounties/{job.id}/cancellation", by=stranger), 403)
    for answer in ("accept", "reject", "withdraw"):
        refused(job.product.post(f"{path}/{answer}", {"response_message": "x"}, by=stranger), 403)


def test_the_app_reads_what_it_recommends_to_give_back(scene: Scene) -> None:
    opened, running = Job(scene, cents=0, is_open=True), Job(scene, cents=0)

    def told(job: Job) -> int:
        bounty = job.product.get(f"/api/bounties/{job.id}", by=job.poster).json()
        percentage: int = bounty["recommended_refund_percentage"]
        return percentage

    assert (told(opened), told(running)) == (100, 50)
    running.done(f"/api/completions/{running.hand_in()}/approve", {}, by=running.poster)
    assert told(running) == 0
