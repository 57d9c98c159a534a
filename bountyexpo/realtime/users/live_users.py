"""The people who are connected to this process, as the operations see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.close_codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.users.presence import Presence


class LiveUsers:
    """Tells who is there, and parts with those who may no longer be."""

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

    def disconnect_user(
        self,
        user_id: str,
        code: int = CloseCode.REVOKED,
        reason: str = "revoked",
        *,
        session_id: str | None = None,
    ) -> int:
        """Disconnect a user, or one sign-in of theirs; returns how many listeners that were."""
        return self._hub.disconnect_user(user_id, code, reason, session_id=session_id)
