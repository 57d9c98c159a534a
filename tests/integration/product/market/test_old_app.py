"""The old app from posting to rating: its paths, and the names by which it reads the rows.

The names are those of rest-core §4.6, the paths those of §5.3 and of its fallbacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.ids import new_id

from tests.integration.product.market.offers import WALLET_CENTS
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

CANCELLATION = {
    *("id", "bountyId", "requesterId", "requesterType", "reason", "status", "responderId"),
    *("responseMessage", "refundAmount", "refundPercentage", "createdAt", "updatedAt"),
    "resolvedAt",
}

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


class OldPaths(OldApp):
    """The app of one person over the old paths only, each of which says that it is old."""

    def __init__(self, product: Product, person: Person, prefix: str) -> None:
        super().__init__(product, person)
        self.prefix = prefix

    def send(self, method: str, path: str, body: Any, names: str, status: int = 200) -> Any:
        response = self.product.send(method, self.prefix + path, body, by=self.person)
        assert response.headers["deprecation"] == "true", path
        assert response.status_code == status, (path, response.text)
        told = response.json()
        missing = set(names.split()) - told.keys()
        assert not missing, (path, missing)
        return told


@pytest.fixture(params=["", "/functions/v1"], ids=["root", "functions"])
def sides(product: Product, scene: Scene, request: pytest.FixtureRequest) -> tuple[OldPaths, ...]:
    """A poster with money and a hunter; all that they ask goes where the old services were."""
    poster, hunter = product.person("poster"), product.person("hunter")
    scene.deposit(poster, WALLET_CENTS)
    return OldPaths(product, poster, request.param), OldPaths(product, hunter, request.param)


def begun(poster: OldPaths, hunter: OldPaths) -> str:
    """A bounty with a hunter at work, posted, applied for and accepted in the old words."""
    body = {
        "title": f"Carry the sofa upstairs ({new_id()[:8]})",
        "description": "It is a heavy sofa and the stairs are narrow, so bring a friend.",
        "amount": 10.01,
        "isForHonor": False,
        "workType": "online",
        "skills": ["lifting", "patience"],
    }
    row = poster.post("/bounties", body, BOUNTY, 201)
    assert (row["amount_cents"], row["skills_required"]) == (1_001, "lifting, patience")
    bounty_path = f"/bounties/{row['id']}"
    wish = {"bountyId": row["id"], "proposal": "I have a strap."}
    request = hunter.post("/bounty-requests", wish, f"{REQUEST} bountyId hunterId proposal", 201)
    assert (request["message"], request["bountyId"]) == ("I have a strap.", row["id"])
    taken = poster.post(f"{bounty_path}/accept", {"requestId": request["id"]}, f"{BOUNTY} message")
    assert (taken["status"], taken["accepted_by"]) == ("in_progress", hunter.person.id)
    found: str = row["id"]
    return found


def got_cents(sides: tuple[OldPaths, ...]) -> tuple[int, ...]:
    """What poster and hunter have got out of the price of $10.01."""
    before = WALLET_CENTS - 1_001, 0
    product = sides[0].product
    now = [product.balance(each.person)["balanceCents"] for each in sides]
    assert product.books_balance()
    return tuple(cents - was for cents, was in zip(now, before, strict=True))


async def test_the_old_paths_lead_from_the_posting_to_the_rating(
    sides: tuple[OldPaths, ...],
) -> None:
    poster, hunter = sides
    bounty_id = begun(poster, hunter)
    path = f"/bounties/{bounty_id}"

    talks = hunter.get("/conversations", "conversations")["conversations"]
    [talk] = [each for each in talks if each["bountyId"] == bounty_id]
    with trio.fail_after(LIMIT_S):
        async with Wire.opened(hunter.product, hunter.person) as wire:
            said = {"text": "At noon?", "clientMsgId": new_id()}
            poster.post(f"/conversations/{talk['id']}/messages", said, status=201)
            assert (await wire.hear("message.new"))["text"] == "At noon?"
    ready = hunter.post(f"{path}/ready", {"hunterId": hunter.person.id}, "message data")
    assert poster.get(f"/completion/ready?bounty_id={bounty_id}") == ready["data"]
    first = {"completion_note": "It stands upstairs.", "proof": "https://example.com/1.jpg"}
    told = hunter.post(f"{path}/complete", first, f"{BOUNTY} message bountyId transition")
    assert (told["newStatus"], told["submission"]["status"]) == ("in_progress", "pending")
    poster.post(f"{path}/request-changes", {"feedback": "On its head."}, f"{SUBMISSION} message")
    hunter.post(f"{path}/complete", {"completionNote": "On its feet."}, BOUNTY)
    approval = {"rating": 5, "comment": "At last."}
    done = poster.post(f"{path}/approve", approval, f"{SUBMISSION} message bountyId")
    assert (done["status"], done["revision_count"]) == ("approved", 1)
    assert poster.get(path, BOUNTY)["status"] == "completed"
    assert got_cents(sides) == (0, 951)
    # Ratings had no other address; their words are the old ones.
    stars = {"bountyId": bounty_id, "score": 4, "userId": poster.person.id}
    rated = hunter.product.post("/api/ratings", stars, by=hunter.person)
    assert (rated.status_code, set(RATING.split()) <= rated.json().keys()) == (201, True)
    listed = hunter.product.get(f"{hunter.prefix}/api/ratings/user/{poster.person.id}").json()
    assert [row["score"] for row in listed] == [4]


def test_the_old_paths_cancel_with_the_other_side(sides: tuple[OldPaths, ...]) -> None:
    poster, hunter = sides
    running = begun(poster, hunter)

    asked = hunter.post(
        f"/bounties/{running}/cancel",
        {"reason": "Too far.", "reasonCategory": "timeline_issue", "refundPercentage": 50},
        "message bountyId refundId amount cancellation",
        201,
    )
    cancellation = asked["cancellation"]
    assert cancellation.keys() >= CANCELLATION
    assert (cancellation["status"], asked["refundId"]) == ("pending", None)
    assert poster.get(f"/bounties/{running}", BOUNTY)["status"] == "cancellation_requested"
    again = poster.post(f"/bounties/{running}/cancel", {"reason": "Too far."}, "cancellation")
    assert again["cancellation"]["id"] == cancellation["id"]
    # Answers had no other address; their words are the old ones.
    path, words = f"/api/cancellations/{cancellation['id']}/accept", {"responseMessage": "Yes."}
    agreed = poster.product.post(path, words, by=poster.person).json()

    assert (agreed["status"], agreed["refundAmount"]) == ("accepted", 5.01)
    assert poster.get(f"/bounties/{running}", BOUNTY)["status"] == "cancelled"
    assert got_cents(sides) == (501, 475)


def test_the_old_paths_lead_through_a_dispute(
    sides: tuple[OldPaths, ...], product: Product
) -> None:
    poster, hunter = sides
    bounty_id, admin = begun(poster, hunter), product.admin()
    hunter.post(f"/bounties/{bounty_id}/complete", {"message": "It stands upstairs."}, BOUNTY)
    prefix = poster.prefix

    wish = {"bountyId": bounty_id, "dispute_stage": "review_verify", "reason": "It is scratched."}
    opened = product.post(f"{prefix}/api/disputes", wish, by=poster.person).json()
    assert (opened["status"], opened["hold_amount"]) == ("open", 10.01)
    approve = product.post(f"{prefix}/bounties/{bounty_id}/approve", {}, by=poster.person)
    assert (approve.status_code, approve.json()["code"]) == (409, "DISPUTE_ACTIVE")
    path = f"/disputes/{opened['id']}"
    said = {"comment": "It was before.", "is_internal": False}
    hunter.post(f"{path}/comments", said, "id dispute_id user_id comment is_internal", 201)
    shown = {"type": "text", "body": "A page of the shop."}
    evidence = product.post(f"{prefix}/api{path}/evidence", shown, by=hunter.person).json()
    assert evidence["content"] == "A page of the shop."
    ruling = {"outcome": "split", "hunterCents": 667, "posterCents": 334, "reason": "Both."}
    judge = OldPaths(product, admin, prefix)
    decided = judge.post(f"/api{path}/resolve", ruling, "id status winner")

    assert (decided["status"], decided["winner"]) == ("resolved", "split")
    assert poster.get(f"/bounties/{bounty_id}", BOUNTY)["status"] == "cancelled"
    assert got_cents(sides) == (334, 634)
