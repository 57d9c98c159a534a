"""Holds: why a part of a user's money cannot be spent, and how each of them ends (money §1.6).

The sum of a user's active holds is the balance of ``user:…:held``. A hold is placed and ended by a
transfer that names it, so the two can never disagree; it ends once, released or consumed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from bountyexpo.errors import Conflict


class HoldKind(StrEnum):
    """Why money is held."""

    CHARGEBACK = "chargeback"
    # Only imported: a dispute of ours freezes the escrow and leaves the wallet alone.
    BOUNTY_DISPUTE = "bounty_dispute"
    RISK_RESERVE = "risk_reserve"


class HoldStatus(StrEnum):
    """How it stands with a hold."""

    ACTIVE = "active"
    RELEASED = "released"
    CONSUMED = "consumed"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one user's money, held for one reason.

    ``amount_cents`` is as much of ``wanted_cents`` as was there, which may be nothing: the card
    network can take back money that is spent.
    """

    kind: HoldKind
    reference_id: str
    user_id: str
    wanted_cents: int
    amount_cents: int
    status: HoldStatus = HoldStatus.ACTIVE
    expires_at: datetime | None = None

    @property
    def key(self) -> tuple[HoldKind, str]:
        """What names it: one reason has one hold."""
        return self.kind, self.reference_id

    @property
    def active_cents(self) -> int:
        """What it holds at present."""
        return self.amount_cents if self.status is HoldStatus.ACTIVE else 0

    def released(self) -> Hold:
        """Return the hold after its money was given back; a second time changes nothing.

        Raises:
            Conflict: its money was taken.
        """
        return self._ended(HoldStatus.RELEASED)

    def consumed(self) -> Hold:
        """Return the hold after its money was taken; a second time changes nothing.

        Raises:
            Conflict: its money was given back.
        """
        return self._ended(HoldStatus.CONSUMED)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether its time is over, so that it is to be released."""
        is_active = self.status is HoldStatus.ACTIVE
        return is_active and self.expires_at is not None and now >= self.expires_at

    def _ended(self, status: HoldStatus) -> Hold:
        if self.status not in {HoldStatus.ACTIVE, status}:
            raise Conflict(
                "This hold has ended.", code="hold_ended", currentStatus=self.status.value
            )
        return msgspec.structs.replace(self, status=status)


def place(
    kind: HoldKind,
    reference_id: str,
    user_id: str,
    *,
    wanted_cents: int,
    available_cents: int,
    expires_at: datetime | None = None,
) -> Hold:
    """Return a hold on as much of ``wanted_cents`` as the user has."""
    return Hold(
        kind=kind,
        reference_id=reference_id,
        user_id=user_id,
        wanted_cents=wanted_cents,
        amount_cents=max(0, min(wanted_cents, available_cents)),
        expires_at=expires_at,
    )
