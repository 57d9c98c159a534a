"""The words of the old message socket, made from those of ``bounty.v1`` (contract realtime §2.2).

The serializer of old sockets translates while it encodes, so a broadcast is still encoded once for
all of them. What an old client has no word for becomes an empty frame, which is not sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bountyexpo.domain.event_catalogue import declared
from bountyexpo.ws.v1.serializer import JSON, Serializer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Message = Mapping[str, Any]

# What old readers know of an event, as the catalogue says.
EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    spec.type: spec.legacy_fields for spec in declared() if spec.legacy_fields is not None
}

# What they know of the frames of the protocol itself, and what they gained (realtime §2.5).
FRAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "error": ("code", "message", "conversationId", "retryAfterMs", "timestamp"),
    "pong": ("timestamp",),
}

# Old test programs look for this word in the text of a refused sign-on.
REFUSED: Final = {
    "UNAUTHENTICATED": "Authentication required. Please sign in to continue.",
    "TOKEN_EXPIRED": "Authentication failed. Please sign in again.",
}


class LegacyCodec(Serializer):
    """Text frames in the old words."""

    is_old = True

    __slots__ = ()

    def frame(self, value: Any) -> bytes:
        """Return a complete WebSocket frame, empty when there is nothing to say."""
        translated = translate(value)
        return b"" if translated is None else super().frame(translated)


LEGACY: Final = LegacyCodec("legacy", is_text=True, encode=JSON.encode, decode=JSON.decode)


def translate(message: Message) -> dict[str, Any] | None:
    """Return a frame in the old words, or None where they have none."""
    kind: str = message["type"]
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(message)
    names = EVENTS.get(kind) or FRAMES.get(kind)
    return None if names is None else _pick(message, names)


def _pick(message: Message, names: tuple[str, ...]) -> dict[str, Any]:
    return {"type": message["type"], **{name: message[name] for name in names if name in message}}


def _connected(message: Message) -> dict[str, Any]:
    frame = {
        "type": "connected",
        "message": "Connected to real-time messaging",
        "userId": message["userId"],
        "conversationIds": message["conversationIds"],
        "timestamp": message["timestamp"],
    }
    return frame | ({"more": True} if message["more"] else {})


def _error(message: Message) -> dict[str, Any]:
    text = REFUSED.get(message["code"], message["message"])
    return _pick(message, FRAMES["error"]) | {"message": text}


_SPECIAL: Final[Mapping[str, Callable[[Message], dict[str, Any]]]] = {
    "welcome": _connected,
    "error": _error,
}
