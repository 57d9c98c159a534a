"""Every command of the market, each about people of its own: what is done before it, and it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.conformance.market.standings import OVERLAYS, Placing
from tests.integration.product.market.jobs import Job
from tests.integration.product.scene import wish

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.integration.product.product import Person
    from tests.integration.product.scene import Scene

CENTS: Final = 1_001
WHY: Final = {"reason": "It has rained the whole week."}


@dataclass(frozen=True)
class Ask:
    """A request, and who makes it."""

    by: Person
    method: str
    path: str
    body: Any = None


class Life(Job):
    """One bounty of $10.01 and its people, and how far they have come with it."""

    def __init__(self, scene: Scene, admin: Person) -> None:
        super().__init__(scene, cents=CENTS, is_open=True)
        self.admin = admin
        self.home = f"/api/bounties/{self.id}"

    def post(self, by: Person, path: str, body: Any = None) -> Ask:
        return Ask(by, "POST", path, body)

    def of_request(self, rest: str) -> str:
        return f"/api/bounty-requests/{self.apply()}{rest}"

    def work(self, rest: str) -> str:
        self.begin()
        return f"/api/completions/{self.hand_in()}{rest}"

    def asked_to_cancel(self, rest: str) -> str:
        self.begin()
        asked = self.cancel(self.poster, refund_percentage=40)
        return f"/api/cancellations/{asked['id']}{rest}"

    def dispute(self, rest: str = "", root: str = "/api") -> str:
        self.begin()
        body = {"bounty_id": self.id, "stage": "in_progress", "reason": "It is red."}
        opened = self.done("/api/disputes", body, by=self.poster)
        return f"{root}/disputes/{opened['id']}{rest}"

    def refunded(self, rest: str) -> str:
        """A dispute that was decided for the poster."""
        path = self.dispute()
        ruling = {"outcome": "refund", "rationale": "It was to be green."}
        self.done(path.replace("/api", "/admin", 1) + "/resolve", ruling, by=self.admin)
        return path + rest

    def appealed(self) -> str:
        made = self.done(self.refunded("/appeals"), {"reason": "Look again."}, by=self.hunter)
        return f"/admin/appeals/{made['id']}"

    def staged(self) -> dict[str, Any]:
        self.begin()
        asked = self.cancel(self.hunter)
        shown = {"filename": "note.txt", "type": "text", "content": "It is green."}
        staged = self.done("/api/disputes/evidence-stage", shown, by=self.poster)
        return WHY | {"cancellationId": asked["id"], "evidenceIds": [staged["evidenceId"]]}

    def stale(self) -> str:
        placing = Placing(self.product, self.poster.id, self.hunter.id)
        [standing] = placing.place([(OVERLAYS["stale"], self.poster.id)])
        return f"/api/stale-bounties/{standing.bounty_id}"

    def begun(self) -> str:
        self.begin()
        return self.home

    def hidden(self) -> str:
        self.done(f"{self.home}/hide", by=self.poster)
        return f"{self.home}/hide"

    def finished(self) -> dict[str, Any]:
        self.begin()
        self.finish()
        return {"bounty_id": self.id, "rating": 4.5}

    def payable(self) -> dict[str, Any]:
        self.work("")
        return {"bounty_id": self.id}

    def handed_in(self) -> str:
        self.work("")
        return self.home

    def send(self, ask: Ask, key: str) -> httpx.Response:
        headers = {"idempotency-key": key}
        return self.product.send(ask.method, ask.path, ask.body, by=ask.by, headers=headers)


def _new(life: Life) -> dict[str, Any]:
    offer = wish(amount=CENTS / 100)
    return offer | {"title": f"Another sofa of {life.poster.id[:8]}"}


COMMANDS: Final[dict[str, Callable[[Life], Ask]]] = {
    "bounty.create": lambda a: a.post(a.poster, "/api/bounties", _new(a)),
    "bounty.update": lambda a: Ask(a.poster, "PATCH", a.home, {"amount": 20.5}),
    "bounty.accept": lambda a: a.post(a.poster, f"{a.home}/accept", {"request_id": a.apply()}),
    "bounty.complete": lambda a: a.post(a.poster, f"{a.handed_in()}/complete", {"rating": 5}),
    "bounty.set_status": lambda a: Ask(
        a.poster, "PATCH", f"{a.home}/status", {"status": "cancelled"} | WHY
    ),
    "bounty.post_update": lambda a: a.post(a.hunter, f"{a.begun()}/updates", {"message": "Half."}),
    "bounty.archive": lambda a: a.post(a.poster, f"{a.home}/archive"),
    "bounty.delete": lambda a: Ask(a.poster, "DELETE", a.home),
    "bounty.hide": lambda a: a.post(a.poster, f"{a.home}/hide"),
    "bounty.unhide": lambda a: Ask(a.poster, "DELETE", a.hidden()),
    "stale.cancel": lambda a: a.post(a.poster, f"{a.stale()}/cancel"),
    "stale.repost": lambda a: a.post(a.poster, f"{a.stale()}/repost"),
    "request.create": lambda a: a.post(a.hunter, "/api/bounty-requests", {"bounty_id": a.id}),
    "request.accept": lambda a: a.post(a.poster, a.of_request("/accept")),
    "request.reject": lambda a: a.post(a.poster, a.of_request("/reject")),
    "request.update": lambda a: Ask(a.hunter, "PATCH", a.of_request(""), {"status": "withdrawn"}),
    "request.delete": lambda a: Ask(a.hunter, "DELETE", a.of_request("")),
    "completion.submit": lambda a: a.post(
        a.hunter, a.begun().replace(a.home, "/api/completions"), {"bounty_id": a.id, "message": "."}
    ),
    "completion.mark_ready": lambda a: a.post(a.hunter, f"{a.begun()}/ready"),
    "completion.request_revision": lambda a: a.post(
        a.poster, a.work("/request-revision"), {"feedback": "Again."}
    ),
    "completion.approve": lambda a: a.post(a.poster, a.work("/approve"), {"rating": 5}),
    "cancellation.request": lambda a: a.post(a.poster, f"{a.begun()}/cancellations", WHY),
    "cancellation.accept": lambda a: a.post(a.hunter, a.asked_to_cancel("/accept"), {}),
    "cancellation.reject": lambda a: a.post(
        a.hunter, a.asked_to_cancel("/reject"), {"response_message": "No."}
    ),
    "cancellation.withdraw": lambda a: a.post(a.poster, a.asked_to_cancel("/withdraw")),
    "rating.create": lambda a: a.post(a.hunter, "/api/ratings", a.finished()),
    "dispute.open": lambda a: a.post(
        a.hunter,
        a.begun().replace(a.home, "/api/disputes"),
        {"bounty_id": a.id, "stage": "in_progress"} | WHY,
    ),
    "dispute.commit": lambda a: a.post(a.poster, "/api/disputes/commit", a.staged()),
    "dispute.add_evidence": lambda a: a.post(
        a.hunter, a.dispute("/evidence"), {"type": "text", "content": "It is green."}
    ),
    "dispute.comment": lambda a: a.post(a.hunter, a.dispute("/comments"), {"comment": "No."}),
    "dispute.withdraw": lambda a: a.post(a.poster, a.dispute("/withdraw")),
    "dispute.appeal": lambda a: a.post(a.hunter, a.refunded("/appeals"), WHY),
    "dispute.set_status": lambda a: Ask(
        a.admin, "PATCH", a.dispute("/status", "/admin"), {"status": "under_review"}
    ),
    "dispute.escalate": lambda a: a.post(a.admin, a.dispute("/escalate", "/admin"), WHY),
    "dispute.resolve": lambda a: a.post(
        a.admin,
        a.dispute("/resolve", "/admin"),
        {
            "outcome": "split",
            "amountToHunterCents": 334,
            "amountToPosterCents": 667,
            "rationale": "Each is right in part.",
        },
    ),
    "escrow.release": lambda a: a.post(a.poster, "/bounty-payments/release", a.payable()),
    "escrow.refund": lambda a: a.post(a.poster, "/bounty-payments/cancel", {"bounty_id": a.id}),
    "wallet.release": lambda a: a.post(a.poster, "/wallet/release", a.payable()),
    "wallet.refund": lambda a: a.post(a.poster, "/wallet/refund", {"bounty_id": a.id}),
    "appeal.answer": lambda a: Ask(
        a.admin, "PATCH", a.appealed(), {"status": "accepted", "notes": "It was green."}
    ),
}

# Those that pay a fee wait for each other: one of them is cut off at a time.
PAYING: Final = (
    *("bounty.complete", "completion.approve", "cancellation.accept", "dispute.resolve"),
    *("escrow.release", "wallet.release", "appeal.answer"),
)
# What decides nothing about one bounty, has nothing left to decide, or sweeps as a clock does.
OTHERS: Final = frozenset(
    {"search.save", "search.unsave", "search.note", "search.forget"}
    | {
        "evidence.stage",
        "bounty.expire",
        "stale.find",
        "request.of_bounties",
        "escrow.fund",
        "wallet.hold",
    }
)
