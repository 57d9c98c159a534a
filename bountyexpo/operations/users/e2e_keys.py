"""The keys of end-to-end encryption: everybody has one public key (contract realtime §1.3, §3.5).

The private one never leaves its device. The version grows with each other key, so that whoever
keeps a key knows when to drop it.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.users.user import SetPublicKey
from bountyexpo.domain.field_types import Id
from bountyexpo.domain.users.e2e_keys import PublicKey
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.users import e2e_keys

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call


class NewKey(msgspec.Struct, kw_only=True):
    """A public key of 32 bytes, in base64."""

    publicKey: PublicKey


class KeyRef(msgspec.Struct, kw_only=True):
    """Whose key."""

    userId: Id


class KeyView(msgspec.Struct, kw_only=True):
    """A user's public key; version 0 is none, and then messages to them are not encrypted."""

    userId: str
    publicKey: str | None
    version: int


@operation(
    "e2e_key.set",
    http="PUT /api/me/e2e-key",
    rate=WRITE,
    aliases=("PUT /me/e2e-key",),
    aliased_fields={"public_key": "publicKey", "e2e_public_key": "publicKey"},
)
async def set_key(call: Call, request: NewKey) -> KeyView:
    """Publish the caller's key; the same one again keeps its version."""
    key = b64encode(request.publicKey).decode()
    return _view(await call.services.actors.user(call.user_id).ask(SetPublicKey(key=key)))


@operation(
    "e2e_key.get",
    http="GET /api/users/{userId}/e2e-key",
    rate=READ,
    aliases=("GET /users/{userId}/e2e-key",),
)
async def get_key(call: Call, request: KeyRef) -> KeyView:
    """See the key under which to encrypt messages to somebody."""
    user_id = parse_id(request.userId, "user")
    return _view(require(await e2e_keys.get(call.services.db, user_id), "user"))


def _view(found: e2e_keys.PublicKey) -> KeyView:
    return KeyView(userId=found.user_id, publicKey=found.public_key, version=found.version)
