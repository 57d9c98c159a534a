"""The public key under which messages to a user are encrypted (contract realtime §1.3)."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

KEY_BYTES: Final = 32

PublicKey = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
