"""The work: ready, handed in, sent back, handed in again, approved, by every path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import refused
from tests.integration.product.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.product.product import Product
    from tests.integration.product.scene import Job, Scene

COMPLETIONS = "/api/completions"
PROOF = [{"id": "p1", "type": "image", "name": "sofa.jpg", "url": "https://example.com/s.jpg"}]
LIMIT_S = 20.0

Body = dict[str, Any]

READY: dict[str, Callable[[str, str], tuple[str, Body]]] = {
    "the present path": lambda bounty, _: (f"/api/bounties/{bounty}/ready", {}),
    "the old path": lambda bounty, hunter: (f"/bounties/{bounty}/ready", {"hunter_id": hunter}),
    "the edge function": lambda bounty, hunter: (
        "/functions/v1/completion/ready",
        {"bounty_id": bounty, "hunter_id": hunter},
    ),
    "its path at the root": lambda bounty, _: ("/completion/ready", {"bounty_id": bounty}),
}


@pytest.fixture
def job(scene: Scene) -> Job:
    """A bounty on which the hunter has just begun."""
    return scene.new_job()


def hand_in(product: Product, scene: Scene, job: Job, message: str = "Done.") -> Body:
    body = {"bounty_id": job.bounty_id, "message": message, "proof_items": PROOF}
    response = product.post(COMPLETIONS, body, by=scene.hunter)
    assert response.status_code == 201, response.text
    found: Body = response.json()
    return found


@pytest.mark.parametrize("how", READY.values(), ids=READY.keys())
def test_each_way_to_be_ready_is_told_the_same_and_once(
    product: Product, scene: Scene, job: Job, how: Callable[[str, str], tuple[str, Body]]
) -> None:
    path, body = how(job.bounty_id, scene.hunter.id)

    first = product.post(path, body, by=scene.hunter)
    with product.unchanged():
        again = product.post(path, body, by=scene.hunter)

    assert (first.status_code, again.json()) == (200, first.json()), first.text
    row = {name: first.json()[name] for name in ("bounty_id", "hunter_id", "ready_at")}
    assert row == first.json()["data"]
    assert (row["bounty_id"], row["hunter_id"]) == (job.bounty_id, scene.hunter.id)
    for reader in (scene.poster, scene.hunter):
        assert product.get(f"{COMPLETIONS}/{job.bounty_id}/ready", by=reader).json() == row
        old = f"/functions/v1/completion/ready?bountyId={job.bounty_id}"
        assert product.get(old, by=reader).json() == row


def test_nobody_is_ready_before_they_say_so(product: Product, scene: Scene, job: Job) -> None:
    path = f"/completion/ready?bountyId={job.bounty_id}"

    refused(product.get(f"{COMPLETIONS}/{job.bounty_id}/ready", by=scene.poster), 404, "NOT_READY")
    nothing = product.get(path, by=scene.poster)

    assert (nothing.status_code, nothing.json()) == (200, None)
    refused(product.get(path, by=scene.stranger), 403)
    refused(product.get(f"/completion/ready?bountyId={new_id()}", by=scene.poster), 404)


def test_only_the_hunter_can_be_ready(product: Product, scene: Scene, job: Job) -> None:
    path = f"/api/bounties/{job.bounty_id}/ready"

    with product.unchanged():
        refused(product.post(path, {"hunter_id": scene.poster.id}, by=scene.hunter), 403)
        refused(product.post(path, by=scene.poster), 403)
        refused(product.post(path, by=scene.stranger), 403)
        not_begun = f"/api/bounties/{scene.bounty_id}/ready"
        refused(product.post(not_begun, by=scene.hunter), 403)
        refused(product.post(f"/api/bounties/{new_id()}/ready", by=scene.hunter), 404)


def test_who_has_handed_in_was_ready(product: Product, scene: Scene, job: Job) -> None:
    work = hand_in(product, scene, job)

    told = product.post(f"/bounties/{job.bounty_id}/ready", by=scene.hunter).json()

    assert told["ready_at"] == work["submitted_at"]
    read = product.get(f"{COMPLETIONS}/{job.bounty_id}/ready", by=scene.poster).json()
    assert read == told["data"]


def test_work_is_sent_back_and_handed_in_again(product: Product, scene: Scene, job: Job) -> None:
    first = hand_in(product, scene, job)
    assert first["proof_items"] == PROOF
    again = product.post(COMPLETIONS, {"bounty_id": job.bounty_id, "message": "x"}, by=scene.hunter)
    assert (again.status_code, again.json()) == (200, first)

    path, body = f"{COMPLETIONS}/{first['id']}/request-revision", {"feedback": "Left arm loose."}
    sent_back = product.post(path, body, by=scene.poster)
    with product.unchanged():
        repeated = product.post(path, body, by=scene.poster)

    assert sent_back.json() == repeated.json()
    assert sent_back.json()["status"] == "revision_requested"
    assert sent_back.json()["poster_feedback"] == "Left arm loose."
    bounty = product.value("select revision_count from app.bounties where id = %s", job.bounty_id)
    assert bounty == 1

    second = hand_in(product, scene, job, "Mended.")
    assert (second["status"], second["revision_count"]) == ("pending", 1)
    newest = product.get(f"{COMPLETIONS}/{job.bounty_id}", by=scene.poster).json()
    assert newest == second
    with product.unchanged():
        for step in ("request-revision", "approve"):
            late = product.post(f"{COMPLETIONS}/{first['id']}/{step}", body, by=scene.poster)
            refused(late, 409, "SUBMISSION_REPLACED")


def test_old_paths_judge_the_newest_work(product: Product, scene: Scene, job: Job) -> None:
    hand_in(product, scene, job)
    changes = {"feedback": "More paint."}

    sent_back = product.post(f"/bounties/{job.bounty_id}/request-changes", changes, by=scene.poster)
    second = hand_in(product, scene, job, "Painted.")
    approved = product.post(
        f"/functions/v1/bounties/{job.bounty_id}/approve", {"rating": 5}, by=scene.poster
    )

    for told, status in ((sent_back, "revision_requested"), (approved, "approved")):
        assert told.status_code == 200, told.text
        assert told.json()["bountyId"] == told.json()["bounty_id"] == job.bounty_id
        assert (told.json()["status"], bool(told.json()["message"])) == (status, True)
        assert told.headers["deprecation"] == "true"
    assert approved.json()["id"] == second["id"]
    assert product.get(f"/api/bounties/{job.bounty_id}").json()["status"] == "completed"


def test_nothing_is_judged_that_was_not_handed_in(product: Product, scene: Scene, job: Job) -> None:
    feedback = {"feedback": "Where is it?"}

    with product.unchanged():
        for path in ("approve", "request-changes"):
            old = f"/bounties/{job.bounty_id}/{path}"
            refused(product.post(old, feedback, by=scene.poster), 409, "NO_PENDING_SUBMISSION")
            refused(product.post(old, feedback, by=scene.hunter), 403)
        refused(product.post(f"{COMPLETIONS}/{new_id()}/approve", {}, by=scene.poster), 404)


@pytest.mark.parametrize("feedback", [None, "", "  ", "x" * 1_001])
def test_changes_need_words(product: Product, scene: Scene, job: Job, feedback: str | None) -> None:
    work = hand_in(product, scene, job)
    path = f"{COMPLETIONS}/{work['id']}/request-revision"

    with product.unchanged():
        refused(product.post(path, {"feedback": feedback}, by=scene.poster), 400)


@pytest.mark.parametrize("rating", [0, 0.9, 5.1, 4.25, -1, "many", "NaN"])
def test_an_approval_with_an_impossible_rating_approves_nothing(
    product: Product, scene: Scene, job: Job, rating: Any
) -> None:
    work = hand_in(product, scene, job)

    with product.unchanged():
        path = f"{COMPLETIONS}/{work['id']}/approve"
        refused(product.post(path, {"rating": rating}, by=scene.poster), 400)


def test_an_approval_pays_rates_and_is_told_once(product: Product, scene: Scene, job: Job) -> None:
    before = product.balance(scene.hunter)["balanceCents"]
    work = hand_in(product, scene, job)
    path, verdict = f"{COMPLETIONS}/{work['id']}/approve", {"rating": 4.5, "comment": "Good."}

    approved = product.post(path, verdict, by=scene.poster)
    with product.unchanged():
        again = product.post(path, verdict, by=scene.poster)

    assert (approved.status_code, again.json()) == (200, approved.json())
    assert product.balance(scene.hunter)["balanceCents"] == before + 950
    [rating] = [
        row
        for row in product.get(f"/api/ratings?user_id={scene.hunter.id}").json()
        if row["bounty_id"] == job.bounty_id
    ]
    assert (rating["rating"], rating["comment"]) == (4.5, "Good.")
    assert product.books_balance()


async def test_what_happens_to_the_work_is_heard_live(product: Product, scene: Scene) -> None:
    job = scene.new_job()
    with trio.fail_after(LIMIT_S):
        async with (
            Wire.opened(product, scene.poster) as poster,
            Wire.opened(product, scene.hunter) as hunter,
        ):
            product.post(f"/api/bounties/{job.bounty_id}/ready", by=scene.hunter)
            assert (await poster.hear("completion.ready"))["hunterId"] == scene.hunter.id
            work = hand_in(product, scene, job)
            assert (await poster.hear("completion.submitted"))["submissionId"] == work["id"]
            path = f"{COMPLETIONS}/{work['id']}/request-revision"
            product.post(path, {"feedback": "Left arm loose."}, by=scene.poster)
            assert (await hunter.hear("completion.reviewed"))["status"] == "revision_requested"
            said = await hunter.hear("message.new")

    assert (said["conversationId"], said["kind"]) == (job.conversation_id, "system")
    assert "Left arm loose." in said["text"]
