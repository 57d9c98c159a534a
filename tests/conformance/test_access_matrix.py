"""Every operation as everybody: the running service lets in and refuses whom the table says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.access import ADMITTED, Caller
from bountyexpo.domain.ids import new_id
from bountyexpo.http.health import EDGE
from bountyexpo.operations import areas, edge_access
from bountyexpo.operations.catalogue import CATALOGUE

from tests.conformance.quarrel_cases import QUARRELS
from tests.conformance.stage import PASSWORD, Ask, Stage, bounty
from tests.conformance.work_cases import ESCROWS, MONEY_OUT, REPORTS, WORK
from tests.integration.product.product import Person, refused, standing_product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


areas.declare()

TABLE = {**areas.GRANTS, **edge_access.GRANTS}

CLOSED = [name for name, row in TABLE.items() if Caller.ANONYMOUS not in row.allowed]


def accept(bounty_id: str, request_id: str) -> Ask:
    return "POST", f"/api/bounties/{bounty_id}/accept", {"request_id": request_id}


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
    "bounty.search": lambda _: ("GET", "/api/bounties/search?q=sofa", None),
    "bounty.trending": lambda _: ("GET", "/api/bounties/trending", None),
    "search.suggest": lambda _: ("GET", "/api/search/suggestions?q=sofa", None),
    "user.search": lambda _: ("GET", "/api/users/search?q=poster", None),
    "search.saved": lambda _: ("GET", "/api/search/saved", None),
    "search.save": lambda _: ("POST", "/api/search/saved", {"name": "Sofas", "query": "sofa"}),
    "search.unsave": lambda _: ("DELETE", f"/api/search/saved/{new_id()}", None),
    "search.recent": lambda _: ("GET", "/api/search/recent", None),
    "search.note": lambda _: ("POST", "/api/search/recent", {"query": "sofa"}),
    "search.forget": lambda _: ("DELETE", "/api/search/recent", None),
    "bounty.create": lambda _: ("POST", "/api/bounties", bounty()),
    "bounty.update": lambda stage: (
        "PATCH",
        f"/api/bounties/{stage.bounty_id()}",
        {"title": "Carry two sofas"},
    ),
    "bounty.accept": lambda stage: accept(*stage.applied_bounty()),
    "bounty.complete": lambda stage: (
        "POST",
        f"/api/bounties/{stage.handed_in()['bounty_id']}/complete",
        {},
    ),
    "bounty.set_status": lambda stage: (
        "PATCH",
        f"/api/bounties/{stage.placed('in_progress')}/status",
        {"status": "cancelled", "reason": "The sofa is gone."},
    ),
    "bounty.post_update": lambda stage: (
        "POST",
        f"/api/bounties/{stage.placed('in_progress')}/updates",
        {"message": "Half of the stairs are done."},
    ),
    "bounty.list_updates": lambda stage: (
        "GET",
        f"/api/bounties/{stage.placed('in_progress')}/updates",
        None,
    ),
    "stale.list": lambda _: ("GET", "/api/stale-bounties", None),
    "stale.cancel": lambda stage: (
        "POST",
        f"/api/stale-bounties/{stage.placed('in_progress', is_stale=True)}/cancel",
        None,
    ),
    "stale.repost": lambda stage: (
        "POST",
        f"/api/stale-bounties/{stage.placed('in_progress', is_stale=True)}/repost",
        None,
    ),
    "stale.find": lambda _: ("POST", "/admin/stale-bounties/find", None),
    "bounty.expire": lambda _: ("POST", "/expire-bounties", None),
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
    "request.of_bounties": lambda stage: (
        "POST",
        "/api/bounty-requests/batch",
        {"bounty_ids": [stage.open_bounty]},
    ),
    "request.of_user": lambda _: ("GET", f"/api/bounty-requests/user/{new_id()}", None),
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
        {"bounty_id": stage.honor_job(), "message": "It is done."},
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
    "block.get": lambda stage: (
        "GET",
        f"/api/blocks/{stage.product.person('pest').id}",
        None,
    ),
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
    "payment.cancel": lambda stage: ("POST", f"/payments/{stage.new_intent()}/cancel", None),
    "payment.status": lambda stage: ("GET", f"/payments/{stage.intent_id}/status", None),
    "payment_method.list": lambda _: ("GET", "/payments/methods", None),
    "payment_method.add": lambda _: (
        "POST",
        "/payments/methods",
        {"paymentMethodId": "pm_card_visa"},
    ),
    "payment_method.remove": lambda stage: (
        "DELETE",
        f"/payments/methods/{stage.new_card()}",
        None,
    ),
    "payment_method.setup": lambda _: ("POST", "/payments/create-setup-intent", {}),
    "payment_method.add_bank": lambda _: ("POST", "/payments/bank-accounts", {}),
    **MONEY_OUT,
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
    **WORK,
    **ESCROWS,
    **QUARRELS,
    **REPORTS,
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
