"""Webhooks of the card processor: only its own words count, and each of them once."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.sandbox.stripe.webhooks import signature

from tests.integration.product.product import Person, refused

if TYPE_CHECKING:
    import httpx

    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

OLD_S = 301
FOREIGN_SECRET = "whsec_of_somebody_else"
FAILED = "select 1 from app.webhook_events where event_id = %s and status = 'failed'"
DEFERRED = "select 1 from app.webhook_events where event_id = %s and status = 'deferred'"
PROCESSED = "select 1 from app.webhook_events where event_id = %s and status = 'processed'"
DEAD = "select 1 from app.webhook_events where event_id = %s and status = 'dead'"
STORED = "select count(*) from app.webhook_events where event_id = %s"
FOUND = "select type from app.findings where subject_id = %s"


def event(intent: dict[str, Any], *, name: str | None = None) -> dict[str, Any]:
    """The event that a payment of this intent has succeeded."""
    return {
        "id": name or f"evt_{new_id()}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "api_version": "2025-01-01",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"object": "payment_intent", "status": "succeeded"} | intent},
    }


def unknown_intent(**metadata: str) -> dict[str, Any]:
    return {
        "id": f"pi_{new_id()}",
        "amount": 9_900,
        "amount_received": 9_900,
        "currency": "usd",
        "metadata": metadata,
    }


def deliver(
    product: Product, body: bytes, *, secret: str | None = None, age_s: int = 0
) -> httpx.Response:
    """Deliver a body under a signature."""
    signed = signature(body, secret or product.secrets.webhook_secret, int(time.time()) - age_s)
    return send(product, body, signed)


def send(product: Product, body: bytes, header: str) -> httpx.Response:
    headers = {"stripe-signature": header, "content-type": "application/json"}
    return product.send("POST", "/webhooks/stripe", body, headers=headers)


def restarts(product: Product, scene: Scene) -> dict[str, int]:
    """How often each part of the server was started again."""
    nodes = [product.get("/debug/tree", by=product.operator).json()]
    counts = {}
    while nodes:
        node = nodes.pop()
        counts[node["name"]] = node["restarts"]
        nodes += node["children"]
    return counts


def test_a_foreign_signature_stores_nothing(product: Product) -> None:
    sent = event(unknown_intent())

    with product.unchanged():
        response = deliver(product, msgspec.json.encode(sent), secret=FOREIGN_SECRET)

    refused(response, 400, "invalid_signature")
    assert product.value(STORED, sent["id"]) == 0


def test_an_old_message_stores_nothing(product: Product) -> None:
    sent = event(unknown_intent())

    with product.unchanged():
        response = deliver(product, msgspec.json.encode(sent), age_s=OLD_S)

    refused(response, 400, "old_timestamp")
    assert product.value(STORED, sent["id"]) == 0


def test_a_message_from_the_future_stores_nothing(product: Product) -> None:
    sent = event(unknown_intent())

    refused(deliver(product, msgspec.json.encode(sent), age_s=-2 * OLD_S), 400, "old_timestamp")

    assert product.value(STORED, sent["id"]) == 0


def test_a_changed_body_stores_nothing(product: Product) -> None:
    sent = event(unknown_intent())
    body = msgspec.json.encode(sent)
    signed = signature(body, product.secrets.webhook_secret, int(time.time()))

    with product.unchanged():
        response = send(product, body.replace(b"9900", b"9999"), signed)

    refused(response, 400, "invalid_signature")
    assert product.value(STORED, sent["id"]) == 0


@pytest.mark.parametrize("header", ["", "t=,v1=", "v1=00", "t=1,t=2,v1=00", "nonsense"])
def test_a_header_that_signs_nothing_is_refused(product: Product, header: str) -> None:
    with product.unchanged():
        refused(send(product, msgspec.json.encode(event({})), header), 400, "invalid_signature")


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"null", b"\xff"])
def test_a_signed_body_that_is_no_event_is_refused(product: Product, body: bytes) -> None:
    with product.unchanged():
        refused(deliver(product, body), 400)


TROUBLE = "An\0n \u200b\ud83d\ude00"
SHAPES: dict[str, Any] = {
    "empty": {},
    "no id": {"type": "customer.updated"},
    "odd id": {"id": 1},
    "long id": {"id": "evt_" + "x" * 10_000},
    "odd type": {"type": {"a": 1}},
    "long type": {"type": "a" * 10_000},
    "NUL in the id": {"id": "evt_\0", "type": "a\0"},
    "NUL in the object": {"data": {"object": {"name": TROUBLE, "metadata": {"a\0": TROUBLE}}}},
    "no object": {"data": {}},
    "data of another shape": {"data": ["x"]},
    "an object of another shape": {"data": {"object": "x", "previous_attributes": 5}},
    "nested nulls": {"data": {"object": None, "previous_attributes": None}, "livemode": None},
    "odd mode": {"livemode": "false"},
    "odd time": {"created": 10**30},
    "deep": {"data": {"object": json.loads("[" * 400 + "]" * 400)}},
    "huge": {"data": {"object": {"lines": ["x" * 100] * 8_000}}},
    "large number": {"data": {"object": {"amount": 10**60}}},
    "thin": {"object": "v2.core.event", "type": "v2.core.account.updated", "related_object": {}},
}


@pytest.mark.parametrize("kind", ["customer.updated", "payment_intent.succeeded"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_genuine_event_of_any_shape_is_acknowledged_and_kept(
    product: Product, kind: str, shape: str
) -> None:
    body = json.dumps({"id": f"evt_{new_id()}", "type": kind, "livemode": False} | SHAPES[shape])
    stored = "select count(*) from app.webhook_events"
    before = product.value(stored)

    response = deliver(product, body.encode())

    assert response.status_code == 200, response.text
    is_repeat = response.json().get("duplicate", False)
    assert product.value(stored) == before + (not is_repeat)
    assert deliver(product, body.encode()).json() == {"received": True, "duplicate": True}


def test_nothing_personal_is_stored_of_an_event(product: Product) -> None:
    secret = f"pi_1_secret_{new_id()}"
    told = {"id": "cus_9", "email": "ann@example.com", "client_secret": secret, "name": "Ann"}
    sent = event(told) | {"type": "customer.updated", "account": "acct_9", "api_version": "v9"}
    sent["data"]["previous_attributes"] = {"email": "old@example.com", "balance": 5}

    assert deliver(product, msgspec.json.encode(sent)).status_code == 200

    (row,) = product.rows("select * from app.webhook_events where event_id = %s", sent["id"])
    assert (row["account"], row["api_version"]) == ("acct_9", "v9")
    assert row["previous_attributes"] == {"balance": 5}
    assert row["payload"]["object"]["id"] == "cus_9"
    assert not [word for word in ("Ann", "example.com", "_secret_") if word in str(row)]


def test_an_event_of_an_unknown_payment_credits_nothing_and_is_found(
    product: Product, scene: Scene
) -> None:
    unknown = unknown_intent(user_id=scene.poster.id, purpose="wallet_deposit")
    sent = event(unknown)

    with product.unchanged(but=["findings"]):
        response = deliver(product, msgspec.json.encode(sent))
        scene.wait_for(DEAD, sent["id"])

    assert (response.status_code, response.json()) == (200, {"received": True})
    assert product.value(FOUND, unknown["id"]) == "unknown_intent"


def test_an_event_that_is_about_nothing_of_ours_is_let_be(product: Product, scene: Scene) -> None:
    sent = event({"id": "cus_1"}) | {"type": "customer.created"}

    with product.unchanged():
        response = deliver(product, msgspec.json.encode(sent))
        scene.wait_for(DEFERRED, sent["id"])

    assert response.status_code == 200


def test_an_event_of_the_live_mode_is_not_believed_here(product: Product, scene: Scene) -> None:
    sent = event(unknown_intent()) | {"livemode": True}

    response = deliver(product, msgspec.json.encode(sent))

    assert (response.status_code, response.json()) == (200, {"received": True})
    scene.wait_for(DEAD, sent["id"])
    assert product.value(FOUND, sent["id"]) == "webhook_wrong_mode"


def test_a_signed_event_that_claims_more_than_its_payment_moves_nobodys_money(
    product: Product, scene: Scene
) -> None:
    intent = unknown_intent(user_id=scene.stranger.id, payment_id=new_id())
    intent["id"] = scene.intent_id
    sent = event(intent)

    with product.unchanged(but=["findings"]):
        assert deliver(product, msgspec.json.encode(sent)).status_code == 200
        scene.wait_for(DEAD, sent["id"])

    assert product.balance(scene.stranger)["balanceCents"] == 0


def test_an_event_that_comes_again_credits_once(product: Product, scene: Scene) -> None:
    payer = product.person("payer")
    intent_id = scene.deposit(payer, 3_000)
    row = scene.is_processed(intent_id)
    delivered = "select attempts from sandbox.stripe_events where id = %s and attempts > %s"
    (before,) = product.rows(
        "select attempts from sandbox.stripe_events where id = %s", row["event_id"]
    )

    with product.unchanged():
        path = f"/sandbox/events/{row['event_id']}/resend"
        product.sandbox.post(path).raise_for_status()
        scene.wait_for(delivered, row["event_id"], before["attempts"])

    assert product.value(STORED, row["event_id"]) == 1
    assert product.balance(payer)["balanceCents"] == 3_000
    assert product.books_balance()


def test_a_duplicate_is_acknowledged_as_one(product: Product) -> None:
    body = msgspec.json.encode(event({"id": "cus_2"}) | {"type": "customer.updated"})

    answers = [deliver(product, body).json() for _ in range(2)]

    assert answers == [{"received": True}, {"received": True, "duplicate": True}]


def test_the_same_payment_told_by_two_events_credits_once(product: Product, scene: Scene) -> None:
    payer = product.person("payer")
    intent_id = scene.deposit(payer, 3_000)
    told = product.value(
        "select payload->'object' from app.webhook_events where event_id = %s",
        scene.is_processed(intent_id)["event_id"],
    )
    again = event(told)

    with product.unchanged():
        assert deliver(product, msgspec.json.encode(again)).status_code == 200
        scene.wait_for(PROCESSED, again["id"])

    assert product.balance(payer)["balanceCents"] == 3_000


def test_an_event_that_is_given_up_does_not_stop_the_others(product: Product, scene: Scene) -> None:
    lost = event({"id": "pi_unreadable", "status": None})
    next_one = event({"id": "cus_3"}) | {"type": "customer.created"}
    assert deliver(product, msgspec.json.encode(lost)).status_code == 200
    scene.wait_for(FAILED, lost["id"])
    product.session.execute(
        """update app.webhook_events set retry_until = now(), next_attempt_at = now()
           where event_id = %s""",
        (lost["id"],),
    )

    assert deliver(product, msgspec.json.encode(next_one)).status_code == 200

    scene.wait_for(DEFERRED, next_one["id"])
    scene.wait_for(DEAD, lost["id"])
    assert product.value(FOUND, lost["id"]) == "webhook_failed"
    assert restarts(product, scene)["webhooks"] == 0


@pytest.fixture
def operator(product: Product) -> Person:
    """An administrator."""
    return product.operator


def test_an_operator_sees_what_was_given_up_and_has_it_replayed(
    product: Product, scene: Scene, operator: Person
) -> None:
    sent = event(unknown_intent()) | {"livemode": True}
    assert deliver(product, msgspec.json.encode(sent)).status_code == 200
    scene.wait_for(DEAD, sent["id"])
    dead_twice = "select 1 from app.findings where subject_id = %s and status = 'open'"

    seen = product.get("/admin/findings", by=operator).json()
    replayed = product.post(f"/admin/webhooks/{sent['id']}/replay", by=operator)

    [found] = [each for each in seen["findings"] if each["subjectId"] == sent["id"]]
    assert (found["type"], found["status"], found["times"]) == ("webhook_wrong_mode", "open", 1)
    assert seen["deadWebhooks"] >= 1
    assert (replayed.status_code, replayed.json()["replayed"]) == (200, True)
    closed = "select resolution from app.findings where subject_id = %s and status = %s"
    assert product.value(closed, sent["id"], "acknowledged") == "replayed"
    # It is still of the other mode.
    scene.wait_for(dead_twice, sent["id"])


def test_a_webhook_that_never_came_cannot_be_replayed(product: Product, operator: Person) -> None:
    refused(product.post("/admin/webhooks/evt_never/replay", by=operator), 404)
