"""The old message path: a socket that speaks the words that were before the protocol (§2.5).

Membership, limits and order are those of every socket; only the words differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bountyexpo.close_codes import CloseCode
from bountyexpo.errors import InvalidRequest, NotAuthenticated, TokenExpired
from bountyexpo.ws.legacy.serializer import LEGACY
from bountyexpo.ws.legacy.session import LegacySession
from bountyexpo.ws.session.frame_rate import Strikes
from bountyexpo.ws.session.socket import ClientSocket, Phase
from bountyexpo.ws.v1 import protocol

if TYPE_CHECKING:
    from bountyexpo.domain.identity import Identity
    from bountyexpo.errors import BountyExpoError
    from bountyexpo.ws.session.session import Context, Session
    from bountyexpo.ws.session.socket import SocketOwner
    from bountyexpo.ws.transport.connection import Connection
    from bountyexpo.ws.transport.handshake import UpgradeRequest

# Frames that make no sense, within a minute, that an old socket survives.
BAD_FRAMES_MAX: Final = 20
BAD_FRAMES_WINDOW_S: Final = 60.0

# What an old client may send once it is signed in, under the names of the protocol.
KNOWN: Final = {
    "authenticate": "auth.refresh",
    "join": "join",
    "leave": "leave",
    "typing": "typing",
    "send_message": "send_message",
}


class LegacySocket(ClientSocket):
    """A message socket of an old client, who is named by the address or the first frame."""

    __slots__ = ("_bad_frames",)

    def __init__(
        self,
        connection: Connection,
        context: Context,
        owner: SocketOwner,
        upgrade: UpgradeRequest,
    ) -> None:
        credential = upgrade.query.get("token") or upgrade.bearer
        super().__init__(connection, context, owner, credential)
        self.serializer = LEGACY
        self._bad_frames = Strikes(BAD_FRAMES_MAX + 1, BAD_FRAMES_WINDOW_S)
        if credential:
            self._say_hello()

    def on_message(self, payload: bytes, *, is_text: bool) -> None:  # noqa: ARG002 - text always
        """Translate a frame; what makes no sense is ignored, and counted."""
        if self.phase is Phase.CLOSED:
            return
        try:
            frame = LEGACY.decode(payload)
        except InvalidRequest:
            self._count_bad()
            return
        kind = frame.get("type")
        if not self._take_allowance(protocol.Envelope("legacy")):
            return
        if kind == "ping":
            self.send_now(protocol.pong(self.context.now(), None))
        elif not isinstance(kind, str) or kind not in KNOWN:
            self._count_bad()
        elif self.phase is Phase.NEW and not self.credential:
            self._authenticate(frame)
        else:
            self._enqueue(protocol.Envelope(KNOWN[kind]), {"isTyping": False, **frame})

    def on_tick(self, now: float) -> float:
        """Refuse whoever did not sign in, in the old way."""
        if self.phase is Phase.NEW and now >= self._due_at:
            self.fail(NotAuthenticated())
        return super().on_tick(now)

    def create_session(self, identity: Identity) -> Session:
        """Make a session that speaks the old words, too."""
        return LegacySession(self.context, identity)

    def fail(self, cause: BountyExpoError, re: str | None = None) -> None:
        """Close with 4401 for any credentials that are not good."""
        super().fail(NotAuthenticated() if isinstance(cause, TokenExpired) else cause, re)

    def reject_malformed(self, message: str, re: str | None = None) -> None:  # noqa: ARG002
        """Ignore a frame that does not fit, but count it."""
        self._count_bad()

    def _authenticate(self, frame: dict[str, Any]) -> None:
        if frame.get("type") == "authenticate" and isinstance(frame.get("token"), str):
            self.credential = frame["token"]
            self._say_hello()

    def _say_hello(self) -> None:
        self._enqueue(protocol.Envelope("hello"), {"v": protocol.VERSION})

    def _count_bad(self) -> None:
        if self._bad_frames.count(CloseCode.PROTOCOL_VIOLATION):
            self.disconnect(CloseCode.PROTOCOL_VIOLATION, "too many bad frames")
