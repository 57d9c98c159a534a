"""What people are told while they are away (contract realtime §6).

A decision says that it happened, to whom, and under which key it happens once; what becomes of it,
a bell, a push or a mail, is for the notification area to decide.
"""

from __future__ import annotations

from enum import StrEnum


class Notice(StrEnum):
    """The kinds of notices, each one row of the contract's table of triggers."""

    MESSAGE = "message"
    APPLICATION = "application"
    ACCEPTANCE = "acceptance"
    REJECTION = "rejection"
    BOUNTY_UPDATE = "update"
    WORK_READY = "work_ready"
    REVIEW_NEEDED = "review_needed"
    WORK_APPROVED = "work_approved"
    REVISION_REQUESTED = "revision_requested"
    RATING_PROMPT = "rating_prompt"
    CANCELLED = "cancellation"
    CANCELLATION_REQUEST = "cancellation_request"
    CANCELLATION_ACCEPTED = "cancellation_accepted"
    CANCELLATION_REJECTED = "cancellation_rejected"
    PAYMENT_RECEIVED = "payment_received"
    ESCROW_RECEIPT = "escrow_receipt"
    DEPOSIT_SUCCEEDED = "balance_update"
    DEPOSIT_FAILED = "deposit_failed"
    DEPOSIT_REFUNDED = "deposit_refunded"
    PAYOUT = "payout"
    TRANSFER = "transfer"
    CONNECT = "connect"
    CHARGEBACK = "chargeback"
    DISPUTE = "dispute"
    DISPUTE_ESCALATED = "dispute_escalated"
    STALE_BOUNTY = "stale_bounty"
    STALE_CANCELLED = "stale_bounty_cancelled"
    STALE_REPOSTED = "stale_bounty_reposted"
    BOUNTY_EXPIRED = "bounty_expiry"
    BOUNTY_NEARBY = "bounty_nearby"
    BOUNTY_REMOVED = "bounty_removed"
    SEARCH_ALERT = "search_alert"
    FOLLOW = "follow"
    REPORT = "new_report"
    VERIFICATION = "verification"


class Audience(StrEnum):
    """Who is told where nobody is named: found when the notice is carried out."""

    ADMINS = "admins"
    # Those who live where the bounty is (data: ``bountyId``).
    NEARBY = "nearby"
