"""The envelope of a message that only its readers can open (contract realtime §1.3).

The service knows the form, which tells it to leave the text alone, and nothing of the content.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from bountyexpo.domain.limits import ENVELOPE_BYTES_MAX
from bountyexpo.domain.users.e2e_keys import PublicKey

NONCE_BYTES = 24

# Of the whole in JSON there may be no more, so of this part, in base64 there, a quarter less.
CIPHERTEXT_BYTES_MAX = ENVELOPE_BYTES_MAX


class Envelope(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Ciphertext with what its reader needs; bytes are base64 in JSON."""

    ciphertext: Annotated[bytes, msgspec.Meta(min_length=1, max_length=CIPHERTEXT_BYTES_MAX)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    sender_public_key: PublicKey
    recipient_public_key: PublicKey | None = None
    version: Annotated[str, msgspec.Meta(pattern=r"^2\.[0-9A-Za-z.-]+$(?!\n)", max_length=16)]


_read = msgspec.json.Decoder(Envelope).decode
_write = msgspec.json.Encoder().encode


def is_envelope(text: str) -> bool:
    """Tell whether a text is an envelope, though nobody said so: old clients do not.

    Nothing but what an envelope has may be in it, for nobody looks at the text of one any more.
    """
    if not text.startswith("{") or not text.isascii() or len(text) > ENVELOPE_BYTES_MAX:
        return False
    try:
        _read(text)
    except msgspec.MsgspecError:
        return False
    return True


def text_of(envelope: Envelope) -> str:
    """Return the envelope as the text in which it is stored and told."""
    return _write(envelope).decode()
