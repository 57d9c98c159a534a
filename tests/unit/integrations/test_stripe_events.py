"""Webhook signatures: which messages are the processor's own."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime

import msgspec
import pytest
from bountyexpo.errors import InvalidRequest
from bountyexpo.integrations import stripe_events
from bountyexpo.integrations.stripe_events import TOLERANCE_S, ProviderEvent, verify_event
from hypothesis import given
from hypothesis import strategies as st
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

    assert (event.id, event.type, event.object) == (
        "evt_1",
        "payment_intent.succeeded",
        {"id": "pi_1"},
    )
    assert (event.created_at, event.livemode, event.account) == (NOW, False, None)
    assert (event.api_version, event.previous_attributes) == ("2026-10-28.endive", {})


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


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b'"x"', b"{", b"{}x"])
def test_a_signed_body_that_is_no_object_is_refused(body):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read(body)


def read(body: bytes) -> ProviderEvent:
    return verify_event(body, sign(body), secrets=SECRETS, now=NOW)


DEEP = b'{"id": "evt_1", "data": {"object": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"

ODD = {
    "empty": b"{}",
    "no data": b'{"id": "evt_1", "type": "a.b"}',
    "odd types": b'{"id": 1, "type": [], "created": "soon", "livemode": "no", "data": 5}',
    "nulls": b'{"id": null, "type": null, "created": null, "livemode": null, "data": null}',
    "nested nulls": b'{"id": "evt_1", "data": {"object": null, "previous_attributes": null}}',
    "NUL": rb'{"id": "evt_\u0000", "type": "a\u0000", "data": {"object": {"a\u0000": "b\u0000"}}}',
    "lone surrogate": rb'{"id": "evt_1", "data": {"object": {"a": "\ud800"}}}',
    "large numbers": b'{"created": 1e400, "data": {"object": {"a": 1e400, "b": '
    + b"9" * 5000
    + b"}}}",
    "no numbers": b'{"created": NaN, "data": {"object": {"a": Infinity}}}',
    "late": b'{"id": "evt_1", "created": 99999999999999999}',
    "long names": b'{"id": "' + b"x" * 9_000 + b'", "type": "' + b"y" * 9_000 + b'"}',
    "bottomless": DEEP,
    "many": b'{"data": {"object": {"a": [' + b"0," * 200_000 + b"0]}}}",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_a_signed_object_of_any_shape_is_an_event(body):
    event = read(body)

    assert event.id
    assert event.type
    assert len(event.id) <= 128
    assert "\0" not in repr(event)
    assert read(body) == event
    msgspec.json.encode(event)


# Of all characters, those that are treated in different ways.
TEXTS = st.text(st.sampled_from("aZ09_.:-/@ +\0\u00e9\u200b\ud800\U0001f600"), max_size=8)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["id", "type", "created", "livemode", "data", "account", "context", "related_object"]
)


@given(st.dictionaries(FIELDS, JSON_VALUES))
def test_no_signed_object_is_too_strange(fields):
    read(json.dumps(fields).encode())


@pytest.mark.parametrize("account", ["acct_1", 5, {"id": "acct_1"}, "", "a\0"])
def test_an_event_of_any_account_is_not_taken_for_one_of_the_platform(account):
    assert read(json.dumps({"id": "evt_1", "account": account}).encode()).account is not None


def test_a_thin_event_is_read_as_far_as_it_goes():
    thin = {
        "id": "evt_test_65",
        "object": "v2.core.event",
        "type": "v2.core.account.updated",
        "created": "2026-01-01T00:00:00.000Z",
        "livemode": False,
        "context": "acct_1",
        "related_object": {"id": "acct_1", "type": "v2.core.account", "url": "/v2/core/accounts"},
    }

    event = read(json.dumps(thin).encode())

    assert (event.type, event.created_at, event.account) == (thin["type"], NOW, "acct_1")
    assert event.object == {"id": "acct_1", "type": "v2.core.account"}


def test_what_an_object_was_before_is_kept():
    body = BODY.replace(b'"data": {', b'"data": {"previous_attributes": {"status": "processing"}, ')

    assert read(body).previous_attributes == {"status": "processing"}


def test_the_picture_of_an_event_hides_its_object():
    assert "secret" not in repr(read(BODY))


@pytest.mark.parametrize("header", ["", "nonsense", f"t={SENT},v1=", f"t={SENT},v1=abc"])
def test_who_signs_nothing_costs_no_hashing(header, monkeypatch):
    monkeypatch.setattr(stripe_events.hmac, "digest", None)

    with pytest.raises(InvalidRequest):
        verify_event(BODY, header, secrets=SECRETS, now=NOW)
