"""What an escrow is: nine states, what can happen to it, and the facts its rules look at.

The rules themselves are the table in ``escrow_rules`` (contract money §3.3). One escrow locks the
price of one bounty; a bounty that is posted anew after a refund funds it again, in a new round.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Source(StrEnum):
    """Where the price of a round came from."""

    WALLET = "wallet"
    CARD = "card"


class State(StrEnum):
    """The nine states; ``releasing`` and ``refunding`` are durable intents."""

    NONE = "none"
    FUNDING = "funding"
    HELD = "held"
    FROZEN = "frozen"
    RELEASING = "releasing"
    REFUNDING = "refunding"
    RELEASED = "released"
    # Given back, wholly or in the parts that were agreed; or canceled before it was funded.
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"


class Event(StrEnum):
    """The columns of the contract's table, then what they leave to be reported."""

    FUND_WALLET = "fund_wallet"
    FUND_CARD = "fund_card"
    PI_SUCCEEDED = "pi_succeeded"
    PI_FAILED = "pi_failed"
    PI_CANCELED = "pi_canceled"
    ACCEPT = "accept"
    DISPUTE_OPEN = "dispute_open"
    DISPUTE_DECIDED = "dispute_decided"
    RELEASE = "release"
    REFUND = "refund"
    CHARGEBACK_OPEN = "chargeback_open"
    CHARGEBACK_LOST = "chargeback_lost"

    DISPUTE_CLOSED = "dispute_closed"
    CHARGEBACK_WON = "chargeback_won"
    # The outcome of a release or a refund: done, definitely refused, or not known.
    SETTLED = "settled"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    # A refund that had succeeded comes back.
    REFUND_FAILED = "refund_failed"


class Effect(StrEnum):
    """What follows from a step; the numbers are the posting rules of contract money §1.6."""

    POST_HOLD = "post_hold"  # 3
    POST_FUNDED = "post_funded"  # 4
    POST_FREEZE = "post_freeze"  # 18
    POST_THAW = "post_thaw"  # 19
    POST_RELEASE = "post_release"  # 5, 6
    POST_REFUND = "post_refund"  # 7, 8
    POST_SPLIT = "post_split"  # 9
    REVERSE_POSTING = "reverse_posting"
    POST_CHARGEBACK_OPENED = "post_chargeback_opened"  # 20
    POST_CHARGEBACK_WON = "post_chargeback_won"  # 21
    CONSUME_ESCROW = "consume_escrow"  # 22
    POST_DEBT = "post_debt"  # 22
    RECOVER_FROM_ESCROW = "recover_from_escrow"
    MAKE_INTENT = "make_intent"
    CANCEL_INTENT = "cancel_intent"
    REFUND_STRAY_INTENT = "refund_stray_intent"
    MAKE_TRANSFER = "make_transfer"
    MAKE_REFUND = "make_refund"
    STOP_REFUND = "stop_refund"
    REPLAY_STEP = "replay_step"
    BIND_HUNTER = "bind_hunter"
    SEND_EVIDENCE = "send_evidence"
    RECORD_FINDING = "record_finding"
    NOTIFY_POSTER = "notify_poster"
    COMPLETE_BOUNTY = "complete_bounty"
    CANCEL_BOUNTY = "cancel_bounty"


class Intent(StrEnum):
    """Which payment intent an event speaks of."""

    CURRENT = "current"
    # Its money is in the books.
    POSTED = "posted"
    # Of an earlier round, and its money is not in the books.
    STRAY = "stray"


class Verdict(StrEnum):
    """How a dispute was decided."""

    HUNTER = "hunter"
    POSTER = "poster"
    SPLIT = "split"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at: the escrow's flags, then the command."""

    is_for_honor: bool = False
    is_card: bool = False
    has_dispute: bool = False
    has_chargeback: bool = False
    is_chargeback_lost: bool = False
    # Money of this round was given back, so that a refund can fail.
    has_refund: bool = False

    # This very refund was told to have failed before.
    is_known: bool = False
    has_funds: bool = True
    intent: Intent = Intent.CURRENT
    # Less arrived than the price.
    is_short: bool = False
    verdict: Verdict = Verdict.HUNTER
    # A refund that was agreed to be less than the whole.
    is_part: bool = False
