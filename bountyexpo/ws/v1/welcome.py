"""The welcome: what a session reads as it begins or goes on, and what its client is told of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from bountyexpo.close_codes import CloseCode
from bountyexpo.errors import NotAuthenticated
from bountyexpo.ws.session.session import CAP_BATCH, ECHO
from bountyexpo.ws.v1 import protocol, subscriptions
from bountyexpo.ws.v1.replay import outside_conversations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bountyexpo.realtime.listener import SignOn
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.v1.protocol import Hello

    Heads = Mapping[str, tuple[int, Any]]


class Arrival(NamedTuple):
    """What was read for one hello: the account, heads of streams, and which topics are followed."""

    account: SignOn
    heads: Heads
    accepted: list[str]


def describe(session: Session, request: Hello) -> None:
    """Note what the client says of itself."""
    session.delivery.is_batching = CAP_BATCH in request.caps
    able = session.context.features.capabilities.intersection(request.caps)
    session.capabilities = _shared(able | {ECHO} if request.echo else able)


async def arrive(session: Session, request: Hello, streams: Iterable[str]) -> Arrival:
    """Read the account and the heads of ``streams``, and follow what the hello asks for.

    Raises:
        AccountClosed, SessionRevoked: they may not be here any more.
        DatabaseUnavailable: it cannot be read at present.
        SocketGone: the socket closed meanwhile.
    """
    followed = [f"user:{session.user_id}", *subscriptions.named(request.subscribe)]
    account, heads = await _sign_on(session, [*followed, *outside_conversations(streams)])
    session.check_attached()
    # From its registration on the session is parted with when its standing changes; not before.
    await session.context.authority.admit(session.identity)
    session.check_attached()
    _close_surplus(session)
    accepted, _ = await subscriptions.subscribe_all(session, request.subscribe)
    session.check_attached()
    return Arrival(account, heads, accepted)


def welcome(session: Session, arrival: Arrival, *, is_resumed: bool) -> dict[str, Any]:
    """Return the frame; its limits and times are those that are enforced."""
    context = session.context
    limits, transport = context.limits, context.limits.transport
    now = context.now()
    ids = [conversation_id for conversation_id, _, _ in arrival.account.conversations]
    ttl_s = context.resumable.ttl_s if session.delivery.is_numbered else 0
    return {
        "type": "welcome",
        "v": protocol.VERSION,
        "sid": session.sid,
        "userId": session.user_id,
        "serverTime": now,
        "heartbeatMs": round(transport.heartbeat_s * 1000),
        "idleTimeoutMs": round(transport.idle_timeout_s * 1000),
        "resumeTtlMs": round(ttl_s * 1000),
        "maxFrameBytes": transport.message_bytes_max,
        "limits": {
            "framesPerSecond": limits.frames_per_s,
            "framesBurst": limits.frames_burst,
            "subscriptions": limits.subscriptions_max,
            "replayEventsPerStream": limits.replay_stream_events_max,
            "replayEvents": limits.replay_events_max,
        },
        "resumed": is_resumed,
        "conversationIds": ids[: limits.conversations_listed_max],
        "more": len(ids) > limits.conversations_listed_max,
        "heads": protocol.heads(_listed(session, arrival)),
        "unread": {"notifications": 0, "messages": arrival.account.unread},
        "timestamp": now,
    }


@lru_cache(maxsize=256)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """Return one set for all sessions whose clients are able to do the same."""
    return names


async def _sign_on(session: Session, streams: list[str]) -> tuple[SignOn, Heads]:
    found, heads = await session.context.reader.sign_on(session.user_id, streams)
    if found is None:
        raise NotAuthenticated
    return found, heads


def _close_surplus(session: Session) -> None:
    """Close the oldest sockets of a user who has too many with this one."""
    context = session.context
    for oldest in context.hub.surplus(session.user_id, context.limits.sockets_per_user):
        if oldest is not session:
            oldest.disconnect(CloseCode.REPLACED, "replaced")


def _listed(session: Session, arrival: Arrival) -> Heads:
    """Choose the heads to tell: the own stream, the topics, and the newest conversations."""
    context, heads = session.context, arrival.heads
    own = f"user:{session.user_id}"
    followed = [own, *(topic for topic in arrival.accepted if topic.startswith("bounty:"))]
    context.hub.observe(followed, heads)
    told = {name: heads[name] for name in followed if name in heads}
    most = context.limits.heads_listed_max
    for conversation_id, seq, epoch in arrival.account.conversations[
        : max(0, most - len(followed))
    ]:
        if seq:
            told[f"conv:{conversation_id}"] = (seq, epoch)
    return told
