"""The first frame of a socket: who it is, what it missed, and the welcome (contract realtime §4.2).

A new session is registered with the hub, and buffers what it hears, before anything is read; so
nothing that commits from then on is missed. One that is resumed goes another way (``resume``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bountyexpo.errors import (
    BountyExpoError,
    NotAuthenticated,
    Unavailable,
    VersionUnsupported,
)
from bountyexpo.ws.session.session import CAP_RESUME
from bountyexpo.ws.v1 import protocol
from bountyexpo.ws.v1.credentials import identify
from bountyexpo.ws.v1.replay import known_heads, recover
from bountyexpo.ws.v1.resume import resume, take_over
from bountyexpo.ws.v1.welcome import arrive, describe, welcome

if TYPE_CHECKING:
    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.session.socket import ClientSocket
    from bountyexpo.ws.v1.protocol import Envelope, Hello
    from bountyexpo.ws.v1.welcome import Arrival


async def say_hello(socket: ClientSocket, envelope: Envelope, frame: dict[str, Any]) -> None:
    """Sign the socket in; any refusal ends it."""
    request = _read(envelope, frame)
    socket.begin_hello()
    try:
        if request.v != protocol.VERSION:
            raise VersionUnsupported
        with trio.fail_after(socket.context.timings.authenticating_s):
            identity = await _authenticate(socket, request)
            session = take_over(socket, request, identity)
            if session is not None:
                await resume(session, request)
                return
            session = _create(socket, request, identity)
            arrival = await _open(session, request)
        if request.streams:
            known = known_heads(arrival.account, arrival.heads, request.streams)
            await recover(session, request.streams, envelope.id, known)
        else:
            await session.delivery.release({})
    except BountyExpoError as error:
        socket.fail(error, envelope.id)
    except trio.TooSlowError:
        socket.fail(Unavailable(), envelope.id)


def _read(envelope: Envelope, frame: dict[str, Any]) -> Hello:
    if envelope.type == "hello":
        return msgspec.convert(frame, protocol.Hello)
    # The old documents open with a token only (contract realtime §4.5).
    return protocol.Hello(
        v=protocol.VERSION, token=msgspec.convert(frame, protocol.AuthRefresh).token
    )


async def _authenticate(socket: ClientSocket, request: Hello) -> Identity:
    """Return who it is, within the limits of the address and of the user."""
    context, peer = socket.context, socket.connection.peer
    context.admission.check_hello(peer)
    try:
        # What the upgrade said goes first.
        credential = request.token if socket.credential is None else socket.credential
        identity = await identify(context, credential)
    except NotAuthenticated:
        context.admission.note_failure(peer)
        raise
    socket.check_open()
    names = len(request.streams) + len(request.subscribe)
    context.admission.take_hello(identity.user_id, peer, names=names)
    return identity


def _create(socket: ClientSocket, request: Hello, identity: Identity) -> Session:
    """Make a new session, which hears from now on, and says nothing yet."""
    session = socket.create_session(identity)
    describe(session, request)
    if request.resume is not None or CAP_RESUME in request.caps:
        session.delivery.number_events()
    session.delivery.buffer(None)
    socket.attach(session)
    session.context.hub.register(session)
    return session


async def _open(session: Session, request: Hello) -> Arrival:
    """Welcome the client of a new session; returns what was read for it."""
    arrival = await arrive(session, request, request.streams)
    if request.resume is not None and request.resume.sid:
        session.say(protocol.invalid_session(session.context.now()))
    session.say(welcome(session, arrival, is_resumed=False))
    session.open()
    return arrival
