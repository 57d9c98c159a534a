"""Every operation as everybody: the running service lets in and refuses whom the table says."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.domain.access import ADMITTED, Caller
from bountyexpo.domain.ids import new_id
from bountyexpo.http.health import EDGE
from bountyexpo.operations import areas, edge_access
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.sandbox.stripe.webhooks import signature

from tests.integration.product.product import Person, Product, refused, standing_product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

PASSWORD = "Correct-horse-7"

areas.declare()

TABLE = {**areas.GRANTS, **edge_access.GRANTS}

CLOSED = [name for name, row in TABLE.items() if Caller.ANONYMOUS not in row.allowed]


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
    def money(self) -> str:
        """The poster has paid in."""
        amount = {"amountCents": 50_000}
        intent = self.post(Caller.POSTER, "/payments/create-payment-intent", amount)
        card = {"paymentIntentId": intent["paymentIntentId"], "paymentMethodId": "pm_card_visa"}
        self.post(Caller.POSTER, "/payments/confirm", card)
        poster = self.people[Caller.POSTER]
        self.product.until(lambda: self.product.balance(poster)["balanceCents"] > 0)
        return intent["paymentIntentId"]

    def paid_job(self) -> str:
        """A bounty of $1.00 with the hunter at work."""
        assert self.money
        offer = bounty() | {"is_for_honor": False, "amount_cents": 100}
        bounty_id = self.post(Caller.POSTER, "/api/bounties", offer)["id"]
        applied = self.post(Caller.HUNTER, "/api/bounty-requests", {"bounty_id": bounty_id})
        self.post(Caller.POSTER, f"/api/bounty-requests/{applied['id']}/accept")
        return bounty_id

    def cancellation(self, asks: Caller) -> str:
        """One that waits for the answer of the other side."""
        path = f"/api/bounties/{self.paid_job()}/cancellations"
        return self.post(asks, path, {"reason": "It rains."})["id"]

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

    @cached_property
    def intent_id(self) -> str:
        path = "/payments/create-payment-intent"
        return self.post(Caller.POSTER, path, {"amountCents": 500})["paymentIntentId"]

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


Ask = tuple[str, str, Any]

# How to ask for each operation about the things on the stage.
CASES: dict[str, Callable[[Stage], Ask]] = {
    "auth.register": lambda _: (
        "POST",
        "/auth/register",
        {"email": f"{new_id()[:8]}@example.com", "password": PASSWORD},
    ),
    "auth.sign_in": lambda stage: ("POST", "/auth/sign-in", stage.account),
    "auth.refresh": lambda stage: (
        "POST",
        "/auth/refresh",
        {"refreshToken": stage.refresh_token()},
    ),
    "auth.sign_out": lambda _: ("POST", "/auth/sign-out", {}),
    "auth.me": lambda _: ("GET", "/auth/me", None),
    "bounty.list": lambda _: ("GET", "/api/bounties", None),
    "bounty.get": lambda stage: ("GET", f"/api/bounties/{stage.open_bounty}", None),
    "bounty.create": lambda _: ("POST", "/api/bounties", bounty()),
    "bounty.update": lambda stage: (
        "PATCH",
        f"/api/bounties/{stage.bounty_id()}",
        {"title": "Carry two sofas"},
    ),
    "bounty.archive": lambda stage: ("POST", f"/api/bounties/{stage.bounty_id()}/archive", None),
    "bounty.delete": lambda stage: ("DELETE", f"/api/bounties/{stage.bounty_id()}", None),
    "bounty.hide": lambda stage: ("POST", f"/api/bounties/{stage.bounty_of_both()}/hide", None),
    "bounty.unhide": lambda stage: ("DELETE", f"/api/bounties/{stage.bounty_of_both()}/hide", None),
    "request.create": lambda stage: (
        "POST",
        "/api/bounty-requests",
        {"bounty_id": stage.open_bounty},
    ),
    "request.list": lambda _: ("GET", "/api/bounty-requests", None),
    "request.get": lambda stage: ("GET", f"/api/bounty-requests/{stage.waiting_request}", None),
    "request.accept": lambda stage: (
        "POST",
        f"/api/bounty-requests/{stage.waiting_request}/accept",
        None,
    ),
    "request.reject": lambda stage: ("POST", f"{stage.unanswered_request()}/reject", None),
    "request.update": lambda stage: (
        "PATCH",
        stage.unanswered_request(),
        {"status": "withdrawn" if stage.asked_by is Caller.HUNTER else "rejected"},
    ),
    "request.delete": lambda stage: ("DELETE", stage.unanswered_request(), None),
    "completion.submit": lambda stage: (
        "POST",
        "/api/completions",
        {"bounty_id": stage.work["bounty"]["id"], "message": "It is done."},
    ),
    "completion.get": lambda stage: (
        "GET",
        f"/api/completions/{stage.submission['bounty_id']}",
        None,
    ),
    "completion.approve": lambda stage: (
        "POST",
        f"/api/completions/{stage.submission['id']}/approve",
        {},
    ),
    "cancellation.request": lambda stage: (
        "POST",
        f"/api/bounties/{stage.paid_job()}/cancellations",
        {"reason": "It rains.", "refund_percentage": 40},
    ),
    "cancellation.get": lambda stage: (
        "GET",
        f"/api/cancellations/{stage.cancellation(Caller.HUNTER)}",
        None,
    ),
    "cancellation.of_bounty": lambda stage: (
        "GET",
        f"/api/bounties/{stage.work['bounty']['id']}/cancellation",
        None,
    ),
    "cancellation.list": lambda _: ("GET", "/api/cancellations", None),
    "cancellation.accept": lambda stage: (
        "POST",
        f"/api/cancellations/{stage.cancellation(Caller.HUNTER)}/accept",
        {},
    ),
    "cancellation.reject": lambda stage: (
        "POST",
        f"/api/cancellations/{stage.cancellation(Caller.HUNTER)}/reject",
        {"response_message": "It has stopped."},
    ),
    "cancellation.withdraw": lambda stage: (
        "POST",
        f"/api/cancellations/{stage.cancellation(Caller.POSTER)}/withdraw",
        None,
    ),
    "conversation.list": lambda _: ("GET", "/api/conversations", None),
    "conversation.open": lambda stage: (
        "POST",
        "/api/conversations",
        {"participantIds": [stage.product.person("other").id]},
    ),
    "message.list": lambda stage: (
        "GET",
        f"/api/conversations/{stage.work['conversationId']}/messages",
        None,
    ),
    "message.send": lambda stage: (
        "POST",
        f"/api/conversations/{stage.work['conversationId']}/messages",
        {"text": "Hello!", "clientMsgId": new_id()},
    ),
    "conversation.get": lambda stage: ("GET", stage.talk(), None),
    "conversation.update": lambda stage: ("PATCH", stage.talk(), {"muted": True}),
    "conversation.hide": lambda stage: ("DELETE", stage.talk(), None),
    "conversation.typing": lambda stage: ("POST", stage.talk("/typing"), {"isTyping": True}),
    "conversation.leave": lambda stage: (
        "POST",
        f"/api/conversations/{stage.group()[0]}/leave",
        None,
    ),
    "participant.add": lambda stage: (
        "POST",
        f"/api/conversations/{stage.group()[0]}/participants",
        {"participantIds": [stage.product.person("newcomer").id]},
    ),
    "participant.remove": lambda stage: (
        "DELETE",
        "/api/conversations/{}/participants/{}".format(*stage.group()),
        None,
    ),
    "participant.update": lambda stage: (
        "PATCH",
        "/api/conversations/{}/participants/{}".format(*stage.group()),
        {"role": "admin"},
    ),
    "message.edit": lambda stage: ("PATCH", stage.message(), {"text": "Good day!"}),
    "message.delete": lambda stage: ("DELETE", stage.message(), None),
    "message.pin": lambda stage: ("PUT", stage.message("/pin"), None),
    "message.unpin": lambda stage: ("DELETE", stage.message("/pin"), None),
    "message.react": lambda stage: ("PUT", stage.message("/reactions/👍"), None),
    "message.unreact": lambda stage: ("DELETE", stage.message("/reactions/👍"), None),
    "message.status": lambda stage: (
        "POST",
        stage.talk("/messages/status"),
        {"messageIds": [stage.message().rsplit("/", 1)[1]], "status": "read"},
    ),
    "receipt.read": lambda stage: ("POST", stage.talk("/read"), {"upToSeq": 1}),
    "block.list": lambda _: ("GET", "/api/blocks", None),
    "block.add": lambda stage: (
        "POST",
        "/api/blocks",
        {"blocked_id": stage.product.person("pest").id},
    ),
    "block.remove": lambda stage: (
        "DELETE",
        f"/api/blocks/{stage.product.person('pest').id}",
        None,
    ),
    "e2e_key.set": lambda _: ("PUT", "/api/me/e2e-key", {"publicKey": "A" * 43 + "="}),
    "e2e_key.get": lambda stage: (
        "GET",
        f"/api/users/{stage.product.person('peer').id}/e2e-key",
        None,
    ),
    "socket.ticket": lambda _: ("POST", "/v1/socket/ticket", None),
    "presence.list": lambda stage: (
        "GET",
        f"/api/presence?ids={stage.product.person('other').id}",
        None,
    ),
    "payment.create_intent": lambda _: (
        "POST",
        "/payments/create-payment-intent",
        {"amountCents": 500},
    ),
    "payment.confirm": lambda stage: (
        "POST",
        "/payments/confirm",
        {"paymentIntentId": stage.intent_id},
    ),
    "wallet.balance": lambda _: ("GET", "/wallet/balance", None),
    "finding.list": lambda _: ("GET", "/admin/findings", None),
    "webhook.replay": lambda stage: ("POST", f"/admin/webhooks/{stage.webhook_id}/replay", None),
    "health.status": lambda _: ("GET", "/health", None),
    "health.live": lambda _: ("GET", "/health/live", None),
    "health.livez": lambda _: ("GET", "/livez", None),
    "health.ready": lambda _: ("GET", "/health/ready", None),
    "health.readyz": lambda _: ("GET", "/readyz", None),
    "index": lambda _: ("GET", "/", None),
    "metrics.page": lambda _: ("GET", "/metrics", None),
    "debug.tree": lambda _: ("GET", "/debug/tree", None),
}


@pytest.fixture(scope="module")
def stage(module_dsn: str) -> Iterator[Stage]:
    with standing_product(module_dsn) as product:
        yield Stage(product)


OPERATIONS = {each.name: each for each in (*CATALOGUE.all(), *EDGE.all())}


def test_the_table_has_a_row_for_every_operation_and_each_is_used() -> None:
    assert set(OPERATIONS) == set(TABLE)
    assert len(TABLE) == len(areas.GRANTS) + len(edge_access.GRANTS)
    assert all(each.grant is TABLE[name] for name, each in OPERATIONS.items())


def test_every_row_with_a_route_is_asked_for() -> None:
    assert set(CASES) == {name for name, each in OPERATIONS.items() if each.route is not None}


@pytest.mark.parametrize("caller", Caller)
@pytest.mark.parametrize("name", CASES)
def test_the_service_answers_as_the_table_says(stage: Stage, name: str, caller: Caller) -> None:
    stage.asked_by = caller
    method, path, body = CASES[name](stage)
    expected = TABLE[name].refusal(caller)

    response = stage.product.send(method, path, body, by=stage.caller(caller, name))

    if expected is None:
        assert response.status_code not in {401, 403, 404, 500}, response.text
        return
    told = refused(response, expected.status, expected.error_code)
    if caller in ADMITTED[TABLE[name].level]:
        assert told["message"] == expected.message


@pytest.mark.parametrize(
    "name", [name for name in CASES if Caller.ANONYMOUS not in TABLE[name].allowed]
)
def test_a_forged_token_opens_nothing(stage: Stage, name: str) -> None:
    method, path, body = CASES[name](stage)
    forged = stage.product.token(new_id(), secret="not-the-secret-of-the-auth-server-at-all")

    response = stage.product.send(method, path, body, by=Person(new_id(), "", forged))

    refused(response, 401)


@pytest.mark.parametrize("claims", [{"user_metadata": {"role": "admin"}}, {"role": "admin"}])
def test_what_a_user_can_write_makes_no_admin(stage: Stage, claims: dict[str, Any]) -> None:
    person = new_id()
    token = stage.product.token(person, email=f"{person[:8]}@example.com", **claims)

    response = stage.product.get("/admin/tree", by=Person(person, "", token))

    assert response.status_code in {401, 403, 404}
