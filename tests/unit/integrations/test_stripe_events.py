"""Webhook signatures: which messages are the processor's own."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime

import pytest
from bountyexpo.errors import InvalidRequest
from bountyexpo.integrations.stripe_events import TOLERANCE_S, verify_event
from stripe import WebhookSignature

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SENT = int(NOW.timestamp())
SECRETS = ("whsec_platform", "whsec_rolled")
BODY = json.dumps(
    {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": SENT,
        "livemode": False,
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": "pi_1", "client_secret": "pi_1_secret_x"}},
    }
).encode()


def sign(body: bytes = BODY, secret: str = SECRETS[0], sent: int = SENT) -> str:
    mac = hmac.new(secret.encode(), f"{sent}.".encode() + body, "sha256").hexdigest()
    return f"t={sent},v1={mac}"


@pytest.mark.parametrize(
    "header",
    [
        sign(),
        sign(secret=SECRETS[1]),
        sign() + ",v1=" + "0" * 64,
        f"t={SENT},v1={'0' * 64}," + sign().partition(",")[2],
        sign() + ",v0=old",
        sign().replace(",", ", "),
        sign(sent=SENT - TOLERANCE_S),
        sign(sent=SENT + TOLERANCE_S),
        WebhookSignature.generate_signature_header(BODY.decode(), SECRETS[0], SENT),
    ],
)
def test_a_good_signature_gives_the_event(header):
    event = verify_event(BODY, header, secrets=SECRETS, now=NOW)

    assert (event.id, event.type, event.object_id) == ("evt_1", "payment_intent.succeeded", "pi_1")
    assert event.created == NOW
    assert not event.livemode


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "invalid_signature"),
        ("", "invalid_signature"),
        ("nonsense", "invalid_signature"),
        (f"t={SENT}", "invalid_signature"),
        (f"t={SENT},v1=", "invalid_signature"),
        (f"t={SENT},v1=é", "invalid_signature"),
        (sign().partition(",")[2], "invalid_signature"),
        (sign(secret="whsec_other"), "invalid_signature"),
        (sign(secret=""), "invalid_signature"),
        (sign(body=BODY + b" "), "invalid_signature"),
        (sign().replace(f"t={SENT}", f"t={SENT + 1}"), "invalid_signature"),
        (f"t={SENT}," + sign(), "invalid_signature"),
        (sign().replace("v1=", "v0="), "invalid_signature"),
        ("t=" + "9" * 5000 + ",v1=" + "0" * 64, "invalid_signature"),
        (sign(sent=SENT - TOLERANCE_S - 1), "old_timestamp"),
        (sign(sent=SENT + TOLERANCE_S + 1), "old_timestamp"),
        (sign(sent=0), "old_timestamp"),
    ],
)
def test_a_bad_signature_is_refused(header, code):
    with pytest.raises(InvalidRequest) as caught:
        verify_event(BODY, header, secrets=SECRETS, now=NOW)

    assert caught.value.error_code == code


def test_no_secret_means_no_event():
    with pytest.raises(InvalidRequest):
        verify_event(BODY, sign(), secrets=(), now=NOW)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[]", BODY.replace(b'"object"', b'"obj"')])
def test_a_signed_body_that_is_no_event_is_refused(body):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        verify_event(body, sign(body), secrets=SECRETS, now=NOW)


def test_the_picture_of_an_event_hides_its_object():
    event = verify_event(BODY, sign(), secrets=SECRETS, now=NOW)

    assert "secret" not in repr(event)
