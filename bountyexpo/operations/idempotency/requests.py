"""Repeated requests: the hash that recognises one, and the header that says so (money §3.8)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import msgspec
from msgspec import UNSET

from bountyexpo.domain.ids import named_id, new_id
from bountyexpo.domain.limits import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_CHARS_MAX
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call


IdempotencyKey: TypeAlias = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=IDEMPOTENCY_KEY_CHARS_MAX, pattern=IDEMPOTENCY_KEY),
]


# Fields that are no part of what is asked: the key itself, and what no digest may give away.
UNHASHED: Final = frozenset({"idempotencyKey", "idempotency_key", "password"})


def request_hash(request: msgspec.Struct) -> str:
    """Return a digest of what a request asks for."""
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(request).items()
        if name not in UNHASHED and value is not UNSET
    }
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


def id_of_call(call: Call, operation: str) -> str:
    """Return the id of what a call makes: the same for its repeats, where it has a key."""
    if call.idempotency_key is None:
        return new_id()
    return named_id(operation, call.user_id, call.idempotency_key)


def mark_replayed(call: Call, status: int) -> None:
    """Make the reply say that an earlier request had done this."""
    call.reply_status = status
    call.is_replayed = True
    call.reply_headers["Idempotent-Replayed"] = "true"
    metrics.IDEMPOTENT_REPLAYS.inc()
