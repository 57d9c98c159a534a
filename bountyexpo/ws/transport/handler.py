"""What a connection tells whoever it belongs to."""

from __future__ import annotations

from typing import Protocol


class ConnectionHandler(Protocol):
    """What a session implements. All calls are synchronous; one that raises ends its connection."""

    def on_message(self, payload: bytes, *, is_text: bool) -> None:
        """Take one whole message; text is valid UTF-8."""

    def on_closed(self, code: int) -> None:
        """Learn, once and last, that the connection is over."""

    def on_drained(self) -> None:
        """Learn that the queue, which had been over half, is empty."""

    def on_tick(self, now: float) -> float:
        """Do what time asks for; return when it asks next.

        The connection calls again at that time, give or take ``tick_interval_s``, or earlier. Who
        begins to wait for something in between sets the connection's ``next_look`` to 0.
        """
