"""The things on the stage that operations are asked about, and their people."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from bountyexpo.domain.access import PEOPLE, Caller
from bountyexpo.domain.ids import new_id
from bountyexpo.sandbox.stripe.webhooks import signature

from tests.integration.product.market.placed import applied, place
from tests.integration.product.product import Person, Product

if TYPE_CHECKING:
    import httpx

PASSWORD = "Correct-horse-7"

# How something is asked for: method, path and body.
Ask: TypeAlias = tuple[str, str, Any]


class Stage:
    """A bounty to apply to, one in progress with work handed in, a conversation and a deposit."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.people: dict[Caller, Person | None] = {
            Caller.ANONYMOUS: None,
            Caller.STRANGER: product.person("stranger"),
            Caller.POSTER: product.person("poster"),
            Caller.HUNTER: product.person("hunter"),
            Caller.ADMIN: product.admin(),
            Caller.SERVICE: Person("service", "", product.key("service_role")),
        }
        # Who is about to ask: both sides may answer an application, but not the same.
        self.asked_by = Caller.POSTER
        self._unanswered: str | None = None

    def caller(self, caller: Caller, operation: str) -> Person | None:
        """Who calls; a sign-in that an operation ends is one that nobody needs any more."""
        person = self.people[caller]
        if person is None or not person.email or operation != "auth.sign_out":
            return person
        token = self.product.token(person.id, email=person.email, jti=new_id())
        return Person(person.id, person.email, token)

    def done(self, response: httpx.Response) -> Any:
        assert response.is_success, response.text
        return response.json()

    def post(self, caller: Caller, path: str, body: Any = None) -> Any:
        return self.done(self.product.post(path, body, by=self.people[caller]))

    @cached_property
    def account(self) -> dict[str, str]:
        account = {"email": f"{new_id()[:8]}@example.com", "password": PASSWORD}
        self.done(self.product.post("/auth/register", account))
        return {"identifier": account["email"], "password": PASSWORD}

    def refresh_token(self) -> str:
        return self.done(self.product.post("/auth/sign-in", self.account))["refreshToken"]

    def bounty_id(self) -> str:
        return self.post(Caller.POSTER, "/api/bounties", bounty())["id"]

    def bounty_of_both(self) -> str:
        bounty_id: str = self.work["bounty"]["id"]
        return bounty_id

    def placed(self, status: str, *, is_stale: bool = False) -> str:
        """A bounty of both sides that stands there, and was never asked for anything."""
        poster, hunter = self.people[Caller.POSTER], self.people[Caller.HUNTER]
        assert poster is not None
        return place(self.product, poster, status, hunter, is_stale=is_stale)

    def applied_bounty(self) -> tuple[str, str]:
        """An open bounty to which somebody has applied, and the application."""
        poster = self.people[Caller.POSTER]
        assert poster is not None
        bounty_id = place(self.product, poster, "open")
        return bounty_id, applied(self.product, bounty_id, self.product.person("applicant"))

    @cached_property
    def open_bounty(self) -> str:
        return self.bounty_id()

    def request_id(self) -> str:
        wish = {"bounty_id": self.bounty_id()}
        return self.post(Caller.HUNTER, "/api/bounty-requests", wish)["id"]

    @cached_property
    def waiting_request(self) -> str:
        return self.request_id()

    def unanswered_request(self) -> str:
        """An application of the hunter's that waits."""
        path = f"/api/bounty-requests/{self._unanswered}"
        known = self._unanswered and self.product.get(path, by=self.people[Caller.POSTER]).json()
        if not known or known["status"] != "pending":
            self._unanswered = self.request_id()
        return f"/api/bounty-requests/{self._unanswered}"

    @cached_property
    def work(self) -> dict[str, Any]:
        """A bounty in progress, as its acceptance told."""
        path = f"/api/bounty-requests/{self.request_id()}/accept"
        return self.post(Caller.POSTER, path)

    @cached_property
    def submission(self) -> dict[str, Any]:
        handed_in = {"bounty_id": self.work["bounty"]["id"], "message": "It is done."}
        return self.post(Caller.HUNTER, "/api/completions", handed_in)

    @cached_property
    def done_bounty(self) -> str:
        """A bounty that is completed, and nobody has rated."""
        work = self.handed_in()
        self.post(Caller.POSTER, f"/api/completions/{work['id']}/approve", {})
        return work["bounty_id"]

    @cached_property
    def ready_bounty(self) -> str:
        """A bounty whose hunter is ready."""
        bounty_id = self.honor_job()
        self.post(Caller.HUNTER, f"/api/bounties/{bounty_id}/ready")
        return bounty_id

    @cached_property
    def unreviewed(self) -> str:
        """Work that nobody has judged."""
        return self.handed_in()["id"]

    def handed_in(self) -> dict[str, Any]:
        """Work on another bounty."""
        path = f"/api/bounty-requests/{self.request_id()}/accept"
        bounty_id = self.post(Caller.POSTER, path)["bounty"]["id"]
        handed_in = {"bounty_id": bounty_id, "message": "It is done."}
        return self.post(Caller.HUNTER, "/api/completions", handed_in)

    @cached_property
    def money(self) -> str:
        """The poster has paid in."""
        amount = {"amountCents": 50_000}
        intent = self.post(Caller.POSTER, "/payments/create-payment-intent", amount)
        card = {"paymentIntentId": intent["paymentIntentId"], "paymentMethodId": "pm_card_visa"}
        self.post(Caller.POSTER, "/payments/confirm", card)
        poster = self.people[Caller.POSTER]
        self.product.until(lambda: self.product.balance(poster)["balanceCents"] > 0)
        return intent["paymentIntentId"]

    def paid_bounty(self) -> str:
        """An open bounty of $1.00."""
        assert self.money
        offer = bounty() | {"is_for_honor": False, "amount_cents": 100}
        bounty_id: str = self.post(Caller.POSTER, "/api/bounties", offer)["id"]
        return bounty_id

    def paid_work(self) -> str:
        """A bounty of $1.00 with work that waits to be approved."""
        bounty_id = self.paid_job()
        handed_in = {"bounty_id": bounty_id, "message": "It is done."}
        self.post(Caller.HUNTER, "/api/completions", handed_in)
        return bounty_id

    def paid_job(self) -> str:
        """A bounty of $1.00 with the hunter at work."""
        bounty_id = self.paid_bounty()
        applied = self.post(Caller.HUNTER, "/api/bounty-requests", {"bounty_id": bounty_id})
        self.post(Caller.POSTER, f"/api/bounty-requests/{applied['id']}/accept")
        return bounty_id

    def cancellation(self, asks: Caller) -> str:
        """One that waits for the answer of the other side."""
        path = f"/api/bounties/{self.paid_job()}/cancellations"
        return self.post(asks, path, {"reason": "It rains."})["id"]

    def dispute(self) -> str:
        """One that the poster has opened."""
        told = {"bounty_id": self.honor_job(), "stage": "in_progress", "reason": "It is red."}
        return self.post(Caller.POSTER, "/api/disputes", told)["id"]

    def decided(self) -> str:
        """One that was decided for the hunter."""
        dispute_id = self.dispute()
        ruling = {"outcome": "release", "rationale": "It was to be red."}
        self.post(Caller.ADMIN, f"/admin/disputes/{dispute_id}/resolve", ruling)
        return dispute_id

    def appeal(self) -> str:
        """One of the poster's."""
        path = f"/api/disputes/{self.decided()}/appeals"
        return self.post(Caller.POSTER, path, {"reason": "Look again."})["id"]

    def honor_job(self) -> str:
        """A bounty for honor with the hunter at work."""
        bounty_id = self.bounty_id()
        applied = self.post(Caller.HUNTER, "/api/bounty-requests", {"bounty_id": bounty_id})
        self.post(Caller.POSTER, f"/api/bounty-requests/{applied['id']}/accept")
        return bounty_id

    def evidence(self) -> dict[str, Any]:
        """What who asks has staged about a cancellation that the hunter wants."""
        # Of what waits for a dispute each person may have a little only.
        self.product.session.execute("delete from app.dispute_evidence where state <> 'committed'")
        shown = {"filename": "note.txt", "type": "text", "content": "It is green."}
        asks = self.asked_by if self.asked_by is Caller.HUNTER else Caller.POSTER
        staged = self.post(asks, "/api/disputes/evidence-stage", shown)
        return {
            "evidenceIds": [staged["evidenceId"]],
            "cancellationId": self.cancellation(Caller.HUNTER),
            "reason": "The work was done when they cancelled.",
        }

    def talk(self, rest: str = "") -> str:
        return f"/api/conversations/{self.work['conversationId']}{rest}"

    def message(self, rest: str = "") -> str:
        """A fresh message of the poster's, that nobody has touched."""
        said = {"text": "Hello!", "clientMsgId": new_id()}
        sent = self.post(Caller.POSTER, self.talk("/messages"), said)
        return self.talk(f"/messages/{sent['messageId']}{rest}")

    def group(self) -> tuple[str, str]:
        """A group that the poster owns, and one of its plain members besides the hunter."""
        member = self.product.person("member").id
        names = [self.people[Caller.HUNTER].id, member]
        path = "/api/conversations"
        made = self.post(Caller.POSTER, path, {"participantIds": names, "isGroup": True})
        return made["id"], member

    def new_card(self) -> str:
        """A card of who is about to ask, if that is anybody who could have one."""
        by = self.asked_by if self.asked_by in PEOPLE else Caller.POSTER
        kept = self.post(by, "/payments/methods", {"paymentMethodId": "pm_card_visa"})
        card_id: str = kept["paymentMethod"]["id"]
        return card_id

    def new_intent(self) -> str:
        path = "/payments/create-payment-intent"
        intent_id: str = self.post(Caller.POSTER, path, {"amountCents": 500})["paymentIntentId"]
        return intent_id

    @cached_property
    def intent_id(self) -> str:
        return self.new_intent()

    @cached_property
    def webhook_id(self) -> str:
        """An event of the card provider, of a kind that nobody waits for."""
        name = f"evt_{new_id()}"
        body = msgspec.json.encode({"id": name, "type": "coupon.created", "livemode": False})
        signed = signature(body, self.product.secrets.webhook_secret, int(time.time()))
        headers = {"stripe-signature": signed}
        self.done(self.product.send("POST", "/webhooks/stripe", body, headers=headers))
        return name


def bounty() -> dict[str, Any]:
    return {
        "title": f"Carry a sofa {new_id()[:8]}",
        "description": "It is heavy and must go up to the third floor.",
        "is_for_honor": True,
    }
