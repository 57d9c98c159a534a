"""Paid work with its two people, as it goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.product.market.offers import WALLET_CENTS, Offer

if TYPE_CHECKING:
    from tests.integration.product.product import Person
    from tests.integration.product.scene import Scene


class Job(Offer):
    """A bounty with a hunter at work, unless it is open."""

    def __init__(self, scene: Scene, *, cents: int = 1_001, is_open: bool = False) -> None:
        super().__init__(scene, cents=cents)
        if not is_open:
            self.begin()

    def done(self, path: str, body: Any = None, *, by: Person) -> Any:
        """Do something that must succeed."""
        response = self.product.post(path, body, by=by)
        assert response.is_success, response.text
        return response.json()

    def cancel(self, by: Person, **body: Any) -> Any:
        """Ask for a cancellation."""
        body = {"reason": "It rains.", "reason_category": "timeline_issue"} | body
        return self.done(f"/api/bounties/{self.id}/cancellations", body, by=by)

    @property
    def status(self) -> str:
        """Where the bounty stands."""
        status: str = self.row["status"]
        return status

    @property
    def got_cents(self) -> tuple[int, int]:
        """What poster and hunter have got out of the price."""
        paid_cents = WALLET_CENTS - self.posted["amount_cents"]
        return self.left_cents - paid_cents, self.product.balance(self.hunter)["balanceCents"]

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
