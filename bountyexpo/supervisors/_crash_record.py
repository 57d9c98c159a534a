"""The crashes of one actor, counted by what caused them, and the messages that are put aside.

An actor serves many callers, and a message that crashes it says more about the message than about
the actor. So each cause has a count of its own: loading the rows, or one message with its content.
Who repeats such a message too often is refused for a while; all others go on to be served. Only
rows that cannot be loaded put the actor itself into quarantine.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from bountyexpo.runtime import Ask
from bountyexpo.supervisors._restart_window import add_restart

if TYPE_CHECKING:
    from bountyexpo.runtime import Continuation, Item, Message
    from bountyexpo.supervisors._restart_window import CrashPolicy

# The cause of a crash before any message was looked at.
LOADING: Final = b"loading"

# Causes that are told apart at a time; beyond it the one that was met first is forgotten.
CAUSES_MAX: Final = 32


class CrashRecord:
    """What has crashed one actor lately; it outlives the actor's state."""

    __slots__ = ("_aside_until", "_crashes", "_policy")

    def __init__(self, policy: CrashPolicy) -> None:
        self._policy = policy
        self._crashes: dict[bytes, tuple[float, ...]] = {}
        self._aside_until: dict[bytes, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._crashes.values()))

    @property
    def has_any_aside(self) -> bool:
        """Tell whether some message is refused at present, or was until lately."""
        return bool(self._aside_until)

    def count(self, cause: bytes, now: float) -> tuple[int, bool]:
        """Count a crash; return how many of this cause count, and whether that is bearable."""
        policy = self._policy
        crashes, is_bearable = add_restart(
            self._crashes.pop(cause, ()), now, intensity=policy.intensity, period_s=policy.period_s
        )
        self._crashes[cause] = crashes
        if len(self._crashes) > CAUSES_MAX:
            self.forget(next(iter(self._crashes)))
        return len(crashes), is_bearable

    def put_aside(self, cause: bytes, now: float) -> None:
        """Let the message that is this cause be refused for a while."""
        self._aside_until[cause] = now + self._policy.quarantine_s

    def is_aside(self, message: object, now: float) -> bool:
        """Tell whether this very message is refused at present."""
        cause = cause_of(message)
        until = self._aside_until.get(cause)
        if until is None:
            return False
        if until <= now:
            self.forget(cause)
            return False
        return True

    def forget(self, cause: bytes) -> None:
        """Begin to count a cause anew."""
        self._crashes.pop(cause, None)
        self._aside_until.pop(cause, None)


def message_of(item: Item) -> Message[Any, Any] | Continuation[Any]:
    """Return what an actor is told, without the envelope of an asker."""
    return item.message if isinstance(item, Ask) else item


def cause_of(message: object) -> bytes:
    """Return what tells this message, with its content, from any other."""
    return blake2b(repr(message).encode(errors="backslashreplace"), digest_size=16).digest()
