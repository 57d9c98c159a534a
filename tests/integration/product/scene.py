"""The scene on which things are refused: who is there, and what they have begun."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bountyexpo.domain.ids import new_id

from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product

# As much as a deposit can be: every test of a run posts from this wallet.
DEPOSIT_CENTS = 1_000_000
# A webhook is worked off beside its answer.


@dataclass(frozen=True)
class Job:
    """A bounty in progress."""

    bounty_id: str
    request_id: str
    conversation_id: str


class Scene:
    """A poster with money, a hunter, and a stranger who is part of nothing."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.poster = product.person("poster")
        self.hunter = product.person("hunter")
        self.stranger = product.person("stranger")
        self.deposit(self.poster, DEPOSIT_CENTS)

    def prepare(self) -> None:
        """Begin everything now, so that no test begins it while it looks for traces."""
        assert self.bounty_id
        assert self.pending
        assert self.completion_id
        assert self.intent_id

    @cached_property
    def bounty_id(self) -> str:
        """An open bounty of the poster, to which nobody has applied."""
        return self.new_bounty()

    @cached_property
    def job(self) -> Job:
        """A bounty of the poster on which the hunter works."""
        return self.new_job()

    @cached_property
    def pending(self) -> tuple[str, str]:
        """A bounty with an application that waits: the ids of both."""
        bounty_id = self.new_bounty()
        return bounty_id, self.apply(bounty_id)["id"]

    @cached_property
    def completion_id(self) -> str:
        """Work that the hunter has handed in and nobody has judged."""
        work = {"bounty_id": self.job.bounty_id, "message": "All done, have a look."}
        return self.product.post("/api/completions", work, by=self.hunter).json()["id"]

    @cached_property
    def intent_id(self) -> str:
        """A deposit of the poster that waits for a card."""
        return self.new_intent(self.poster)["paymentIntentId"]

    def new_bounty(self, *, cents: int = 1_000) -> str:
        """Another open bounty of the poster."""
        response = self.product.post("/api/bounties", wish(amount=cents / 100), by=self.poster)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def apply(self, bounty_id: str, by: Person | None = None) -> dict[str, Any]:
        """An application of the hunter, or of somebody else."""
        body = {"bounty_id": bounty_id, "message": None}
        response = self.product.post("/api/bounty-requests", body, by=by or self.hunter)
        assert response.status_code == 201, response.text
        return response.json()

    def new_job(self) -> Job:
        """Another bounty of the poster on which the hunter works."""
        bounty_id = self.new_bounty()
        request_id = self.apply(bounty_id)["id"]
        path = f"/api/bounty-requests/{request_id}/accept"
        accepted = self.product.post(path, by=self.poster).json()
        return Job(bounty_id, request_id, accepted["conversationId"])

    def new_intent(self, person: Person, cents: int = 2_000) -> dict[str, Any]:
        """A deposit that waits for a card."""
        body = {"amountCents": cents, "currency": "usd"}
        response = self.product.post("/payments/create-payment-intent", body, by=person)
        assert response.status_code == 200, response.text
        return response.json()

    def confirm(self, person: Person, intent_id: str, card: str = "pm_card_visa") -> Any:
        """Pay a deposit with a card."""
        body = {"paymentIntentId": intent_id, "paymentMethodId": card}
        return self.product.post("/payments/confirm", body, by=person)

    def deposit(self, person: Person, cents: int) -> str:
        """Put money into a wallet and wait until it is there and its webhook is done."""
        before = self.product.balance(person)["balanceCents"]
        intent_id = self.new_intent(person, cents)["paymentIntentId"]
        assert self.confirm(person, intent_id).status_code == 200
        self.is_processed(intent_id)
        assert self.product.balance(person)["balanceCents"] == before + cents
        return intent_id

    def is_processed(self, intent_id: str) -> dict[str, Any]:
        """Wait until the event of a payment that succeeded was worked off; return its row."""
        return self.wait_for(
            """select event_id, status, attempts from app.webhook_events
               where payload->'object'->>'id' = %s and type = 'payment_intent.succeeded'
                   and status = 'processed'""",
            intent_id,
        )

    def wait_for(self, sql: str, *params: Any) -> dict[str, Any]:
        """Return the first row of a query once there is one."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            rows = self.product.rows(sql, *params)
            if rows:
                return rows[0]
        raise AssertionError(f"nothing came within {PATIENCE_S:g} s: {sql} {params}")


def wish(**fields: Any) -> dict[str, Any]:
    """A bounty that would be taken, but for ``fields``; its title is like no other."""
    usual = {
        "title": f"Carry the sofa upstairs ({new_id()[:8]})",
        "description": "It is a heavy sofa and the stairs are narrow, so bring a friend.",
        "amount": 10,
        "work_type": "online",
    }
    return {name: value for name, value in (usual | fields).items() if value is not ...}
