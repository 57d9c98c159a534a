"""Rate limits: token buckets, in process, per user, per address and per named account.

Each limit has a table of its own (``bucket_table``), so that the callers of one never drive out
what is known of another's. A call may cost more than one: by how much it asks for.
"""

from __future__ import annotations

import math
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from bountyexpo.domain import gcra
from bountyexpo.domain.addresses import counted_as
from bountyexpo.errors import RateLimited
from bountyexpo.operations.bucket_table import BucketTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from bountyexpo.operations.catalogue import Limit, RateClass

# Keys kept of one limit at most; about 250 bytes each.
KEYS_MAX = 25_000

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
        # By the class and whom it counts.
        self._tables: dict[tuple[str, str], BucketTable[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))

    def take(
        self,
        rate: RateClass,
        *,
        user_id: str | None,
        address: str,
        identifier: str | None = None,
        cost: int = 1,
    ) -> Allowance | None:
        """Count one call of ``cost``; return what is left, or None when nothing limits it.

        What costs more than a bucket holds costs all of it.

        Raises:
            RateLimited: there is too little in one of the buckets; then none of them is charged.
        """
        assert cost > 0
        if not self.applies_to(address):
            return None
        now = self._monotonic()
        charges = []
        tightest: Allowance | None = None
        for bucket in _buckets(rate, user_id, address, identifier):
            full_at, allowance = self._charge(bucket, cost, now)
            charges.append((bucket, full_at))
            if tightest is None or allowance.remaining < tightest.remaining:
                tightest = allowance
        for bucket, full_at in charges:
            self._table(bucket).store(bucket.key, full_at, now)
        return tightest

    def check(self, rate: RateClass, *, user_id: str | None, address: str) -> None:
        """Count nothing, but refuse where ``take`` would.

        Raises:
            RateLimited: one of the buckets is empty.
        """
        if not self.applies_to(address):
            return
        now = self._monotonic()
        for bucket in _buckets(rate, user_id, address, None):
            self._charge(bucket, 1, now)

    def applies_to(self, address: str) -> bool:
        """Tell whether an address meets limits at all."""
        return self._is_enabled and not self.is_exempt(address)

    @property
    def multiplier(self) -> float:
        """By how much every limit is widened."""
        return self._multiplier

    def give_back(self, rate: RateClass, address: str, calls: int = 1) -> None:
        """Take back calls that were counted of an address, as they turned out to be good ones."""
        if not self.applies_to(address):
            return
        now = self._monotonic()
        for bucket in _buckets(rate, None, address, None):
            _, interval_s = self._measures(bucket.limit)
            table = self._table(bucket)
            full_at = table.full_at(bucket.key, now) - calls * interval_s
            table.store(bucket.key, max(now, full_at), now)

    def is_exempt(self, address: str) -> bool:
        """Tell whether this address is on the allow-list."""
        if not self._allowed:
            return False
        known = self._exempt.get(address)
        if known is None:
            if len(self._exempt) >= EXEMPT_MAX:
                self._exempt.clear()
            known = self._exempt[address] = _is_within(address, self._allowed)
        return known

    def _charge(self, bucket: _Bucket, cost: int, now: float) -> tuple[float, Allowance]:
        burst, interval_s = self._measures(bucket.limit)
        capacity_s = burst * interval_s
        full_at, early_s = gcra.charge(
            self._table(bucket).full_at(bucket.key, now),
            now,
            interval_s * min(cost, burst),
            capacity_s,
        )
        if early_s > 0:
            raise RateLimited(
                retry_after_s=math.ceil(early_s),
                limit=int(burst),
                retryAfterMs=round(early_s * 1000),
            )
        remaining = max(0, math.floor((capacity_s - (full_at - now)) / interval_s + 1e-6))
        return full_at, Allowance(int(burst), remaining, full_at - now)

    def _measures(self, limit: Limit) -> tuple[float, float]:
        """Return how much a bucket holds, and in which time one of it comes back."""
        burst = max(1.0, (limit.burst or limit.calls) * self._multiplier)
        return burst, limit.window_s / (limit.calls * self._multiplier)

    def _table(self, bucket: _Bucket) -> BucketTable[str]:
        name = bucket.rate, bucket.counted
        table = self._tables.get(name)
        if table is None:
            burst, interval_s = self._measures(bucket.limit)
            table = self._tables[name] = BucketTable(self._keys_max, burst * interval_s)
        return table


def _is_within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


class _Bucket(NamedTuple):
    """What one call takes from: of which class, what it counts, and whose it is."""

    rate: str
    counted: str
    key: str
    limit: Limit


def _buckets(
    rate: RateClass, user_id: str | None, address: str, identifier: str | None
) -> list[_Bucket]:
    """List the buckets a call takes from; a signed-in caller is not also counted by address."""
    buckets = []
    if rate.per_user is not None and user_id is not None:
        buckets.append(_Bucket(rate.name, "user", user_id, rate.per_user))
    else:
        by_address = rate.per_address or rate.per_user
        if by_address is not None:
            buckets.append(_Bucket(rate.name, "address", counted_as(address), by_address))
    if rate.per_identifier is not None and identifier:
        buckets.append(_Bucket(rate.name, "identifier", identifier, rate.per_identifier))
    return buckets
