"""What is kept of the processor's objects: nothing about people, nothing that opens anything."""

from __future__ import annotations

import json

import msgspec
import pytest
from bountyexpo.integrations.stripe_redaction import DEPTH_MAX, redacted
from hypothesis import given
from hypothesis import strategies as st

# What an event of each kind may say of a person, or hand to whoever reads it.
PERSONAL = {
    "client_secret": "pi_1_secret_abc",
    "secret": "whsec_abc",
    "receipt_email": "ann@example.com",
    "name": "Ann",
    "first_name": "Ann",
    "firstName": "Ann",
    "phone": "+15551234",
    "phone_number": "15551234",
    "address": {"line1": "Street 1", "city": "Berlin", "postal_code": "10115"},
    "billing_details": {"name": "Ann", "email": "ann@example.com"},
    "shipping": {"name": "Ann", "carrier": "dhl"},
    "individual": {"dob": {"day": 1, "month": 2, "year": 1990}, "ssn_last_4": "1234"},
    "company": {"name": "Ann"},
    "card": {"last4": "4242", "exp_month": 4, "fingerprint": "abc"},
    "us_bank_account": {"last4": "6789", "routing_number": "110000000"},
    "account_number": "000123456789",
    "evidence": {"customer_name": "Ann", "customer_signature": "file_1"},
    "ip": "10.0.0.1",
    "user_agent": "Mozilla",
    "description": "Ann",
    "statement_descriptor": "ANN",
    "receipt_url": "https://pay.stripe.com/receipts/1",
    "message": "Ann",
    "business_profile": {"url": "https://ann.example", "support_email": "a@example.com"},
    "note": "Ann lives in Berlin",
    "salute": "Ann\0",
    "digits": "4242",
    "An\0n": "x",
}
SAID = (
    "Ann",
    "ANN",
    "ann@",
    "secret",
    "Berlin",
    "4242",
    "6789",
    "1990",
    "10.0.0.1",
    "file_1",
    "\0",
)

KEPT = {
    "id": "pi_3Abc",
    "object": "payment_intent",
    "amount": 2_500,
    "amount_received": 0,
    "captured": True,
    "currency": "usd",
    "customer": "cus_1",
    "evidence_details": {"due_by": 1_700_000_000, "has_evidence": False},
    "last_payment_error": {"code": "card_declined", "decline_code": "fraudulent"},
    "latest_charge": None,
    "metadata": {"user_id": "6d4c2f0e-0000", "purpose": "wallet_deposit"},
    "payment_method_types": ["card", "us_bank_account"],
    "requirements": {"currently_due": ["external_account"]},
    "status": "requires_payment_method",
    "transfer_group": "bounty_1",
    "when": "2026-01-01T00:00:00.000Z",
}


def nested(depth, value):
    for _ in range(depth):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("depth", [0, 1, 5])
@pytest.mark.parametrize("key", PERSONAL)
def test_nothing_personal_or_secret_is_kept(key, depth):
    kept = json.dumps(redacted(nested(depth, {key: PERSONAL[key], "id": "pi_1"})))

    assert not [word for word in SAID if word in kept]
    assert "pi_1" in kept


def test_what_machines_read_is_kept():
    emptied = {"note": None, "salute": None, "digits": None, "us_bank_account": {}}
    assert redacted(KEPT | PERSONAL) == KEPT | emptied


def test_metadata_is_kept_as_far_as_it_is_ours():
    metadata = {
        "user_id": "u-1",
        "payment_id": "p-1",
        "purpose": "wallet_deposit",
        "who": "Ann",
        "friend_id": "Ann Smith",
        "a\0": "x",
        "round": 5,
    }

    assert redacted({"metadata": metadata}) == {
        "metadata": {"user_id": "u-1", "payment_id": "p-1", "purpose": "wallet_deposit"}
    }
    assert redacted({"metadata": "Ann"}) == {"metadata": {}}


@pytest.mark.parametrize("value", [None, 5, "Ann", ["Ann"], True])
def test_what_is_no_object_is_an_empty_one(value):
    assert redacted(value) == {}


def test_nothing_is_kept_beyond_a_depth():
    kept = redacted(nested(400, "x"))

    assert json.dumps(kept).count("{") <= DEPTH_MAX


TEXTS = st.text(st.sampled_from("aZ09_.:-/@ +\0\u00e9\u200b\ud800\U0001f600"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_kept_can_be_stored(value):
    kept = msgspec.json.encode(redacted({"object": value})).decode()

    assert "\\u0000" not in kept
    assert kept.isascii()
    assert not set("@ +\t") & set(kept)
