"""Envelopes are known by their form; their content is nobody's business."""

from __future__ import annotations

import base64

import msgspec
import pytest
from bountyexpo.domain.chat.envelope import (
    CIPHERTEXT_BYTES_MAX,
    Envelope,
    is_envelope,
    text_of,
)
from bountyexpo.domain.limits import ENVELOPE_BYTES_MAX, MESSAGE_CHARS_MAX

SEALED = Envelope(ciphertext=b"?", nonce=b"n" * 24, sender_public_key=b"k" * 32, version="2.0")


def test_an_envelope_survives_its_text():
    assert is_envelope(text_of(SEALED))
    assert msgspec.json.decode(text_of(SEALED), type=Envelope) == SEALED


# Five thousand characters of four bytes, and the seal of them.
LONGEST_TEXT_BYTES = 4 * MESSAGE_CHARS_MAX + 1_024


def test_the_longest_text_fits_into_an_envelope():
    longest = msgspec.structs.replace(
        SEALED, ciphertext=b"x" * LONGEST_TEXT_BYTES, recipient_public_key=b"k" * 32
    )

    assert is_envelope(text_of(longest))


def changed(**fields):
    return msgspec.json.encode(msgspec.json.decode(text_of(SEALED)) | fields).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{not json",
        "{}",
        changed(version="1.0"),
        changed(nonce=base64.b64encode(b"short").decode()),
        changed(ciphertext=""),
        changed(ciphertext=base64.b64encode(b"x" * (CIPHERTEXT_BYTES_MAX + 1)).decode()),
        changed(version="2.0\n"),
        changed(version="2.\u202e"),
        changed(note="read me"),
        text_of(SEALED) + " " * ENVELOPE_BYTES_MAX,
        text_of(SEALED).replace("2.0", "2.\u0660"),
    ],
)
def test_another_text_is_none(text):
    assert not is_envelope(text)
