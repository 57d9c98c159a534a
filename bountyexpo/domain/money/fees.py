"""Who gets which part of an amount: fees and splits that always sum to the whole (money §1.2).

The platform's fee is taken from what a hunter earns, never from what goes back to a poster.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.amounts import BASIS_POINTS, share, split
from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from bountyexpo.domain.policy import Policy


class Side(StrEnum):
    """Who asks for a cancellation."""

    POSTER = "poster"
    HUNTER = "hunter"


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Where the price of a bounty goes; the parts sum to it.

    ``cancellation_fee_cents`` is what neither side gets; it is named, because nothing is left over.
    """

    refund_cents: int = 0
    hunter_cents: int = 0
    fee_cents: int = 0
    cancellation_fee_cents: int = 0

    @property
    def amount_cents(self) -> int:
        """The whole price."""
        return self.refund_cents + self.hunter_cents + self.fee_cents + self.cancellation_fee_cents


def release(amount_cents: int, fee_bps: int) -> Settlement:
    """Pay the hunter everything, less the fee."""
    fee_cents = share(amount_cents, fee_bps)
    return Settlement(hunter_cents=amount_cents - fee_cents, fee_cents=fee_cents)


def refund(amount_cents: int) -> Settlement:
    """Give the poster everything back; no fee."""
    return Settlement(refund_cents=amount_cents)


def partial(
    amount_cents: int, *, refund_cents: int, cancellation_fee_cents: int = 0, fee_bps: int
) -> Settlement:
    """Give ``refund_cents`` back and the rest to the hunter, less the fee on that rest.

    Raises:
        InvalidRequest: more is given away than there is.
    """
    earned_cents = amount_cents - refund_cents - cancellation_fee_cents
    if min(refund_cents, cancellation_fee_cents, earned_cents) < 0:
        raise InvalidRequest(
            "The parts must not be more than the amount in escrow.", code="invalid_split"
        )
    paid = release(earned_cents, fee_bps)
    return msgspec.structs.replace(
        paid, refund_cents=refund_cents, cancellation_fee_cents=cancellation_fee_cents
    )


def by_percentage(amount_cents: int, *, refund_bps: int, fee_bps: int) -> Settlement:
    """Give a share back, rounded half up, and the rest to the hunter, less the fee.

    Raises:
        InvalidRequest: the share is not between 0 and 100 %.
    """
    if not 0 <= refund_bps <= BASIS_POINTS:
        raise InvalidRequest("A refund is from 0 to 100 percent.", code="invalid_split")
    refund_cents, _ = split(amount_cents, (refund_bps, BASIS_POINTS - refund_bps))
    return partial(amount_cents, refund_cents=refund_cents, fee_bps=fee_bps)


def cancellation_refund_bps(policy: Policy, *, asked_by: Side, has_hunter: bool) -> int:
    """Return the share that goes back to the poster, or that is proposed where both must agree."""
    if not has_hunter:
        return policy.open_refund_bps
    if asked_by is Side.HUNTER:
        return policy.hunter_cancels_refund_bps
    return policy.poster_cancels_refund_bps


def instant_payout_fee(amount_cents: int, policy: Policy) -> int:
    """Return what the hunter pays on top of an instant payout."""
    return max(share(amount_cents, policy.instant_fee_bps), policy.instant_fee_cents_min)
