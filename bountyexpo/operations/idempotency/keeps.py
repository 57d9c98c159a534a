"""What is kept of a call that has an idempotency key, so that a repeat is no second call."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# Writes of these areas keep nothing unless they say so: messages have ids of their own, sessions
# are credentials. All others may be about money, and keep their replies unless they say otherwise.
KEEPS_NOTHING: Final = frozenset({"users", "chat"})

OPERATIONS: Final = "bountyexpo.operations."


class Keeps(Enum):
    """What is kept of a call with a key."""

    # It reads, or a repeat does no harm, or its reply is a credential.
    NOTHING = "nothing"
    # Its reply, without secrets.
    REPLY = "reply"
    # That it was carried out: asked again, the handler finds what it has made.
    KEY = "key"


def by_default(handler: Callable[..., Any], *, writes: bool) -> Keeps:
    """Return what an operation keeps that says nothing of it: by its area, and if it writes."""
    layer, _, place = handler.__module__.partition(OPERATIONS)
    is_kept = not layer and bool(place) and place.partition(".")[0] not in KEEPS_NOTHING
    return Keeps.REPLY if is_kept and writes else Keeps.NOTHING
