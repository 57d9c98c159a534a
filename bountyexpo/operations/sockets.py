"""The live sessions of this process, as operations see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sockets(Protocol):
    """What operations may ask of the sockets; on ``services.sockets``."""

    async def presence_of(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Tell how these users are seen."""

    def separate(self, one: str, other: str) -> None:
        """Let two people no longer see each other come and go."""
