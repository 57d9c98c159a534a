"""Tickets: one-time passes for clients that cannot set headers when they open a socket.

A browser may put nothing but the address into an upgrade, and an address ends up in logs. So what
stands there is a random text that is worth nothing after its first use or after 30 seconds.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.domain.identity import Identity

# How long a ticket is good for (contract realtime §3.5).
TICKET_TTL_S: Final = 30.0

# Tickets not yet used; the oldest go first. A user makes at most 60 a minute.
TICKETS_MAX: Final = 50_000

# 256 bits that nobody guesses.
TICKET_BYTES: Final = 32


class _Issued(NamedTuple):
    identity: Identity
    until: float


class TicketStore:
    """The unused tickets of one process; bounded by ``tickets_max``."""

    def __init__(self, monotonic: Callable[[], float], *, tickets_max: int = TICKETS_MAX) -> None:
        self._monotonic = monotonic
        self._tickets_max = tickets_max
        self._issued: dict[str, _Issued] = {}

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, identity: Identity) -> str:
        """Return a new ticket of the caller."""
        now = self._monotonic()
        self._drop_expired(now)
        if len(self._issued) >= self._tickets_max:
            del self._issued[next(iter(self._issued))]
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        self._issued[ticket] = _Issued(identity, now + TICKET_TTL_S)
        return ticket

    def redeem(self, ticket: str) -> Identity | None:
        """Return whose ticket it is and use it up; None when it is not good, or not any more."""
        found = self._issued.pop(ticket, None)
        if found is None or self._monotonic() >= found.until:
            return None
        return found.identity

    def _drop_expired(self, now: float) -> None:
        while self._issued:
            ticket = next(iter(self._issued))
            if self._issued[ticket].until > now:
                return
            del self._issued[ticket]
