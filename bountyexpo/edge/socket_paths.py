"""Where sockets are spoken (contract realtime §4.1)."""

from __future__ import annotations

from typing import Final

# The two paths of the old system: public events for anybody, messages for people.
EVENTS_PATH: Final = "/events/subscribe"
MESSAGES_PATH: Final = "/messages/subscribe"

SOCKET_PATHS: Final = frozenset({"/v1/socket", "/ws", EVENTS_PATH, MESSAGES_PATH})
