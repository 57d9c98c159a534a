"""What people hear of their own money, each on their own stream (contract realtime §4.6)."""

from __future__ import annotations

from typing import Literal

import msgspec

from bountyexpo.domain.events import Event, Stream, event

USER = Stream.USER


@event("wallet.balance", USER)
class WalletBalance(Event, frozen=True, kw_only=True):
    """The balance after a change of the ledger; of two versions the higher one counts."""

    available_cents: int
    held_cents: int
    pending_cents: int
    currency: str
    version: int


@event("wallet.transaction", USER)
class WalletTransaction(Event, frozen=True, kw_only=True):
    """The wallet's list has a new row."""

    transaction_id: str
    transaction_type: str
    amount_cents: int
    method: str | None
    bounty_id: str | None
    status: str


class EscrowEvent(Event, frozen=True, kw_only=True):
    """What happened to the price of a bounty."""

    bounty_id: str
    amount_cents: int


@event("escrow.held", USER)
class EscrowHeld(EscrowEvent, frozen=True, kw_only=True):
    """The price of a bounty waits in escrow."""

    status: Literal["held"] = "held"


@event("escrow.released", USER)
class EscrowReleased(EscrowEvent, frozen=True, kw_only=True):
    """The hunter was paid from the escrow."""

    status: Literal["released"] = "released"


@event("escrow.refunded", USER)
class EscrowRefunded(EscrowEvent, frozen=True, kw_only=True):
    """The poster has got the price back."""

    status: Literal["refunded"] = "refunded"


class PayoutEvent(Event, frozen=True, kw_only=True):
    """What happened to a withdrawal."""

    withdrawal_id: str
    payout_id: str | None
    amount_cents: int


@event("payout.paid", USER)
class PayoutPaid(PayoutEvent, frozen=True, kw_only=True):
    """The bank has the money."""

    status: Literal["paid"] = "paid"


@event("payout.failed", USER)
class PayoutFailed(PayoutEvent, frozen=True, kw_only=True):
    """The money did not reach the bank and is in the wallet again."""

    status: Literal["failed"] = "failed"
    reason: str | None = None


@event("connect.updated", USER)
class ConnectUpdated(Event, frozen=True, kw_only=True):
    """The account that earnings are paid into can be used, or can no longer."""

    account_id: str | None
    status: str
    are_payouts_enabled: bool = msgspec.field(name="payoutsEnabled")
    reason: str | None = None


class PaymentEvent(Event, frozen=True, kw_only=True):
    """What happened to a deposit."""

    payment_id: str
    payment_intent_id: str | None
    amount_cents: int


@event("payment.succeeded", USER)
class PaymentSucceeded(PaymentEvent, frozen=True, kw_only=True):
    """The money is in the wallet."""

    status: Literal["succeeded"] = "succeeded"


@event("payment.failed", USER)
class PaymentFailed(PaymentEvent, frozen=True, kw_only=True):
    """The card was refused, and why; another one may be tried."""

    status: Literal["failed"] = "failed"
    reason: str | None = None


@event("payment.action_required", USER)
class PaymentActionRequired(PaymentEvent, frozen=True, kw_only=True):
    """The bank wants the payer to confirm."""

    status: Literal["action_required"] = "action_required"
