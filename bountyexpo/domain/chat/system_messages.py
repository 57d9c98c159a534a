"""Messages that the service itself writes into a conversation.

What one is about stands in its client id, ``sys:<step>:<bounty>``, which also makes it happen once;
what can happen again has a further part.
"""

from __future__ import annotations

from typing import Final

import msgspec

# No client may call a message of theirs so.
PREFIX: Final = "sys:"

# What a step of a bounty is called once it is done.
_DONE: Final = {
    "accept": "accepted",
    "cancel": "cancelled",
    "complete": "completed",
    "dispute": "disputed",
    "refund": "refunded",
    "revision": "revision_requested",
}


def code_of(step: str, bounty_id: str, *more: object) -> str:
    """Return the client id of a message about a step of a bounty."""
    return PREFIX + ":".join(map(str, (step, bounty_id, *more)))


class SystemNote(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a message of the service is about, for clients that show it in words of theirs."""

    code: str
    bounty_id: str


def note_of(kind: str, client_message_id: str | None) -> SystemNote | None:
    """Return what a message is about; None when people wrote it."""
    if kind != "system":
        return None
    step, bounty_id, *_ = [*(client_message_id or "").removeprefix(PREFIX).split(":"), ""]
    return SystemNote(code=f"bounty.{_DONE.get(step, step)}", bounty_id=bounty_id)
