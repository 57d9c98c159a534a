"""What people must look at, because no rule can know what is right (contract money §8)."""

from __future__ import annotations

from enum import StrEnum


class Finding(StrEnum):
    """The kinds of findings; each subject has at most one that is open of each kind."""

    # A chargeback about money that is in escrow, was settled, or is of an earlier round.
    ESCROW_CHARGEBACK = "escrow_chargeback"
    # The provider would not move the money of a settlement: it is in escrow again.
    ESCROW_REFUSED = "escrow_refused"
    # A refund is said to have failed that we never made.
    UNKNOWN_REFUND = "unknown_refund"
