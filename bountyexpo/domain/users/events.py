"""What people hear of each other (contract realtime §4.6)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from bountyexpo.domain.events import Coalesce, Event, Stream, event


@event(
    "presence.update",
    Stream.PRESENCE,
    is_durable=False,
    coalesce=Coalesce("presence.update", ("userId",)),
    legacy_fields=("userId", "senderId", "isOnline", "timestamp"),
)
class PresenceUpdate(Event, frozen=True, kw_only=True):
    """Somebody whom ``presence.subscribe`` named came, is away, or has left 30 s ago."""

    user_id: str
    state: Literal["online", "away", "offline"]
    last_seen_at: datetime | None
    is_online: bool
    sender_id: str
