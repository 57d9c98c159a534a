"""The live sessions of this process, as operations see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bountyexpo.close_codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sockets(Protocol):
    """What operations may ask of the sockets; on ``services.sockets``."""

    async def presence_of(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Tell how these users are seen."""

    def separate(self, one: str, other: str) -> None:
        """Let two people no longer see each other come and go."""

    def disconnect_user(
        self,
        user_id: str,
        code: int = CloseCode.REVOKED,
        reason: str = "revoked",
        *,
        session_id: str | None = None,
    ) -> int:
        """Close the sockets of a user, or those of one sign-in."""
