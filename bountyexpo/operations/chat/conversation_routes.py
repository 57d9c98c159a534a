"""Where conversations are mounted: under ``/api``, and at older places (realtime §3.5)."""

from __future__ import annotations

HOME = "/api/conversations"
OLD_HOME = "/conversations"

# The spellings that older clients use in bodies and queries.
SNAKE_CASE = {
    "conversation_id": "conversationId",
    "message_id": "messageId",
}


def old_routes(method: str, rest: str = "") -> tuple[str, ...]:
    """Return the old addresses of a route whose present one is ``HOME`` and ``rest``."""
    return (f"{method} {OLD_HOME}{rest}",)
