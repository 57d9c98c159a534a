"""The old app from posting to rating: its paths, and the names by which it reads the rows.

The names are those of rest-core §4.6, the paths those of §5.3 and of its fallbacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from bountyexpo.domain.ids import new_id

from tests.integration.product.scene import wish
from tests.integration.product.wire import Wire

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

BOUNTY = """
    id title description amount amount_cents is_for_honor status location zip_code timeline
    skills_required work_type category is_time_sensitive deadline schedule_type start_date end_date
    latest_arrival_time duration_minutes conditional_end_note attachments_json poster_id user_id
    creator_id accepted_by hunter_id accepted_request_id username poster_avatar created_at
    updated_at averageRating ratingCount is_stale stale_reason stale_detected_at payment_intent_id
    payment_architecture_version
"""
REQUEST = "id bounty_id hunter_id user_id poster_id status message created_at updated_at"
NESTED_BOUNTY = "id title amount location work_type deadline is_for_honor status"
NESTED_PROFILE = "id username avatar avatar_url"
SUBMISSION = """
    id bounty_id hunter_id message proof_items status poster_feedback revision_count submitted_at
    reviewed_at
"""
RATING = "id from_user_id to_user_id bounty_id rating comment created_at"

PROOF = [
    {"id": "1", "type": "image", "name": "before.jpg", "url": "https://example.com/1.jpg"},
    {"id": "2", "type": "file", "name": "bill.pdf", "mimeType": "application/pdf", "size": 1024},
]
LIMIT_S = 30.0


class OldApp:
    """The app of one person; whatever it asks is done, with the names that it reads."""

    def __init__(self, product: Product, person: Person) -> None:
        self.product, self.person = product, person

    def send(self, method: str, path: str, body: Any, names: str, status: int = 200) -> Any:
        response = self.product.send(method, path, body, by=self.person)
        assert response.status_code == status, (path, response.text)
        row = response.json()
        assert set(names.split()) <= row.keys(), (path, set(names.split()) - row.keys())
        return row

    def post(self, path: str, body: Any, names: str = "", status: int = 200) -> Any:
        return self.send("POST", path, body, names, status)

    def get(self, path: str, names: str = "") -> Any:
        return self.send("GET", path, None, names)


def posted(poster: OldApp, hunter_id: str) -> dict[str, Any]:
    """The bounty as the app creates it: with columns of its own, and owners that do not count."""
    body = wish(
        amount=12.5,
        user_id=hunter_id,
        poster_id=hunter_id,
        status="completed",
        timeline="this week",
        skills_required="lifting, patience",
        attachments_json="[]",
    )
    row = poster.post("/api/bounties", body, BOUNTY, 201)
    assert row["poster_id"] == row["user_id"] == row["creator_id"] == poster.person.id
    assert (row["status"], row["amount"], row["amount_cents"]) == ("open", 12.5, 1_250)
    found: dict[str, Any] = row
    return found


def applied(hunter: OldApp, bounty: dict[str, Any]) -> str:
    """The hunter applies without a word, and finds the application."""
    mine = hunter.person.id
    body = {
        "bounty_id": bounty["id"],
        "hunter_id": mine,
        "poster_id": bounty["poster_id"],
        "status": "pending",
        "message": None,
    }
    row = hunter.post("/api/bounty-requests", body, REQUEST, 201)
    assert (row["hunter_id"], row["user_id"], row["status"]) == (mine, mine, "pending")
    read = hunter.get(f"/api/bounty-requests/{row['id']}", REQUEST)
    assert set(NESTED_BOUNTY.split()) <= read["bounty"].keys()
    assert set(NESTED_PROFILE.split()) <= read["profile"].keys()
    found: str = row["id"]
    return found


def accepted(poster: OldApp, request_id: str) -> dict[str, Any]:
    """The poster accepts through the edge function."""
    told = poster.post("/functions/v1/accept-bounty-request", {"request_id": request_id}, "data")
    [row] = told["data"]
    request, bounty = row["accepted_request"], row["bounty"]
    assert (request["id"], request["status"]) == (request_id, "accepted")
    assert (bounty["status"], bounty["accepted_request_id"]) == ("in_progress", request_id)
    assert bounty["accepted_by"] == bounty["hunter_id"] == request["hunter_id"]
    found: dict[str, Any] = bounty
    return found


def handed_in(hunter: OldApp, bounty_id: str, message: str) -> dict[str, Any]:
    """The hunter hands in, with what proves it."""
    body = {
        "bounty_id": bounty_id,
        "hunter_id": hunter.person.id,
        "message": message,
        "proof_items": PROOF,
        "status": "pending",
        "submitted_at": "2020-01-01T00:00:00",
    }
    row = hunter.post("/api/completions", body, SUBMISSION, 201)
    assert (row["status"], row["proof_items"]) == ("pending", PROOF)
    assert not row["submitted_at"].startswith("2020")
    found: dict[str, Any] = row
    return found


def rated(rater: OldApp, other: OldApp, bounty_id: str, stars: float) -> None:
    """One side rates the other, and finds its rating where it is shown."""
    names = {"from_user_id": rater.person.id, "to_user_id": other.person.id}
    body = names | {"bounty_id": bounty_id, "rating": stars, "comment": "Thank you."}
    row = rater.post("/api/ratings", body, RATING, 201)
    assert row in rater.product.get(f"/api/ratings/user/{other.person.id}").json()


async def test_the_old_app_plays_a_bounty_from_its_posting_to_its_ratings(
    product: Product, scene: Scene
) -> None:
    poster, hunter = OldApp(product, scene.poster), OldApp(product, product.person("hunter"))
    bounty = posted(poster, hunter.person.id)
    request_id = applied(hunter, bounty)
    accepted(poster, request_id)
    bounty_path = f"/bounties/{bounty['id']}"

    with trio.fail_after(LIMIT_S):
        async with Wire.opened(product, hunter.person) as wire:
            [talk] = [
                each
                for each in hunter.get("/api/conversations", "conversations")["conversations"]
                if each["bountyId"] == bounty["id"]
            ]
            said = {"text": "At noon?", "clientMsgId": new_id()}
            poster.post(f"/api/conversations/{talk['id']}/messages", said, status=201)
            assert (await wire.hear("message.new"))["text"] == "At noon?"

            named = {"bounty_id": bounty["id"], "hunter_id": hunter.person.id}
            told = hunter.post("/functions/v1/completion/ready", named, "message data")
            read = poster.get(f"/api/completions/{bounty['id']}/ready", "ready_at hunter_id")
            assert read == told["data"]

            first = handed_in(hunter, bounty["id"], "It stands upstairs.")
            changes = {"feedback": "It stands on its head."}
            poster.post(f"{bounty_path}/request-changes", changes, "message bountyId")
            assert (await wire.hear("completion.reviewed"))["status"] == "revision_requested"
            newest = hunter.get(f"/api/completions/{bounty['id']}", SUBMISSION)
            assert (newest["id"], newest["poster_feedback"]) == (first["id"], changes["feedback"])

            second = handed_in(hunter, bounty["id"], "It stands on its feet.")
            approval = {"rating": 5, "comment": "At last."}
            done = poster.post(f"/api/completions/{second['id']}/approve", approval, SUBMISSION)
            assert (await wire.hear("bounty.status"))["status"] == "completed"

    assert (done["status"], done["revision_count"]) == ("approved", 1)
    final = hunter.get(bounty_path, BOUNTY)
    assert (final["status"], final["accepted_by"]) == ("completed", hunter.person.id)
    asked = f"rater_id={scene.poster.id}&user_id={hunter.person.id}&bounty_id={bounty['id']}"
    assert poster.get(f"/api/ratings/check?{asked}", "exists")["exists"]
    rated(hunter, poster, bounty["id"], 4)
    stats = hunter.get(f"/api/ratings/stats/{hunter.person.id}", "averageRating ratingCount")
    assert stats == {"averageRating": 5, "ratingCount": 1}
    # The price, less the fee of five percent.
    assert product.balance(hunter.person)["balanceCents"] == 1_250 - 63
    assert product.books_balance()
