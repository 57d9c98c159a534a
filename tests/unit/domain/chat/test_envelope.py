"""Envelopes are known by their form; their content is nobody's business."""

from __future__ import annotations

import base64

import msgspec
import pytest
from bountyexpo.domain.chat.envelope import Envelope, is_envelope, text_of

SEALED = Envelope(ciphertext=b"?", nonce=b"n" * 24, sender_public_key=b"k" * 32, version="2.0")


def test_an_envelope_survives_its_text():
    assert is_envelope(text_of(SEALED))
    assert msgspec.json.decode(text_of(SEALED), type=Envelope) == SEALED


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
    ],
)
def test_another_text_is_none(text):
    assert not is_envelope(text)
