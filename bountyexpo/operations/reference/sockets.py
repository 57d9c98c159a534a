"""What the socket protocol says beyond the catalogue: its own frames and its streams.

Plain tables for the reference page; the rules themselves live in ``ws`` (contract realtime §4).
"""

from __future__ import annotations

from typing import NamedTuple


class Frame(NamedTuple):
    """One frame type: its fields in words and what it is for."""

    type: str
    fields: str
    meaning: str


CLIENT_FRAMES = (
    Frame(
        "hello",
        "v, token?, device?{id, platform, app}, caps?, echo?, subscribe?, resume?{sid, n}, "
        "streams?{<stream>: {seq, epoch}}",
        "The first frame, within 10 s. Names the caller and what was seen last. caps: batch (a "
        "replay may come in batch frames), resume (events carry n; come back with the sid and the "
        "last n within resumeTtlMs), unread (hear unread when a message raises it). The "
        "caller may also be named by the upgrade: Authorization, a subprotocol bearer.<token>, or "
        "?ticket= of POST /v1/socket/ticket.",
    ),
    Frame("auth.refresh", "token", "Brings a newer token of the same user."),
    Frame("ping", "t?", "A sign of life every heartbeatMs; answered by pong."),
    Frame(
        "call",
        "id, op, args",
        "Carries out any operation of the catalogue; answered by ack or error.",
    ),
    Frame(
        "join / leave", "conversationId", "Turns the passing events of a conversation on or off."
    ),
    Frame(
        "subscribe / unsubscribe",
        "topics[]: bounty:<id>, feed:open, conv:<id>, wallet",
        "Acked with accepted[], rejected[] and heads.",
    ),
    Frame("sync", "streams{<stream>: {seq, epoch}}", "Asks for what was missed; ends with synced."),
    Frame("presence.set", "state, appState?", "online, away or invisible."),
    Frame(
        "presence.subscribe / presence.unsubscribe",
        "userIds[]",
        "At most 200 users in all; acked with snapshot[]. Strangers are always offline.",
    ),
)

SERVER_FRAMES = (
    Frame(
        "welcome",
        "v, sid, userId, serverTime, heartbeatMs, idleTimeoutMs, resumeTtlMs, maxFrameBytes, "
        "limits, resumed, conversationIds[], heads, unread, timestamp",
        "The session is open.",
    ),
    Frame("ack", "re, ok, result fields", "The call with that id succeeded and is durable."),
    Frame(
        "error",
        "re?, code, message, retryable, retryAfterMs?, conversationId?",
        "It did not; message is for people, code for programs.",
    ),
    Frame("pong", "t?, timestamp", "The answer to ping."),
    Frame(
        "resumed",
        "replayed, limited[]",
        "Everything the last socket missed was sent again; of streams in limited read the rest "
        "over REST.",
    ),
    Frame("invalid_session", "resumable", "No resume; recovery goes stream by stream."),
    Frame("synced", "limited[]", "Recovery ended; for streams in limited read over REST."),
    Frame("gap", "streams[]", "Events were left out for lack of room; send sync."),
    Frame("receipts", "conversationId, markers[]", "How far each participant has read."),
    Frame(
        "message.delivered / message.read",
        "conversationId, messageId, upToSeq, userId, senderId, status",
        "A marker moved: everything up to upToSeq. No number; the larger one counts.",
    ),
    Frame(
        "typing.start / typing.stop",
        "conversationId, senderId, expiresInMs?",
        "At most every 2 s; ends after 5 s, and with the socket of who typed.",
    ),
    Frame(
        "presence.update",
        "userId, senderId, state, isOnline, lastSeenAt",
        "Of those whom presence.subscribe named; offline 30 s after the last socket.",
    ),
    Frame(
        "unread",
        "notifications, messages, byConversation?",
        "What is not read, at most once a second; byConversation unless they are more than 100.",
    ),
    Frame("batch", "frames[]", "Several frames in one, for clients with that capability."),
    Frame("auth.expiring", "expiresAt", "The token ends within a minute; send auth.refresh."),
    Frame("session.revoked", "reason", "Signed out elsewhere; the socket closes with 4410."),
    Frame(
        "reconnect",
        "afterMs, graceMs, reason, resumable",
        "The server is going to close; come back after afterMs.",
    ),
)

STREAMS = (
    Frame("conv:<id>", "kept for ever", "Messages and changes of one conversation."),
    Frame("user:<id>", "kept 30 days", "Notices, unread counts and balance changes of one user."),
    Frame("bounty:<id>", "kept with the bounty", "States, applications and reviews of one bounty."),
    Frame("feed:open", "not kept", "Public news of open bounties, at most once a second."),
)
