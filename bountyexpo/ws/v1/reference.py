"""The frames of the protocol itself, in words, for the references that are made from them.

What clients send is described by the structs that check it; what they are sent is made by the
functions of ``protocol``, and a test compares their fields with those that are listed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.operations.reference.fields import asked
from bountyexpo.operations.reference.sockets import Frame, ProtocolFrames
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    import msgspec


def _from_client(
    *types: str,
    form: type[msgspec.Struct],
    meaning: str,
    answer: str = "",
    required: tuple[str, ...] = (),
) -> Frame:
    return Frame(types, asked(form, required=required), meaning, answer)


CLIENT: Final = (
    _from_client(
        "hello",
        form=protocol.Hello,
        required=("v",),
        answer="`welcome`",
        meaning="The first frame, within 10 s: who it is, and what was seen last. `caps` says "
        "what the client can do: `batch` (a replay may come in batch frames), `resume` (events "
        "carry `n`; come back with `sid` and the last `n` within `resumeTtlMs`), `unread` (hear "
        "`unread` also when a new message raises it). Who it is may also be said by the upgrade: "
        "Authorization, a subprotocol `bearer.<token>`, or `?ticket=` of `POST /v1/socket/ticket`.",
    ),
    _from_client(
        "ping",
        form=protocol.Ping,
        answer="`pong`",
        meaning="A sign of life every `heartbeatMs`; `t` comes back.",
    ),
    _from_client(
        "auth.refresh",
        form=protocol.AuthRefresh,
        answer="expiresAt",
        meaning="Brings a newer token of the same user.",
    ),
    _from_client(
        "call",
        form=protocol.CallFrame,
        answer="result",
        meaning="Carries out any operation of the catalogue. Like every frame of yours it may "
        "have an `idempotencyKey`, with which it can be repeated safely.",
    ),
    _from_client(
        "subscribe",
        "unsubscribe",
        form=protocol.Topics,
        answer="accepted, rejected, heads",
        meaning="Topics are `bounty:<id>`, `feed:open`, `feed:<query>`, `conv:<id>` and `wallet`.",
    ),
    _from_client(
        "sync",
        form=protocol.Sync,
        answer="the replay, then `synced`",
        meaning="Asks for what was missed of the streams.",
    ),
    _from_client(
        "join",
        "leave",
        form=protocol.ConversationRef,
        answer="conversationId",
        meaning="Turns what passes by in a conversation on or off, on this socket.",
    ),
    _from_client(
        "presence.set",
        form=protocol.PresenceSet,
        answer="state",
        meaning="What this device says of its user; invisible counts for all devices.",
    ),
    _from_client(
        "presence.subscribe",
        "presence.unsubscribe",
        form=protocol.Users,
        answer="snapshot",
        meaning="At most 200 people in all. Strangers are always offline.",
    ),
    _from_client(
        "authenticate",
        form=protocol.AuthRefresh,
        answer="expiresAt",
        meaning="The `auth.refresh` of the old documents; as the first frame, a `hello`.",
    ),
    _from_client(
        "send_message",
        form=protocol.LegacySend,
        answer="as `message.send`",
        meaning="A message in the form of the old documents; a repetition is a new message.",
    ),
)

SERVER: Final = (
    Frame(
        ("welcome",),
        "v, sid, userId, serverTime, heartbeatMs, idleTimeoutMs, resumeTtlMs, maxFrameBytes, "
        "limits, resumed, conversationIds, more, heads, unread, timestamp",
        "The session is open.",
    ),
    Frame(
        ("ack",),
        "re, ok, timestamp, and what the table of frames says",
        "The frame with that id was carried out and is durable.",
    ),
    Frame(
        ("error",),
        "code, message, retryable, timestamp, re?, retryAfterMs?, issues?, conversationId?",
        "It was not; `message` is for people, `code` for programs.",
    ),
    Frame(("pong",), "t, timestamp", "The answer to `ping`."),
    Frame(("invalid_session",), "resumable, timestamp", "No resume; go stream by stream."),
    Frame(
        ("resumed",),
        "replayed, limited, timestamp",
        "All that the last socket missed was sent again, but for the streams in `limited`.",
    ),
    Frame(
        ("synced",),
        "limited, timestamp, re?",
        "The replay has ended; read the streams in `limited` over REST.",
    ),
    Frame(("gap",), "streams, timestamp", "Events were left out for lack of room; send `sync`."),
    Frame(
        ("receipts",),
        "conversationId, markers, timestamp",
        "How far each participant has got: userId, deliveredSeq, readSeq.",
    ),
    Frame(("batch",), "frames", "Several frames in one, for clients with that capability."),
    Frame(
        ("auth.expiring",),
        "expiresAt, timestamp",
        "The token ends within a minute; send `auth.refresh`.",
    ),
    Frame(("session.revoked",), "reason, timestamp", "Signed out elsewhere; the socket is closed."),
    Frame(
        ("reconnect",),
        "afterMs, graceMs, reason, resumable, timestamp",
        "The server is going to close; come back after `afterMs`.",
    ),
)

FRAMES: Final = ProtocolFrames(CLIENT, SERVER)
