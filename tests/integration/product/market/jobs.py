"""Paid work with its two people, as it goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.product.scene import wish

if TYPE_CHECKING:
    import httpx

    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene


class PaidJob:
    """A bounty of a poster who has just its price, with a hunter at work unless it is open."""

    def __init__(self, scene: Scene, *, cents: int = 1_001, is_open: bool = False) -> None:
        self.product: Product = scene.product
        self.poster, self.hunter = self.product.person("poster"), self.product.person("hunter")
        self.cents = cents
        if cents:
            scene.deposit(self.poster, max(cents, 50))
        body = wish(amount=cents / 100, is_for_honor=not cents)
        self.id: str = self.done("/api/bounties", body, by=self.poster)["id"]
        if not is_open:
            applied = self.done("/api/bounty-requests", {"bounty_id": self.id}, by=self.hunter)
            self.done(f"/api/bounty-requests/{applied['id']}/accept", by=self.poster)

    def ask(self, path: str, body: Any = None, *, by: Person, **more: Any) -> httpx.Response:
        """Ask for something."""
        return self.product.post(path, body, by=by, **more)

    def done(self, path: str, body: Any = None, *, by: Person) -> Any:
        """Do something that must succeed."""
        response = self.ask(path, body, by=by)
        assert response.is_success, response.text
        return response.json()

    def cancel(self, by: Person, **body: Any) -> Any:
        """Ask for a cancellation."""
        body = {"reason": "It rains.", "reason_category": "timeline_issue"} | body
        return self.done(f"/api/bounties/{self.id}/cancellations", body, by=by)

    def hand_in(self) -> str:
        """Let the hunter hand in work; return the submission."""
        work = {"bounty_id": self.id, "message": "It is done."}
        submission_id: str = self.done("/api/completions", work, by=self.hunter)["id"]
        return submission_id

    @property
    def status(self) -> str:
        """Where the bounty stands."""
        status: str = self.product.get(f"/api/bounties/{self.id}", by=self.poster).json()["status"]
        return status

    @property
    def wallets(self) -> tuple[int, int]:
        """What poster and hunter have, in cents."""
        poster, hunter = (
            self.product.balance(person)["balanceCents"] for person in (self.poster, self.hunter)
        )
        return poster, hunter

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The events of this kind that are for both sides, as they are stored."""
        rows = self.product.rows(
            """select payload, users from app.stream_events
               where stream = %s and type = %s order by seq""",
            f"bounty:{self.id}",
            kind,
        )
        sides = {self.poster.id, self.hunter.id}
        return [row["payload"] for row in rows if sides <= {str(user) for user in row["users"]}]
