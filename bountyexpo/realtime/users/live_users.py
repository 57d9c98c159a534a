"""The people who are connected to this process, as the operations see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.users.presence import Presence


class LiveUsers:
    """Tells who is there."""

    def __init__(self, hub: Hub, presence: Presence) -> None:
        self._hub = hub
        self._presence = presence

    async def presence_of(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Tell how these users are seen."""
        return await self._presence.views(user_ids)

    def separate(self, one: str, other: str) -> None:
        """Let two people no longer see each other come and go."""
        for viewer, seen in ((one, other), (other, one)):
            self._presence.cover(viewer, seen)
