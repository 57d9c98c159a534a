"""The envelope of a message that only its readers can open (contract realtime §1.3).

The service knows the form, which tells it to leave the text alone, and nothing of the content.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from bountyexpo.domain.users.e2e_keys import PublicKey

NONCE_BYTES = 24


class Envelope(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Ciphertext with what its reader needs; bytes are base64 in JSON."""

    ciphertext: Annotated[bytes, msgspec.Meta(min_length=1)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    sender_public_key: PublicKey
    recipient_public_key: PublicKey | None = None
    version: Annotated[str, msgspec.Meta(pattern=r"^2\.", max_length=16)]


_read = msgspec.json.Decoder(Envelope).decode
_write = msgspec.json.Encoder().encode


def is_envelope(text: str) -> bool:
    """Tell whether a text is an envelope, though nobody said so: old clients do not."""
    if not text.startswith("{"):
        return False
    try:
        _read(text)
    except msgspec.MsgspecError:
        return False
    return True


def text_of(envelope: Envelope) -> str:
    """Return the envelope as the text in which it is stored and told."""
    return _write(envelope).decode()
