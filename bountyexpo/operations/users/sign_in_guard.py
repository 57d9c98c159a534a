"""Guessing passwords is made slow, and nobody is locked out of their own account by it.

What counts is the account, however it was named: by address, user name, or either in another
spelling. Five wrong passwords in a quarter of an hour are free. After that the account is slow for
strangers: one attempt at a time, each twice as late as the last, up to a minute. Who comes from
where this person has signed in before has a lane of their own, which strangers cannot fill: there
an attempt waits a moment and is then looked at, so the right password always opens. A wrong one
that comes too soon is answered 429 instead of 401.
"""

from __future__ import annotations

import math
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import trio

from bountyexpo.domain.addresses import counted_as
from bountyexpo.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.operations.rate_limits import RateLimiter

# Wrong passwords that cost nothing, and in what time one of them is forgiven.
FREE_FAILURES: Final = 5
FORGIVEN_AFTER_S: Final = 180.0

# How long an account is slow after its last attempt: this, doubled by each further failure.
SLOW_FIRST_S: Final = 1.0
SLOW_MAX_S: Final = 60.0
SLOW_KNOWN_MAX_S: Final = 2.0

# An attempt whose turn comes sooner than this waits for it; the app gives up after 15 s.
HOLD_S: Final = 3.0
HOLD_KNOWN_S: Final = 8.0

# Failures beyond this change nothing any more, and are not counted.
FAILURES_MAX: Final = FREE_FAILURES + 10

# How long a success of somebody at a place is no news.
WELCOMED_S: Final = 900.0

# Lanes that are kept; a dropped one begins anew.
LANES_MAX: Final = 50_000

TOO_MANY: Final = "Too many sign-in attempts. Please wait a moment."


class Lane:
    """The attempts on one account from one place, or from all strange places together."""

    __slots__ = ("_failures", "_since", "_turn_at", "is_known")

    def __init__(self, *, is_known: bool, now: float) -> None:
        self.is_known = is_known
        self._failures = 0.0
        self._since = now
        # When the next attempt may be looked at.
        self._turn_at = now

    def failures(self, now: float) -> float:
        """Return how many wrong passwords still count."""
        return max(0.0, self._failures - (now - self._since) / FORGIVEN_AFTER_S)

    def book(self, now: float, free: float) -> float:
        """Take the next turn; returns in how many seconds it comes.

        Raises:
            RateLimited: it comes too late to be waited for; nothing was taken.
        """
        pause_s = self.pause_s(now, free)
        if not pause_s:
            return 0.0
        wait_s = max(0.0, self._turn_at - now)
        if wait_s > (HOLD_KNOWN_S if self.is_known else HOLD_S):
            raise too_many(wait_s)
        self._turn_at = max(now, self._turn_at) + pause_s
        return wait_s

    def pause_s(self, now: float, free: float) -> float:
        """Return what time lies between two attempts; none while failures are free."""
        # A failure counts until it is forgiven whole.
        beyond = math.ceil(self.failures(now) - 1e-6) - free
        if beyond < 0:
            return 0.0
        return min(
            SLOW_KNOWN_MAX_S if self.is_known else SLOW_MAX_S, SLOW_FIRST_S * math.pow(2.0, beyond)
        )

    def fail(self, now: float, free: float) -> None:
        """Count a wrong password."""
        most = free + FAILURES_MAX - FREE_FAILURES
        self._failures, self._since = min(most, self.failures(now) + 1), now
        self._turn_at = max(self._turn_at, now + self.pause_s(now, free))


class SignInGuard:
    """The lanes of one process; bounded by ``LANES_MAX``, the least recently used goes first."""

    def __init__(self, limiter: RateLimiter, monotonic: Callable[[], float]) -> None:
        self._limiter = limiter
        self._monotonic = monotonic
        self._lanes: dict[str, Lane] = {}
        # Until when a success at a place is no news.
        self._welcomed: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def _free(self) -> float:
        return FREE_FAILURES * self._limiter.multiplier

    async def admit(self, account: str, address: str, *, is_known: bool) -> Lane | None:
        """Wait for the turn of an attempt; None where nothing is limited.

        Raises:
            RateLimited: it is not worth waiting for.
        """
        if not self._limiter.applies_to(address):
            return None
        lane = self._lane(account, place_of(account, address) if is_known else "")
        await trio.sleep(lane.book(self._monotonic(), self._free))
        return lane

    def failed(self, lane: Lane | None) -> None:
        """Count a wrong password.

        Raises:
            RateLimited: it was one too many.
        """
        if lane is None:
            return
        now, free = self._monotonic(), self._free
        was_slow = lane.pause_s(now, free) > 0
        lane.fail(now, free)
        if was_slow:
            raise too_many(lane.pause_s(now, free))

    def succeeded(self, account: str, address: str) -> bool:
        """Forget the failures from this place; those of strangers elsewhere still count.

        Returns whether it is the first success there for a while.
        """
        place = place_of(account, address)
        self._lanes.pop(_key(account, place), None)
        now = self._monotonic()
        is_first = self._welcomed.pop(place, 0.0) <= now
        self._welcomed[place] = now + WELCOMED_S
        if len(self._welcomed) > LANES_MAX:
            del self._welcomed[next(iter(self._welcomed))]
        return is_first

    def _lane(self, account: str, place: str) -> Lane:
        key = _key(account, place)
        lane = self._lanes.pop(key, None)
        if lane is None:
            lane = Lane(is_known=bool(place), now=self._monotonic())
        # Put back at the end: the first is the least recently used.
        self._lanes[key] = lane
        if len(self._lanes) > LANES_MAX:
            del self._lanes[next(iter(self._lanes))]
        return lane


def too_many(wait_s: float) -> RateLimited:
    """Return what somebody hears who tries too often."""
    return RateLimited(TOO_MANY, retry_after_s=max(1, math.ceil(wait_s)))


def place_of(account: str, address: str) -> str:
    """Return the name of a place where an account was used; it tells nobody the address."""
    return sha256(f"{account}\n{counted_as(address)}".encode()).hexdigest()[:32]


def _key(account: str, place: str) -> str:
    return f"{account}\n{place}"
