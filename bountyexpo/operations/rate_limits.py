"""Rate limits: token buckets, in process, per user, per address and per named account.

A bucket is one number (``domain.gcra``): the moment at which it would be full again. A bucket that
is full is the same as one that was never seen, so the oldest keys can be dropped at any time when
the table is full. A dropped key gets a fresh bucket, which errs in the caller's favour.
"""

from __future__ import annotations

import math
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from bountyexpo.domain import gcra
from bountyexpo.domain.addresses import counted_as
from bountyexpo.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from bountyexpo.operations.catalogue import Limit, RateClass

# Keys kept at most; about 200 bytes each.
KEYS_MAX = 100_000

# Addresses whose place on the allow-list is remembered.
EXEMPT_MAX = 10_000


class Allowance(NamedTuple):
    """What is left of the tightest limit after a call, for the headers of the reply."""

    limit: int
    remaining: int
    reset_s: float


class RateLimiter:
    """All buckets of one process.

    ``multiplier`` widens every limit, ``enabled=False`` lifts them all, and callers from the
    networks of ``allowed`` meet none: all three are for load tests.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        enabled: bool = True,
        multiplier: float = 1.0,
        allowed: Sequence[IPv4Network | IPv6Network] = (),
        keys_max: int = KEYS_MAX,
    ) -> None:
        assert multiplier > 0
        assert keys_max > 0
        self._is_enabled = enabled
        self._monotonic = monotonic
        self._multiplier = multiplier
        self._keys_max = keys_max
        self._allowed = tuple(allowed)
        self._exempt: dict[str, bool] = {}
        self._full_at: dict[tuple[str, str, str], float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(
        self,
        rate: RateClass,
        *,
        user_id: str | None,
        address: str,
        identifier: str | None = None,
    ) -> Allowance | None:
        """Count one call; return what is left, or None when nothing limits it.

        Raises:
            RateLimited: one of the buckets is empty; then none of them is charged.
        """
        if self.is_exempt(address):
            return None
        now = self._monotonic()
        charges = []
        tightest: Allowance | None = None
        for key, limit in _buckets(rate, user_id, address, identifier):
            full_at, allowance = self._charge(key, limit, now)
            charges.append((key, full_at))
            if tightest is None or allowance.remaining < tightest.remaining:
                tightest = allowance
        for key, full_at in charges:
            self._store(key, full_at)
        return tightest

    def check(self, rate: RateClass, *, user_id: str | None, address: str) -> None:
        """Count nothing, but refuse where ``take`` would.

        Raises:
            RateLimited: one of the buckets is empty.
        """
        if self.is_exempt(address):
            return
        now = self._monotonic()
        for key, limit in _buckets(rate, user_id, address, None):
            self._charge(key, limit, now)

    def is_exempt(self, address: str) -> bool:
        """Tell whether nothing limits this address: it is on the allow-list, or nothing is."""
        if not self._is_enabled:
            return True
        if not self._allowed:
            return False
        known = self._exempt.get(address)
        if known is None:
            if len(self._exempt) >= EXEMPT_MAX:
                self._exempt.clear()
            known = self._exempt[address] = _is_within(address, self._allowed)
        return known

    def _charge(
        self, key: tuple[str, str, str], limit: Limit, now: float
    ) -> tuple[float, Allowance]:
        burst = max(1.0, (limit.burst or limit.calls) * self._multiplier)
        interval_s = limit.window_s / (limit.calls * self._multiplier)
        capacity_s = burst * interval_s
        full_at, early_s = gcra.charge(self._full_at.get(key, now), now, interval_s, capacity_s)
        if early_s > 0:
            raise RateLimited(
                retry_after_s=math.ceil(early_s),
                limit=int(burst),
                retryAfterMs=round(early_s * 1000),
            )
        remaining = max(0, math.floor((capacity_s - (full_at - now)) / interval_s + 1e-6))
        return full_at, Allowance(int(burst), remaining, full_at - now)

    def _store(self, key: tuple[str, str, str], full_at: float) -> None:
        # Re-inserting keeps the table in order of last use, so the first key is the oldest.
        self._full_at.pop(key, None)
        self._full_at[key] = full_at
        if len(self._full_at) > self._keys_max:
            del self._full_at[next(iter(self._full_at))]


def _is_within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _buckets(
    rate: RateClass, user_id: str | None, address: str, identifier: str | None
) -> list[tuple[tuple[str, str, str], Limit]]:
    """List the buckets a call takes from; a signed-in caller is not also counted by address."""
    buckets = []
    if rate.per_user is not None and user_id is not None:
        buckets.append(((rate.name, "user", user_id), rate.per_user))
    else:
        by_address = rate.per_address or rate.per_user
        if by_address is not None:
            buckets.append(((rate.name, "address", counted_as(address)), by_address))
    if rate.per_identifier is not None and identifier:
        buckets.append(((rate.name, "identifier", identifier), rate.per_identifier))
    return buckets
