"""The wire of the socket protocol ``bounty.v1``: what each frame holds (contract realtime §4).

Inbound frames that are not catalogue operations are structs, checked by msgspec. Outbound
frames are plain maps in the flat shape that legacy readers know: ``type``, camelCase fields,
``timestamp``. A reply carries ``re``; an event carries ``stream``, ``seq`` and ``epoch``. Times
stay objects here: both serializers write them as ISO text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from bountyexpo.domain.field_types import Seq
from bountyexpo.domain.limits import ENVELOPE_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from bountyexpo.errors import BountyExpoError
    from bountyexpo.realtime.listener import Marker

VERSION: Final = 1

# A client that lists more streams or topics than this in one frame is not one of ours.
LIST_MAX: Final = 500

# Codes of the error tree that this protocol spells otherwise (contract realtime §4.2, §4.5).
CODES: Final = {
    "AUTHENTICATION_REQUIRED": "UNAUTHENTICATED",
    "AUTHORIZATION_FAILED": "FORBIDDEN",
    "RATE_LIMIT_EXCEEDED": "RATE_LIMITED",
    "RESOURCE_NOT_FOUND": "NOT_FOUND",
}

# Fields of the envelope: not arguments of an operation.
ENVELOPE: Final = frozenset({"type", "id", "timestamp", "idempotencyKey"})

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
# Names of types, topics and streams reach the database; printable ASCII is all they ever hold.
Name = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[\x20-\x7e]+$(?!\n)")]
Text = Annotated[str, msgspec.Meta(max_length=ENVELOPE_BYTES_MAX)]
Names = Annotated[list[Name], msgspec.Meta(max_length=LIST_MAX)]


class Position(msgspec.Struct, frozen=True):
    """The last event of a stream that the client has."""

    seq: Seq
    epoch: Annotated[str, msgspec.Meta(max_length=64)] | Seq | None = None


Positions = Annotated[dict[Name, Position], msgspec.Meta(max_length=LIST_MAX)]


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """What any frame from a client has in common."""

    type: Name
    id: Id | None = None
    idempotency_key: Key | None = None


class Resume(msgspec.Struct, frozen=True):
    """The session that a client wants to go on with, and the last event it has of it."""

    sid: Annotated[str, msgspec.Meta(max_length=64)] = ""
    n: Seq = 0


class Hello(msgspec.Struct, frozen=True, rename="camel"):
    """The first frame of a socket."""

    v: Seq = 0
    token: Token | None = None
    echo: bool = False
    subscribe: Names = []
    streams: Positions = {}
    resume: Resume | None = None
    device: dict[str, Any] | None = None
    caps: Names = []


class Ping(msgspec.Struct, frozen=True):
    """A sign of life; ``t`` is whatever the client wants to have back."""

    t: Any = None


class AuthRefresh(msgspec.Struct, frozen=True):
    """A fresh token of the same user."""

    token: Token


class Sync(msgspec.Struct, frozen=True):
    """A request to replay what was missed."""

    streams: Positions


class Topics(msgspec.Struct, frozen=True):
    """The topics of ``subscribe`` and ``unsubscribe``."""

    topics: Names


class Users(msgspec.Struct, frozen=True, rename="camel"):
    """The people of ``presence.subscribe`` and ``presence.unsubscribe``."""

    user_ids: Names


class PresenceSet(msgspec.Struct, frozen=True, rename="camel"):
    """What a device says of its user."""

    state: Literal["online", "away", "invisible"]
    app_state: Name | None = None


class LegacySend(msgspec.Struct, frozen=True):
    """A message in the form of the old documents."""

    conversation_id: Name = ""
    conversationId: Name = ""  # noqa: N815 - both spellings were documented
    message: Text = ""
    text: Text = ""


class ConversationRef(msgspec.Struct, frozen=True, rename="camel"):
    """The conversation of ``join`` and ``leave``."""

    conversation_id: Name


class CallFrame(msgspec.Struct, frozen=True):
    """Any operation of the catalogue by its name."""

    op: Name
    args: dict[str, Any] = {}


def ack(now: datetime, re: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The good reply to the frame with the id ``re``."""
    return {**fields, "type": "ack", "re": re, "ok": True, "timestamp": now}


def error(now: datetime, cause: BountyExpoError, re: str | None = None) -> dict[str, Any]:
    """The refusal of a frame; ``message`` is always text for people."""
    frame = {
        **cause.fields,
        "type": "error",
        "code": CODES.get(cause.error_code, cause.error_code.upper()),
        "message": cause.message,
        "retryable": type(cause).retryable,
        "timestamp": now,
    }
    if cause.retry_after_s is not None:
        frame["retryAfterMs"] = cause.retry_after_s * 1000
    if re is not None:
        frame["re"] = re
    return frame


def pong(now: datetime, echoed: Any) -> dict[str, Any]:
    """The answer to a ``ping``; ``t`` is given back untouched."""
    return {"type": "pong", "t": echoed, "timestamp": now}


def auth_expiring(now: datetime, expires_at: datetime) -> dict[str, Any]:
    """The request to send ``auth.refresh`` soon."""
    return {"type": "auth.expiring", "expiresAt": expires_at, "timestamp": now}


def session_revoked(now: datetime, reason: str) -> dict[str, Any]:
    """The last words to a socket whose user or device lost access."""
    return {"type": "session.revoked", "reason": reason, "timestamp": now}


def invalid_session(now: datetime) -> dict[str, Any]:
    """The answer to ``hello.resume``: recovery goes stream by stream."""
    return {"type": "invalid_session", "resumable": False, "timestamp": now}


def resumed(now: datetime, replayed: int, limited: list[dict[str, Any]]) -> dict[str, Any]:
    """The end of a resume; what was lost of the streams in ``limited`` is found over REST."""
    return {"type": "resumed", "replayed": replayed, "limited": limited, "timestamp": now}


def gap(now: datetime, streams: Iterable[str]) -> dict[str, Any]:
    """The notice that events of ``streams`` were dropped; the client answers with ``sync``."""
    return {"type": "gap", "streams": sorted(streams), "timestamp": now}


def synced(now: datetime, limited: list[dict[str, Any]], re: str | None = None) -> dict[str, Any]:
    """The end of a replay."""
    frame: dict[str, Any] = {"type": "synced", "limited": limited, "timestamp": now}
    if re is not None:
        frame["re"] = re
    return frame


def receipts(now: datetime, conversation_id: str, markers: Iterable[Marker]) -> dict[str, Any]:
    """How far each participant has got; markers only grow, so the larger one counts."""
    return {
        "type": "receipts",
        "conversationId": conversation_id,
        "markers": [
            {"userId": m.user_id, "deliveredSeq": m.delivered_seq, "readSeq": m.read_seq}
            for m in markers
        ],
        "timestamp": now,
    }


def reconnect(now: datetime, after_ms: int, grace_ms: int, reason: str) -> dict[str, Any]:
    """The request to come back to another process."""
    return {
        "type": "reconnect",
        "afterMs": after_ms,
        "graceMs": grace_ms,
        "reason": reason,
        "resumable": True,
        "timestamp": now,
    }


def heads(known: Mapping[str, tuple[int, Any]]) -> dict[str, dict[str, Any]]:
    """The last number of each stream, as ``welcome`` and subscriptions list them."""
    return {stream: {"seq": seq, "epoch": epoch} for stream, (seq, epoch) in known.items()}
