"""Repeated requests: the hash that recognises one, and the header that says so (money §3.8)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from bountyexpo.domain.limits import IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_CHARS_MAX
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call


IdempotencyKey: TypeAlias = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=IDEMPOTENCY_KEY_CHARS_MAX, pattern=IDEMPOTENCY_KEY),
]


def request_hash(request: msgspec.Struct, *, without: str = "") -> str:
    """Return a digest of a request's fields, leaving out its own idempotency key."""
    fields = msgspec.structs.asdict(request)
    fields.pop(without, None)
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


def mark_replayed(call: Call) -> None:
    """Make the reply say that an earlier request had done this."""
    call.reply_status = 200
    call.reply_headers["Idempotent-Replayed"] = "true"
    metrics.IDEMPOTENT_REPLAYS.inc()
