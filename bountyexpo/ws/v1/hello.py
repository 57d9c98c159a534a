"""The first frame of a socket: who it is, what it missed, and the welcome (contract realtime §4.2).

A new session is registered with the hub, and holds what it hears, before anything is read; so
nothing that commits from then on is missed. A resumed one has been in the hub all the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from bountyexpo.errors import (
    BountyExpoError,
    NotAllowed,
    NotAuthenticated,
    TokenExpired,
    Unavailable,
    VersionUnsupported,
)
from bountyexpo.observability import metrics
from bountyexpo.ws.session.replay_buffer import RING_AGE_S
from bountyexpo.ws.v1 import protocol, subscriptions
from bountyexpo.ws.v1.replay import (
    all_heads,
    known_heads,
    outside_conversations,
    recover,
    tell_receipts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.realtime.listener import SignOn
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.v1.protocol import Envelope

    Heads = Mapping[str, tuple[int, Any]]

# Accounts in these states may not open a session.
CLOSED_ACCOUNTS: Final = frozenset({"suspended", "banned", "deleted"})

# What a client may be able to do (contract realtime §4.2).
CAP_BATCH: Final = "batch"
CAP_RESUME: Final = "resume"
CAP_UNREAD: Final = "unread"


async def greet(session: Session, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Sign the socket in; any refusal ends it."""
    request = _read(envelope, frame)
    session.begin_greeting()
    greeted = session
    try:
        if request.v != protocol.VERSION:
            raise VersionUnsupported
        with trio.fail_after(session.context.timings.greeting_s):
            identity = await _admit(session, request)
            greeted = _resumed(session, request, identity) or session
            found, heads = await _welcome(greeted, request, identity)
        if greeted is not session:
            return
        if request.streams:
            known = known_heads(found, heads, request.streams)
            await recover(session, request.streams, envelope.id, known)
        else:
            await session.release({})
    except BountyExpoError as error:
        greeted.fail(error, envelope.id)
    except trio.TooSlowError:
        greeted.fail(Unavailable(), envelope.id)


async def identify(session: Session, credential: str | Identity | None) -> Identity:
    """Return whose credential it is; every way of not being signed in looks the same."""
    if not credential:
        raise NotAuthenticated
    context = session.context
    if isinstance(credential, str):
        try:
            identity = await context.tokens.verify(credential)
        except TokenExpired:
            raise TokenExpired from None
        except NotAuthenticated as error:
            raise NotAuthenticated(error.message) from None
    else:
        identity = credential
    if identity.expires_at <= context.now().timestamp():
        raise TokenExpired
    if identity.is_service:
        # The service credential is nobody: it has no stream and no conversations.
        raise NotAuthenticated
    return identity


def _read(envelope: Envelope, frame: dict[str, Any]) -> protocol.Hello:
    if envelope.type == "hello":
        return msgspec.convert(frame, protocol.Hello)
    # The old documents open with a token only (contract realtime §4.5).
    return protocol.Hello(
        v=protocol.VERSION, token=msgspec.convert(frame, protocol.AuthRefresh).token
    )


async def _admit(session: Session, request: protocol.Hello) -> Identity:
    """Return who it is, within the limits of the address and of the user."""
    admission, peer = session.context.admission, session.connection.peer
    admission.check_hello(peer)
    try:
        identity = await identify(
            session, request.token if session.bearer is None else session.bearer
        )
    except NotAuthenticated:
        admission.note_failure(peer)
        raise
    session.check_open()
    admission.take_hello(identity.user_id, peer)
    return identity


def _resumed(session: Session, request: protocol.Hello, identity: Identity) -> Session | None:
    """Return the session that this socket goes on with, if it is still here."""
    wanted = request.resume
    if wanted is None or not wanted.sid:
        return None
    gateway = session.gateway
    found = gateway.parking.claim(wanted.sid, wanted.n, identity.user_id, session.serializer)
    if found is not None:
        found.adopt(session)
    return found


async def _welcome(
    session: Session, request: protocol.Hello, identity: Identity
) -> tuple[SignOn, Heads]:
    """Begin the session; returns what it has read, for the replay that may follow."""
    gateway, context, resume = session.gateway, session.context, request.resume
    is_resumed = session.heir is None and gateway.parking.knows(session)
    session.is_echoed = request.echo
    session.is_batching = CAP_BATCH in request.caps
    session.sign_in(identity)
    missed = session.take_missed()
    # Live events wait until the welcome is out.
    session.hold(None)
    if not is_resumed:
        session.sid = context.new_id()
        if resume is not None or CAP_RESUME in request.caps:
            session.number_events()
        context.hub.register(session)
    if CAP_UNREAD in request.caps:
        context.unread.follow(session)
    followed = [f"user:{identity.user_id}", *subscriptions.named(request.subscribe)]
    followed += outside_conversations([*missed, *request.streams])
    found, heads = await _sign_on(session, identity, followed)
    session.check_open()
    if found.status in CLOSED_ACCOUNTS:
        raise NotAllowed("This account is suspended.", code="ACCOUNT_SUSPENDED")
    gateway.close_surplus(session)
    accepted, _ = await subscriptions.subscribe_all(session, request.subscribe)
    session.check_open()
    if resume is not None and resume.sid and not is_resumed:
        session.say(protocol.invalid_session(context.now()))
    welcome = _welcome_frame(session, found, _listed(session, found, accepted, heads))
    session.say(welcome | {"resumed": is_resumed})
    if is_resumed and resume is not None:
        # It opens at the end: a socket that is lost meanwhile leaves it as it was.
        known = known_heads(found, heads, missed)
        await _resume(session, resume.n, missed, await all_heads(context.reader, missed, known))
    session.open()
    return found, heads


async def _sign_on(
    session: Session, identity: Identity, streams: list[str]
) -> tuple[SignOn, Heads]:
    """Read the account, which is made at the first sign-on of an identity that has none."""
    context = session.context
    found, heads = await context.reader.sign_on(identity.user_id, streams)
    if found is None:
        await context.make_account(identity)
        found, heads = await context.reader.sign_on(identity.user_id, streams)
    if found is None:
        raise NotAuthenticated
    return found, heads


def _listed(
    session: Session, found: SignOn, accepted: list[str], heads: Heads
) -> dict[str, tuple[int, Any]]:
    """Choose the heads to tell: the own stream, the topics, and the newest conversations."""
    context = session.context
    own = f"user:{session.user_id}"
    followed = [own, *(topic for topic in accepted if topic.startswith("bounty:"))]
    context.hub.observe(followed, heads)
    told = {name: heads[name] for name in followed if name in heads}
    most = context.limits.heads_listed_max
    for conversation_id, seq, epoch in found.conversations[: max(0, most - len(followed))]:
        if seq:
            told[f"conv:{conversation_id}"] = (seq, epoch)
    return told


async def _resume(session: Session, n: int, missed: Mapping[str, int | None], heads: Heads) -> None:
    """Send what the last socket did not, say what could not be kept, and go on live."""
    limited, floors = [], {}
    for stream, first in missed.items():
        seq, epoch = heads.get(stream, (0, None))
        entry: dict[str, Any] = {"stream": stream, "headSeq": seq, "epoch": epoch}
        if first is not None:
            entry |= {"fromSeq": first, "cursor": str(first - 1)}
        limited.append(entry)
        floors[stream] = seq
    replayed = await session.replay_ring(n)
    await session.send_patiently(
        session.serializer.frame(protocol.resumed(session.context.now(), replayed, limited))
    )
    await session.release(floors)
    metrics.WS_RESUMES.labels("limited" if limited else "resumed").inc()
    unheard, session.unheard = session.unheard or (), None
    await tell_receipts(session, session.context.reader, unheard)
    session.context.presence.refresh(session)


def _welcome_frame(
    session: Session, found: SignOn, heads: Mapping[str, tuple[int, Any]]
) -> dict[str, Any]:
    context = session.context
    limits, transport = context.limits, context.limits.transport
    now = context.now()
    ids = [conversation_id for conversation_id, _, _ in found.conversations]
    return {
        "type": "welcome",
        "v": protocol.VERSION,
        "sid": session.sid,
        "userId": session.user_id,
        "serverTime": now,
        "heartbeatMs": round(transport.heartbeat_s * 1000),
        "idleTimeoutMs": round(transport.idle_timeout_s * 1000),
        "resumeTtlMs": round(RING_AGE_S * 1000) if session.is_numbered else 0,
        "maxFrameBytes": transport.message_bytes_max,
        "limits": {
            "framesPerSecond": limits.frames_per_s,
            "framesBurst": limits.frames_burst,
            "subscriptions": limits.subscriptions_max,
            "replayEventsPerStream": limits.replay_stream_events_max,
            "replayEvents": limits.replay_events_max,
        },
        "resumed": False,
        "conversationIds": ids[: limits.conversations_listed_max],
        "more": len(ids) > limits.conversations_listed_max,
        "heads": protocol.heads(heads),
        "unread": {"notifications": 0, "messages": found.unread},
        "timestamp": now,
    }
