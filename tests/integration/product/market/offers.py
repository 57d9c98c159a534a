"""A poster with money and what they offer; one for each test, for a day's posts are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.product.scene import wish

if TYPE_CHECKING:
    import httpx

    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

WALLET_CENTS = 20_000


class Offer:
    """A bounty of a poster who has $200.00 before it, and a hunter."""

    def __init__(self, scene: Scene, *, cents: int = 5_000, **fields: Any) -> None:
        self.product: Product = scene.product
        self.poster = self.product.person("poster")
        self.hunter = self.product.person("hunter")
        if cents:
            scene.deposit(self.poster, WALLET_CENTS)
        body = wish(amount=cents / 100, is_for_honor=not cents) | fields
        posted = self.product.post("/api/bounties", body, by=self.poster)
        assert posted.status_code == 201, posted.text
        self.posted: dict[str, Any] = posted.json()
        self.id: str = self.posted["id"]

    @property
    def row(self) -> dict[str, Any]:
        """The bounty as it is now, for its poster."""
        row: dict[str, Any] = self.product.get(f"/api/bounties/{self.id}", by=self.poster).json()
        return row

    @property
    def left_cents(self) -> int:
        """What the poster can spend."""
        cents: int = self.product.balance(self.poster)["balanceCents"]
        return cents

    def ask(
        self, method: str, rest: str = "", body: Any = None, by: Person | None = None
    ) -> httpx.Response:
        """Ask for something of the bounty, as the poster unless said otherwise."""
        path = f"/api/bounties/{self.id}{rest}"
        return self.product.send(method, path, body, by=by or self.poster)

    def apply(self, by: Person | None = None) -> str:
        """Let the hunter apply, or somebody else; return the application."""
        body = {"bounty_id": self.id}
        applied = self.product.post("/api/bounty-requests", body, by=by or self.hunter)
        assert applied.status_code == 201, applied.text
        request_id: str = applied.json()["id"]
        return request_id

    def accept(self, request_id: str) -> dict[str, Any]:
        """Let the poster accept an application."""
        path = f"/api/bounty-requests/{request_id}/accept"
        accepted = self.product.post(path, by=self.poster)
        assert accepted.status_code == 200, accepted.text
        told: dict[str, Any] = accepted.json()
        return told

    def begin(self) -> None:
        """Let the hunter be accepted."""
        self.accept(self.apply())

    def hand_in(self) -> str:
        """Let the hunter hand in work; return the submission."""
        work = {"bounty_id": self.id, "message": "It is done."}
        sent = self.product.post("/api/completions", work, by=self.hunter)
        assert sent.is_success, sent.text
        submission_id: str = sent.json()["id"]
        return submission_id

    def finish(self) -> None:
        """Let the work be done, handed in and approved."""
        path = f"/api/completions/{self.hand_in()}/approve"
        assert self.product.post(path, {}, by=self.poster).is_success

    def escrows(self) -> list[tuple[int, int, str]]:
        """The rounds of funding: number, cents, state."""
        found = self.product.rows(
            "select round, amount_cents, state from app.escrows where bounty_id = %s"
            " order by round",
            self.id,
        )
        return [(row["round"], row["amount_cents"], row["state"]) for row in found]
