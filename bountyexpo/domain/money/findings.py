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
    # A transfer was made that was taken for refused, or settled by hand: money too many.
    LATE_TRANSFER = "late_transfer"
    # Money came back in part, or after the bank had it.
    UNEXPECTED_REVERSAL = "unexpected_reversal"
    # A transfer could not be taken back: the money is neither here nor there.
    REVERSAL_REFUSED = "reversal_refused"
    # A payout, or word of one, of a connected account of ours that no withdrawal has asked for.
    UNMATCHED_PAYOUT = "unmatched_payout"
    # The bank has money that we have given back, or paid by hand.
    PAID_TWICE = "paid_twice"
    # Money, or word of it, of an intent that we did not make.
    UNKNOWN_INTENT = "unknown_intent"
    # An intent of ours that says something else of its payment than we do: nothing is credited.
    INTENT_MISMATCH = "intent_mismatch"
    # An event of test money in production, or of real money anywhere else.
    WEBHOOK_WRONG_MODE = "webhook_wrong_mode"
    # An event of somebody else's account about what only the platform's has.
    WEBHOOK_FOREIGN_ACCOUNT = "webhook_foreign_account"
    # An event that did not do its work for a day, or cannot.
    WEBHOOK_FAILED = "webhook_failed"
    # An effect that nobody knows how to carry out, or that failed to the last.
    EFFECT_DEAD = "effect_dead"
