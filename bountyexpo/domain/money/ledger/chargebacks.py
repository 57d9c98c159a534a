"""Chargebacks, refunds of deposits and reserves, as transfers (money §1.6, rules 20 to 23, 26).

A card network can take back money that its user has spent. What is there is held, what is not
there becomes a debt, and an available balance never goes below zero. The provider says four things
about a chargeback, in any order it likes: that it is open, that the money was withdrawn, how it
ended, and that the money is back; each is a transfer of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.money.ledger.accounts import (
    DISPUTE_FEES,
    STRIPE,
    WITHHELD,
    available,
    debt,
    escrow,
    escrow_frozen,
    held,
)
from bountyexpo.domain.money.ledger.holds import Hold, HoldKind, place
from bountyexpo.domain.money.ledger.transfers import Kind, Transfer, entry
from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from datetime import datetime


def chargeback_opened(
    *, chargeback_id: str, user_id: str, amount_cents: int, available_cents: int
) -> Transfer:
    """Rule 20: as much as is there of the disputed deposit is held. Freeze the account, too."""
    hold = place(
        HoldKind.CHARGEBACK,
        chargeback_id,
        user_id,
        wanted_cents=amount_cents,
        available_cents=available_cents,
    )
    return entry(
        Kind.CHARGEBACK_OPEN,
        f"chargeback:{chargeback_id}:open",
        ("chargeback", chargeback_id),
        amount_cents,
        (available(user_id), -hold.amount_cents),
        (held(user_id), hold.amount_cents),
        is_balance_bound=True,
        hold=hold,
    )


def chargeback_opened_on_escrow(
    *, chargeback_id: str, bounty_id: str, escrow_cents: int
) -> Transfer:
    """Rule 20: the disputed payment is still in escrow; that is frozen instead of a wallet."""
    return entry(
        Kind.CHARGEBACK_OPEN,
        f"chargeback:{chargeback_id}:open",
        ("chargeback", chargeback_id),
        escrow_cents,
        (escrow(bounty_id), -escrow_cents),
        (escrow_frozen(bounty_id), escrow_cents),
    )


def chargeback_funds_withdrawn(*, chargeback_id: str, amount_cents: int) -> Transfer:
    """Rule 20: the card network has taken the money from us for the time being."""
    return entry(
        Kind.CHARGEBACK_WITHDRAWN,
        f"chargeback:{chargeback_id}:withdrawn",
        ("chargeback", chargeback_id),
        amount_cents,
        (STRIPE, amount_cents),
        (WITHHELD, -amount_cents),
    )


def chargeback_won(*, hold: Hold) -> Transfer:
    """Rule 21: the user's money is free again."""
    return entry(
        Kind.CHARGEBACK_WON,
        f"chargeback:{hold.reference_id}:won",
        ("chargeback", hold.reference_id),
        hold.wanted_cents,
        (held(hold.user_id), -hold.amount_cents),
        (available(hold.user_id), hold.amount_cents),
        hold=hold.released(),
    )


def chargeback_won_on_escrow(*, chargeback_id: str, bounty_id: str, escrow_cents: int) -> Transfer:
    """Rule 21: the escrow can be settled again."""
    return entry(
        Kind.CHARGEBACK_WON,
        f"chargeback:{chargeback_id}:won",
        ("chargeback", chargeback_id),
        escrow_cents,
        (escrow_frozen(bounty_id), -escrow_cents),
        (escrow(bounty_id), escrow_cents),
    )


def chargeback_funds_reinstated(*, chargeback_id: str, amount_cents: int) -> Transfer:
    """Rule 21: the card network has given the money back."""
    return entry(
        Kind.CHARGEBACK_REINSTATED,
        f"chargeback:{chargeback_id}:reinstated",
        ("chargeback", chargeback_id),
        amount_cents,
        (STRIPE, -amount_cents),
        (WITHHELD, amount_cents),
    )


def chargeback_lost(*, hold: Hold) -> Transfer:
    """Rule 22: what was held is taken, and the user owes the rest."""
    return entry(
        Kind.CHARGEBACK_LOST,
        f"chargeback:{hold.reference_id}:lost",
        ("chargeback", hold.reference_id),
        hold.wanted_cents,
        (held(hold.user_id), -hold.amount_cents),
        (debt(hold.user_id), hold.amount_cents - hold.wanted_cents),
        (WITHHELD, hold.wanted_cents),
        hold=hold.consumed(),
    )


def chargeback_lost_on_escrow(
    *, chargeback_id: str, bounty_id: str, poster_id: str, amount_cents: int, frozen_cents: int
) -> Transfer:
    """Rule 22: the frozen escrow is consumed first, and the poster owes the rest."""
    consumed_cents = min(frozen_cents, amount_cents)
    return entry(
        Kind.CHARGEBACK_LOST,
        f"chargeback:{chargeback_id}:lost",
        ("chargeback", chargeback_id),
        amount_cents,
        (escrow_frozen(bounty_id), -consumed_cents),
        (debt(poster_id), consumed_cents - amount_cents),
        (WITHHELD, amount_cents),
    )


def chargeback_rest_returned(
    *, chargeback_id: str, bounty_id: str, poster_id: str, rest_cents: int
) -> Transfer:
    """Rule 22: what a lost chargeback leaves of a frozen escrow goes back to the poster."""
    return entry(
        Kind.REFUND,
        f"chargeback:{chargeback_id}:rest",
        ("bounty", bounty_id),
        rest_cents,
        (escrow_frozen(bounty_id), -rest_cents),
        (available(poster_id), rest_cents),
    )


def chargeback_fee_charged(*, chargeback_id: str, fee_cents: int) -> Transfer:
    """Rule 22: the provider charges us for a lost chargeback."""
    return entry(
        Kind.CHARGEBACK_FEE,
        f"chargeback:{chargeback_id}:fee",
        ("chargeback", chargeback_id),
        fee_cents,
        (STRIPE, fee_cents),
        (DISPUTE_FEES, -fee_cents),
    )


def deposit_refunded(
    *, refund_id: str, user_id: str, amount_cents: int, available_cents: int
) -> Transfer:
    """Rule 23: a deposit went back to the card; what is spent of it becomes a debt."""
    there_cents = max(0, min(amount_cents, available_cents))
    return entry(
        Kind.CARD_REFUND,
        f"refund:{refund_id}",
        ("refund", refund_id),
        amount_cents,
        (STRIPE, amount_cents),
        (available(user_id), -there_cents),
        (debt(user_id), there_cents - amount_cents),
        is_balance_bound=True,
    )


def reserve_set(
    *,
    reserve_id: str,
    user_id: str,
    amount_cents: int,
    available_cents: int,
    expires_at: datetime | None = None,
) -> Transfer:
    """Rule 26: a risky user's money is held for some time, as much as there is of it."""
    hold = place(
        HoldKind.RISK_RESERVE,
        reserve_id,
        user_id,
        wanted_cents=amount_cents,
        available_cents=available_cents,
        expires_at=expires_at,
    )
    return entry(
        Kind.RESERVE,
        f"reserve:{reserve_id}",
        ("reserve", reserve_id),
        amount_cents,
        (available(user_id), -hold.amount_cents),
        (held(user_id), hold.amount_cents),
        is_balance_bound=True,
        hold=hold,
    )


def reserve_released(*, hold: Hold) -> Transfer:
    """Rule 26: the reserve is given back.

    Raises:
        InvalidRequest: the hold is not a reserve.
    """
    if hold.kind is not HoldKind.RISK_RESERVE:
        raise InvalidRequest("Only a reserve can be released.", code="not_a_reserve")
    return entry(
        Kind.RESERVE_RELEASE,
        f"reserve:{hold.reference_id}:release",
        ("reserve", hold.reference_id),
        hold.wanted_cents,
        (held(hold.user_id), -hold.amount_cents),
        (available(hold.user_id), hold.amount_cents),
        hold=hold.released(),
    )
