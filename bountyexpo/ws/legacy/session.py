"""The session of an old message socket: it hears presence as old clients know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.domain.events import Stream
from bountyexpo.ws.legacy.serializer import LEGACY
from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from bountyexpo.domain.identity import Identity
    from bountyexpo.ws.session.session import Context


class LegacySession(Session):
    """A session in the old words; it cannot resume or sync, for its client knows neither."""

    __slots__ = ("shared",)

    def __init__(self, context: Context, identity: Identity) -> None:
        super().__init__(context, LEGACY, identity)
        # Which conversations are shared with each partner of whose presence the client hears.
        self.shared: Mapping[str, Sequence[str]] = {}

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Send a passing frame; presence once for each conversation that is shared."""
        kind, _, user_id = stream.partition(":")
        if kind != Stream.PRESENCE:
            super().deliver_ephemeral(stream, frame, key)
            return
        for conversation_id in self.shared.get(user_id, ()):
            fields: dict[str, Any] = {"conversationId": conversation_id}
            told = frame_splice.with_fields(LEGACY, frame, **fields)
            of = Stream.CONVERSATION.of(conversation_id)
            super().deliver_ephemeral(of, told, (key, conversation_id))
