"""Places for connections: how many there are, how many an address may have, and who gives way.

A process has only so many descriptors, and a client that asks nothing may keep its connection for
a minute. So the places of one address are a part of all, and whoever comes when none is left gets
the place of the connection that has been idle for longest: of the same address where its own part
is used up, of anybody where the house is full. A connection that is being answered never gives way,
nor does one that has just come or has just been answered.

``Seat.rest`` and ``Seat.work`` say which is the case. A connection rests while it waits for the
client's next request, also for the rest of its head.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from bountyexpo.domain.addresses import counted_as
from bountyexpo.errors import RateLimited, Unavailable
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    # Since when each of them rests, in that order.
    Idle: TypeAlias = "dict[Seat, float]"

# Refusals answered at one time; beyond that the connection is just closed. Each holds a descriptor
# of those that are kept for everything else, so it is half of them.
REFUSALS_MAX: Final = 32

# The part of all places that one address may have, and its end on a large machine: many people
# share the address of a mobile carrier, and each of them keeps a connection or two.
ADDRESS_SHARE: Final = 1 / 4
PER_ADDRESS_MAX: Final = 5_000

# A connection that has rested for less than this keeps its place: in a storm everybody would lose
# it to the next one before they have asked anything.
IDLE_MIN_S: Final = 1.0

# An address without a place left is told to come back after this.
FULL_RETRY_S: Final = 5
FULL: Final = "Too many connections from this address."


class Seat:
    """The place of one connection; ``scope`` is around the task that serves it."""

    __slots__ = ("_idle", "_idle_here", "address", "is_lost", "scope")

    def __init__(self, address: str, idle: Idle, idle_here: Idle) -> None:
        self.address = address
        self.scope = trio.CancelScope()
        self.is_lost = False
        self._idle = idle
        self._idle_here = idle_here

    def rest(self) -> None:
        """Nothing is asked at present: the connection may be ended for another's sake."""
        if not self.is_lost and self not in self._idle:
            self._idle[self] = self._idle_here[self] = time.monotonic()

    def work(self) -> None:
        """Something was asked, which is going to be answered."""
        self._idle.pop(self, None)
        self._idle_here.pop(self, None)


class Seats:
    """The places of all connections that have a task of their own.

    ``total`` is how many connections there may be in all, those without a task among them, which
    ``others`` counts. ``is_free`` tells whether an address may have any number of places; who has
    rested for less than ``idle_min_s`` keeps theirs.
    """

    def __init__(
        self,
        total: int,
        others: Callable[[], int],
        *,
        is_free: Callable[[str], bool] = lambda _address: False,
        idle_min_s: float = IDLE_MIN_S,
    ) -> None:
        assert total > 0
        self.per_address = max(1, min(PER_ADDRESS_MAX, int(total * ADDRESS_SHARE)))
        self._total = total
        self._others = others
        self._is_free = is_free
        self._idle_min_s = idle_min_s
        self._count = 0
        self._taken: dict[str, int] = {}
        self._idle: Idle = {}
        self._idle_of: dict[str, Idle] = {}

    def __len__(self) -> int:
        return self._count

    def take(self, address: str) -> Seat:
        """Take a place for a connection from ``address``, which rests at first.

        Raises:
            RateLimited: the address has its part, and each of them is being answered.
            Unavailable: the same of all.
        """
        counted = counted_as(address)
        if self._taken.get(counted, 0) >= self.per_address and not self._is_free(address):
            self._make_room(self._idle_of[counted], RateLimited(FULL, retry_after_s=FULL_RETRY_S))
        if self._count + self._others() >= self._total:
            self._make_room(self._idle, Unavailable(retry_after_s=FULL_RETRY_S))
        seat = Seat(counted, self._idle, self._idle_of.setdefault(counted, {}))
        self._count += 1
        self._taken[counted] = self._taken.get(counted, 0) + 1
        seat.rest()
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a place back; harmless when it was given to another already."""
        if seat.is_lost:
            return
        seat.is_lost = True
        seat.work()
        self._count -= 1
        left = self._taken[seat.address] - 1
        if left:
            self._taken[seat.address] = left
        else:
            del self._taken[seat.address]
            del self._idle_of[seat.address]

    def _make_room(self, idle: Idle, refusal: RateLimited | Unavailable) -> None:
        longest = next(iter(idle), None)
        if longest is None or idle[longest] > time.monotonic() - self._idle_min_s:
            metrics.HTTP_CONNECTIONS_REFUSED.labels(refusal.error_code).inc()
            raise refusal
        metrics.HTTP_CONNECTIONS_ENDED.inc()
        self.leave(longest)
        longest.scope.cancel()


def descriptor_budget() -> int:
    """Sockets that the descriptor limit allows, with a rest for databases, files and refusals."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(16, soft - max(2 * REFUSALS_MAX, soft // 10))
