"""The way back: a socket takes a session over where the last one left it (contract realtime §4.2).

The session has been in the hub all the time. What its last socket did not hear is in its replay
buffer; of a stream that lost events even so the client is told where it has to read on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.observability import metrics
from bountyexpo.ws.v1 import protocol
from bountyexpo.ws.v1.replay import all_heads, known_heads, tell_receipts
from bountyexpo.ws.v1.welcome import arrive, describe, welcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.session.socket import ClientSocket
    from bountyexpo.ws.v1.protocol import Hello

    Heads = Mapping[str, tuple[int, Any]]


def take_over(socket: ClientSocket, request: Hello, identity: Identity) -> Session | None:
    """Let the socket carry the session that its hello asks for, if that is still here."""
    wanted = request.resume
    if wanted is None or not wanted.sid:
        return None
    resumable = socket.context.resumable
    session = resumable.claim(wanted.sid, wanted.n, identity.user_id, socket.serializer)
    if session is not None:
        # The network of a phone changes faster than its old socket is found dead.
        session.leave_socket()
        session.sign_in(identity)
        describe(session, request)
        socket.attach(session)
    return session


async def resume(session: Session, request: Hello) -> None:
    """Tell the client of a session that was taken over what it missed, and go on live.

    The session opens at the end: a socket that is lost meanwhile leaves it as it was.

    Raises:
        BountyExpoError: the session cannot go on at present.
        SocketGone: the socket closed meanwhile.
    """
    assert request.resume is not None
    context, delivery = session.context, session.delivery
    gaps = delivery.take_gaps()
    delivery.buffer(None)
    arrival = await arrive(session, request, [*gaps, *request.streams])
    session.say(welcome(session, arrival, is_resumed=True))
    known = known_heads(arrival.account, arrival.heads, gaps)
    heads = await all_heads(context.reader, gaps, known)
    limited = [_limited(stream, first, heads) for stream, first in gaps.items()]
    replayed = await delivery.replay_after(request.resume.n)
    told = protocol.resumed(context.now(), replayed, limited)
    await delivery.send_patiently(session.serializer.frame(told))
    delivery.note_told()
    await delivery.release({stream: heads.get(stream, (0, None))[0] for stream in gaps})
    metrics.WS_RESUMES.labels("limited" if limited else "resumed").inc()
    await tell_receipts(session, delivery.take_unheard())
    session.open()


def _limited(stream: str, first: int | None, heads: Heads) -> dict[str, Any]:
    """Return what a client is told of a stream that has lost events since ``first``."""
    seq, epoch = heads.get(stream, (0, None))
    entry: dict[str, Any] = {"stream": stream, "headSeq": seq, "epoch": epoch}
    if first is not None:
        entry |= {"fromSeq": first, "cursor": str(first - 1)}
    return entry
