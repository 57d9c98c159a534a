"""The old event path: an anonymous socket that hears what the public may know of every bounty."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from bountyexpo.domain.identity import Identity
from bountyexpo.realtime.hub import PUBLIC_EVENTS
from bountyexpo.ws.v1.serializer import serializer_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from bountyexpo.ws.session.session import Context
    from bountyexpo.ws.transport.connection import Connection


class ListenerOwner(Protocol):
    """What an anonymous socket needs of whoever holds all sockets."""

    def forget_listener(self, listener: EventsListener, code: int) -> None:
        """Drop one that closed."""


class EventsListener:
    """Hears the public state of bounties, and says nothing itself.

    Implements ``ConnectionHandler`` and ``realtime.listener.Listener``.
    """

    __slots__ = ("_context", "_owner", "connection", "is_connected", "serializer")

    user_id = ""
    identity = Identity(user_id="", expires_at=0)

    def __init__(self, connection: Connection, context: Context, owner: ListenerOwner) -> None:
        self.connection = connection
        self.serializer = serializer_of(connection.subprotocol)
        self.is_connected = True
        self._context = context
        self._owner = owner
        context.hub.subscribe(self, PUBLIC_EVENTS)
        self.send_now(
            {
                "type": "connection",
                "message": "Connected to the event stream",
                "timestamp": context.now(),
            }
        )

    def send_now(self, message: dict[str, Any]) -> bool:
        """Send one frame; False when there was no room."""
        return self.connection.send(self.serializer.frame(message))

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Take a numbered event: there are none for it."""

    def deliver_ephemeral(
        self,
        stream: str,  # noqa: ARG002 - there is one
        frame: bytes,
        key: Hashable = None,  # noqa: ARG002 - every change of a status counts
    ) -> None:
        """Send the state of a bounty."""
        self.connection.send(frame, ephemeral=True)

    def miss(self, stream: str) -> None:
        """Learn that events were lost: an old client cannot be told."""

    def disconnect(self, code: int, reason: str) -> None:
        """Close the socket."""
        self._leave(code)
        self.connection.close(code, reason)

    def on_message(self, payload: bytes, *, is_text: bool) -> None:
        """Ignore whatever the client says."""

    def on_closed(self, code: int) -> None:
        """Leave."""
        self._leave(code)

    def on_drained(self) -> None:
        """Go on; what was lost is not repeated."""

    def on_tick(self, now: float) -> float:  # noqa: ARG002 - time asks for nothing
        """Wait; the transport keeps the heartbeat."""
        return math.inf

    def _leave(self, code: int) -> None:
        if self.is_connected:
            self.is_connected = False
            self._context.hub.unsubscribe(self, PUBLIC_EVENTS)
            self._owner.forget_listener(self, code)
