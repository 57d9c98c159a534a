"""What a withdrawal is: eight states, what can happen to it, and the facts its rules look at.

The rules themselves are the table in ``withdrawal_rules`` (contract money §3.5).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Source(StrEnum):
    """Where the money came from: a wallet, or a bounty that was paid by card."""

    WALLET = "wallet"
    ESCROW = "escrow"


class Status(StrEnum):
    """The eight states of the saga."""

    REQUESTED = "requested"
    TRANSFERRED = "transferred"
    PAYOUT_PENDING = "payout_pending"
    REVERSING = "reversing"
    PAID = "paid"
    VOID = "void"
    REVERSED = "reversed"
    MANUALLY_PAID = "manually_paid"


class Event(StrEnum):
    """What can happen to a withdrawal.

    Each step has its own outcomes, so that a late answer to one is not taken for another's.
    """

    REQUEST = "request"
    TRANSFER_MADE = "transfer_made"
    TRANSFER_REFUSED = "transfer_refused"
    TRANSFER_UNKNOWN = "transfer_unknown"
    PAYOUT_MADE = "payout_made"
    PAYOUT_REFUSED = "payout_refused"
    PAYOUT_UNKNOWN = "payout_unknown"
    # The transfer came back: by our own reversal, or by Stripe's.
    REVERSED = "reversed"
    REVERSAL_REFUSED = "reversal_refused"
    REVERSAL_UNKNOWN = "reversal_unknown"
    PAID = "paid"
    PAYOUT_FAILED = "payout_failed"
    ADMIN_SETTLE = "admin_settle"
    RETRY = "retry"
    REPLAY = "replay"
    LOOK = "look"


class Effect(StrEnum):
    """What follows from a step; the numbers are the posting rules of contract money §1.6."""

    POST_REQUESTED = "post_requested"  # 10
    POST_TRANSFERRED = "post_transferred"  # 11
    POST_PAID = "post_paid"  # 12
    POST_VOID = "post_void"  # 13
    POST_REVERSED = "post_reversed"  # 14, 15
    POST_MANUAL = "post_manual"  # 16
    # Money that had reached the bank is in flight again: the reverse of 12.
    POST_RETURNED = "post_returned"
    MAKE_TRANSFER = "make_transfer"
    MAKE_PAYOUT = "make_payout"
    MAKE_STANDARD_PAYOUT = "make_standard_payout"
    MAKE_REVERSAL = "make_reversal"
    REPLAY_STEP = "replay_step"
    LOOK_AT_PAYOUT = "look_at_payout"
    START_RETRY = "start_retry"
    KEEP_FAILURE = "keep_failure"
    RECORD_FINDING = "record_finding"
    NOTIFY_OWNER = "notify_owner"
    AUDIT = "audit"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at."""

    # Payouts are enabled, as Stripe said a moment ago; nothing blocks money out.
    is_onboarded: bool = True
    is_blocked: bool = False
    has_one_in_flight: bool = False
    has_funds: bool = True
    is_instant: bool = False
    # This reversal gives back a part; the rest stays in flight.
    is_part: bool = False
    # This very object was told before.
    is_known: bool = False
    # It had reached the bank once.
    was_paid: bool = False
    # The reversal was refused: only people can go on.
    is_stuck: bool = False
    has_retries_left: bool = True
    # The owner's wallet was debited again, so that money paid by hand is not a gift.
    is_debited_again: bool = False
