"""The events of a withdrawal, as transfers (contract money §1.6, rules 10 to 17; §3.5).

Money leaves the wallet first, then it is moved to the connected account, then the bank pays it
out. It comes back to the wallet only when it is certain that it did not leave, or has returned.
"""

from __future__ import annotations

from bountyexpo.domain.money.ledger.accounts import (
    ADJUSTMENTS,
    INSTANT_FEES,
    STRIPE,
    available,
    connect,
    in_flight,
)
from bountyexpo.domain.money.ledger.transfers import Kind, Transfer, entry, reversal


def withdrawal_requested(*, withdrawal_id: str, user_id: str, amount_cents: int) -> Transfer:
    """Rule 10: the money is on its way and cannot be spent twice."""
    return entry(
        Kind.WITHDRAWAL,
        f"withdrawal:{withdrawal_id}",
        ("withdrawal", withdrawal_id),
        amount_cents,
        (available(user_id), -amount_cents),
        (in_flight(withdrawal_id), amount_cents),
    )


def withdrawal_debited_again(*, withdrawal_id: str, user_id: str, amount_cents: int) -> Transfer:
    """Rule 10 once more: what had come back is taken again, to be settled by hand."""
    return entry(
        Kind.WITHDRAWAL,
        f"withdrawal:{withdrawal_id}:again",
        ("withdrawal", withdrawal_id),
        amount_cents,
        (available(user_id), -amount_cents),
        (in_flight(withdrawal_id), amount_cents),
    )


def transfer_created(
    *, transfer_id: str, withdrawal_id: str, stripe_account_id: str, amount_cents: int
) -> Transfer:
    """Rule 11: the provider has moved the money to the connected account."""
    return entry(
        Kind.TRANSFER,
        f"transfer:{transfer_id}",
        ("withdrawal", withdrawal_id),
        amount_cents,
        (STRIPE, amount_cents),
        (connect(stripe_account_id), -amount_cents),
    )


def payout_paid(
    *, payout_id: str, withdrawal_id: str, stripe_account_id: str, amount_cents: int
) -> Transfer:
    """Rule 12: the bank has the money; the withdrawal is over."""
    return entry(
        Kind.PAYOUT,
        f"payout:{payout_id}:paid",
        ("withdrawal", withdrawal_id),
        amount_cents,
        (in_flight(withdrawal_id), -amount_cents),
        (connect(stripe_account_id), amount_cents),
    )


def payout_returned(paid: Transfer) -> Transfer:
    """A bank has sent a paid payout back: rule 12 is undone, and rule 14 can follow."""
    assert paid.kind is Kind.PAYOUT
    return reversal(paid, reason="payout_returned")


def payout_returned_in_part(
    *, payout_id: str, reversal_id: str, withdrawal_id: str, stripe_account_id: str, cents: int
) -> Transfer:
    """A part of a paid payout is on its way again, or what an earlier part has left of it."""
    return entry(
        Kind.PAYOUT,
        f"payout:{payout_id}:returned:{reversal_id}",
        ("withdrawal", withdrawal_id),
        cents,
        (connect(stripe_account_id), -cents),
        (in_flight(withdrawal_id), cents),
    )


def withdrawal_voided(*, withdrawal_id: str, user_id: str, amount_cents: int) -> Transfer:
    """Rule 13: it is certain that the provider did not move the money."""
    return entry(
        Kind.WITHDRAWAL_VOID,
        f"withdrawal:{withdrawal_id}:void",
        ("withdrawal", withdrawal_id),
        amount_cents,
        (in_flight(withdrawal_id), -amount_cents),
        (available(user_id), amount_cents),
    )


def transfer_reversed(
    *,
    reversal_id: str,
    withdrawal_id: str,
    user_id: str,
    stripe_account_id: str,
    amount_cents: int,
) -> Transfer:
    """Rules 14 and 15: the provider has taken the money back, all of it or a part."""
    return entry(
        Kind.TRANSFER_REVERSAL,
        f"reversal:{reversal_id}",
        ("withdrawal", withdrawal_id),
        amount_cents,
        (connect(stripe_account_id), amount_cents),
        (STRIPE, -amount_cents),
        (in_flight(withdrawal_id), -amount_cents),
        (available(user_id), amount_cents),
    )


def settled_by_hand(
    *, withdrawal_id: str, amount_cents: int, stripe_account_id: str | None = None
) -> Transfer:
    """Rule 16: the user was paid outside of the provider.

    With ``stripe_account_id`` there was a transfer, which was taken back.
    """
    lines = [(in_flight(withdrawal_id), -amount_cents), (ADJUSTMENTS, amount_cents)]
    if stripe_account_id is not None:
        lines += [(connect(stripe_account_id), amount_cents), (STRIPE, -amount_cents)]
    return entry(
        Kind.MANUAL_SETTLEMENT,
        f"manual:{withdrawal_id}",
        ("withdrawal", withdrawal_id),
        amount_cents,
        *lines,
    )


def instant_fee_charged(*, withdrawal_id: str, user_id: str, fee_cents: int) -> Transfer:
    """Rule 17: the hunter pays for an instant payout, on top of it, with rule 10 in one step.

    Its ``reversal`` gives the fee back where the payout was not instant in the end.
    """
    return entry(
        Kind.INSTANT_FEE,
        f"withdrawal:{withdrawal_id}:fee",
        ("withdrawal", withdrawal_id),
        fee_cents,
        (available(user_id), -fee_cents),
        (INSTANT_FEES, fee_cents),
    )
