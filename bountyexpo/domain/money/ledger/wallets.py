"""The business events of wallets and escrow, as transfers (contract money §1.6).

Each function returns one immutable transfer; nothing has moved until it is applied. Numbers in the
docstrings are the rules of the contract. Payouts are in ``ledger_payouts``, chargebacks and holds
in ``ledger_chargebacks``, and the list of all 27 rules in ``ledger_rules``.

A bounty that was settled may be funded again, and a refund to a card may fail after it was asked
for: each of these begins a new funding round, so that the keys of the old one stay used for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.amounts import check_cents
from bountyexpo.domain.money import fees
from bountyexpo.domain.money.ledger.accounts import (
    ADJUSTMENTS,
    FEES,
    OPENING,
    STRIPE,
    STRIPE_FEES,
    WRITEOFF,
    Account,
    available,
    debt,
    escrow,
    escrow_frozen,
    held,
    in_flight,
)
from bountyexpo.domain.money.ledger.transfers import Kind, Transfer, entry, pending
from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.domain.money.fees import Settlement


def deposit_captured(*, intent_id: str, user_id: str, amount_cents: int) -> Transfer:
    """Rule 1: a card deposit has arrived at the provider, so the user owns it."""
    return entry(
        Kind.DEPOSIT,
        deposit_key(intent_id),
        ("payment_intent", intent_id),
        amount_cents,
        (STRIPE, -amount_cents),
        (available(user_id), amount_cents),
    )


def processing_fee_known(*, balance_transaction_id: str, fee_cents: int) -> Transfer:
    """Rule 2: the provider has said what a payment has cost us."""
    return entry(
        Kind.STRIPE_FEE,
        f"stripefee:{balance_transaction_id}",
        ("balance_transaction", balance_transaction_id),
        fee_cents,
        (STRIPE, fee_cents),
        (STRIPE_FEES, -fee_cents),
    )


def escrow_held(
    *, bounty_id: str, poster_id: str, amount_cents: int, funding_round: int = 1
) -> Transfer:
    """Rule 3: the price of a bounty leaves the poster's wallet and is locked."""
    return entry(
        Kind.ESCROW,
        funding_key(bounty_id, funding_round),
        ("bounty", bounty_id),
        amount_cents,
        (available(poster_id), -amount_cents),
        (escrow(bounty_id), amount_cents),
    )


def escrow_funded_by_card(*, bounty_id: str, amount_cents: int, funding_round: int = 1) -> Transfer:
    """Rule 4: the price of a bounty was paid by card and is locked."""
    return entry(
        Kind.ESCROW_BY_CARD,
        funding_key(bounty_id, funding_round),
        ("bounty", bounty_id),
        amount_cents,
        (STRIPE, -amount_cents),
        (escrow(bounty_id), amount_cents),
    )


def escrow_released(
    *, bounty_id: str, hunter_id: str, amount_cents: int, fee_bps: int, funding_round: int = 1
) -> Transfer:
    """Rule 5: the hunter is paid from escrow, less the fee; the key excludes a refund too."""
    paid = fees.release(check_cents(amount_cents), fee_bps)
    key = settlement_key(bounty_id, funding_round)
    return _release(Kind.RELEASE, key, bounty_id, available(hunter_id), paid)


def escrow_released_to_connect(
    *,
    bounty_id: str,
    withdrawal_id: str,
    amount_cents: int,
    fee_bps: int,
    funding_round: int = 1,
) -> Transfer:
    """Rule 6: the hunter is paid straight to their connected account, by a withdrawal."""
    paid = fees.release(check_cents(amount_cents), fee_bps)
    key = settlement_key(bounty_id, funding_round)
    return _release(Kind.RELEASE_TO_CONNECT, key, bounty_id, in_flight(withdrawal_id), paid)


def release_imported(*, bounty_id: str, to: Account, parts: Settlement) -> Transfer:
    """Rule 5 or 6 as it was in the old app, with the fee that was really taken."""
    is_wallet = to.user_id is not None
    kind = Kind.RELEASE if is_wallet else Kind.RELEASE_TO_CONNECT
    return _release(kind, settlement_key(bounty_id, 1), bounty_id, to, parts)


def escrow_refunded(
    *, bounty_id: str, poster_id: str, amount_cents: int, funding_round: int = 1
) -> Transfer:
    """Rule 7: the whole price goes back to the poster's wallet."""
    return entry(
        Kind.REFUND,
        settlement_key(bounty_id, funding_round),
        ("bounty", bounty_id),
        amount_cents,
        (escrow(bounty_id), -amount_cents),
        (available(poster_id), amount_cents),
    )


def escrow_refund_requested(
    *,
    bounty_id: str,
    amount_cents: int,
    funding_round: int = 1,
    expires_at: datetime | None = None,
) -> Transfer:
    """Rule 8: the whole price is to go back to the card; pending until the provider has spoken."""
    refund = entry(
        Kind.REFUND_TO_CARD,
        settlement_key(bounty_id, funding_round),
        ("bounty", bounty_id),
        amount_cents,
        (escrow(bounty_id), -amount_cents),
        (STRIPE, amount_cents),
    )
    return pending(refund, expires_at=expires_at)


def escrow_settled(
    *,
    bounty_id: str,
    poster_id: str,
    hunter_id: str | None,
    parts: Settlement,
    funding_round: int = 1,
) -> Transfer:
    """Rule 9: the price is split between the two sides, fees named; nothing is left over.

    Raises:
        InvalidRequest: a part is for a hunter whom there is not.
    """
    lines = [
        (escrow(bounty_id), -parts.amount_cents),
        (available(poster_id), parts.refund_cents),
        (FEES, parts.fee_cents + parts.cancellation_fee_cents),
    ]
    if hunter_id is not None:
        lines.append((available(hunter_id), parts.hunter_cents))
    elif parts.hunter_cents:
        raise InvalidRequest("There is no hunter to pay.", code="no_hunter")
    return entry(
        Kind.SETTLEMENT,
        settlement_key(bounty_id, funding_round),
        ("bounty", bounty_id),
        parts.amount_cents,
        *lines,
    )


def dispute_opened(*, dispute_id: str, bounty_id: str, amount_cents: int) -> Transfer:
    """Rule 18: nobody can settle the escrow while a dispute is open; no wallet is touched."""
    return entry(
        Kind.DISPUTE_FREEZE,
        f"dispute:{dispute_id}:freeze",
        ("dispute", dispute_id),
        amount_cents,
        (escrow(bounty_id), -amount_cents),
        (escrow_frozen(bounty_id), amount_cents),
    )


def dispute_closed(*, dispute_id: str, bounty_id: str, amount_cents: int) -> Transfer:
    """Rule 19: the dispute is over; a decision settles the escrow in the same transaction."""
    return entry(
        Kind.DISPUTE_THAW,
        f"dispute:{dispute_id}:thaw",
        ("dispute", dispute_id),
        amount_cents,
        (escrow_frozen(bounty_id), -amount_cents),
        (escrow(bounty_id), amount_cents),
    )


def balance_adjusted(*, request_id: str, user_id: str, amount_cents: int) -> Transfer:
    """Rule 24: an admin gives money to a user, or takes some (a negative amount)."""
    return entry(
        Kind.ADJUSTMENT,
        f"adjust:{request_id}",
        ("adjustment", request_id),
        abs(amount_cents),
        (available(user_id), amount_cents),
        (ADJUSTMENTS, -amount_cents),
    )


def debt_written_off(*, writeoff_id: str, user_id: str, amount_cents: int) -> Transfer:
    """Rule 25: the platform bears what a user will not pay back."""
    return entry(
        Kind.WRITEOFF,
        f"writeoff:{writeoff_id}",
        ("writeoff", writeoff_id),
        amount_cents,
        (debt(user_id), amount_cents),
        (WRITEOFF, -amount_cents),
    )


def balance_imported(*, user_id: str, balance_cents: int, held_cents: int = 0) -> Transfer:
    """Rule 27: a user brings the balance of the old wallet, which included what was held.

    Raises:
        InvalidRequest: more is held than there is; such a row needs an eye on it first.
    """
    if not 0 <= held_cents <= balance_cents:
        raise InvalidRequest(
            "An imported balance must cover what is held of it.", code="invalid_opening"
        )
    return entry(
        Kind.OPENING,
        f"opening:{user_id}",
        ("user", user_id),
        balance_cents,
        (OPENING, -balance_cents),
        (available(user_id), balance_cents - held_cents),
        (held(user_id), held_cents),
    )


def account_imported(*, account: Account, amount_cents: int) -> Transfer:
    """Rule 27 for an account of another kind, such as an escrow that was funded in the old app."""
    return entry(
        Kind.OPENING,
        f"opening:{account}",
        ("account", str(account)),
        abs(amount_cents),
        (OPENING, -amount_cents),
        (account, amount_cents),
    )


def _release(kind: Kind, key: str, bounty_id: str, to: Account, paid: Settlement) -> Transfer:
    return entry(
        kind,
        key,
        ("bounty", bounty_id),
        paid.amount_cents,
        (escrow(bounty_id), -paid.amount_cents),
        (to, paid.hunter_cents),
        (FEES, paid.fee_cents),
    )


def deposit_key(intent_id: str) -> str:
    """Return the one key under which what an intent has brought is booked."""
    return f"deposit:{intent_id}"


def funding_key(bounty_id: str, funding_round: int) -> str:
    """Return the one key under which a round is funded, from whatever source."""
    return _in_round("escrow", bounty_id, funding_round)


def settlement_key(bounty_id: str, funding_round: int) -> str:
    """Return the one key under which a round is settled, in whatever way."""
    return _in_round("settle", bounty_id, funding_round)


def _in_round(word: str, bounty_id: str, funding_round: int) -> str:
    """Return the business key of a round; that of the first is the contract's."""
    assert funding_round >= 1
    key = f"{word}:{bounty_id}"
    return key if funding_round == 1 else f"{key}:{funding_round}"
