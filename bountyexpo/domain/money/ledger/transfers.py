"""Transfers: what is written into the ledger, once, and never changed.

A transfer is one business event as lines that sum to zero. Its business key makes the event happen
at most once, for ever. It is posted at once, or it is pending: then it moves nothing, but the money
it will take is reserved until a second transfer posts it, voids it or lets it expire. What is
written stays; a correction is a reversal.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import msgspec

from bountyexpo.domain.amounts import CURRENCY, check_cents, check_currency
from bountyexpo.domain.money.ledger.accounts import Account, Sign
from bountyexpo.domain.money.ledger.holds import Hold
from bountyexpo.errors import Conflict, InvalidRequest


class Kind(StrEnum):
    """What happened; the numbers are the rules of contract money §1.6."""

    DEPOSIT = "deposit"  # 1
    DEBT_RECOVERY = "debt_recovery"  # 1, second entry
    STRIPE_FEE = "stripe_fee"  # 2
    ESCROW = "escrow"  # 3
    ESCROW_BY_CARD = "escrow_by_card"  # 4
    RELEASE = "release"  # 5
    RELEASE_TO_CONNECT = "release_to_connect"  # 6
    REFUND = "refund"  # 7
    REFUND_TO_CARD = "refund_to_card"  # 8
    SETTLEMENT = "settlement"  # 9
    WITHDRAWAL = "withdrawal"  # 10
    TRANSFER = "transfer"  # 11
    PAYOUT = "payout"  # 12
    WITHDRAWAL_VOID = "withdrawal_void"  # 13
    TRANSFER_REVERSAL = "transfer_reversal"  # 14, 15
    MANUAL_SETTLEMENT = "manual_settlement"  # 16
    INSTANT_FEE = "instant_fee"  # 17
    DISPUTE_FREEZE = "dispute_freeze"  # 18
    DISPUTE_THAW = "dispute_thaw"  # 19
    CHARGEBACK_OPEN = "chargeback_open"  # 20
    CHARGEBACK_WITHDRAWN = "chargeback_withdrawn"  # 20
    CHARGEBACK_WON = "chargeback_won"  # 21
    CHARGEBACK_REINSTATED = "chargeback_reinstated"  # 21
    CHARGEBACK_LOST = "chargeback_lost"  # 22
    CHARGEBACK_FEE = "chargeback_fee"  # 22
    CARD_REFUND = "card_refund"  # 23
    ADJUSTMENT = "adjustment"  # 24
    WRITEOFF = "writeoff"  # 25
    RESERVE = "reserve"  # 26
    RESERVE_RELEASE = "reserve_release"  # 26
    OPENING = "opening"  # 27
    REVERSAL = "reversal"


class Phase(StrEnum):
    """What a transfer does: move money, reserve it, or give a reservation up."""

    POSTED = "posted"
    PENDING = "pending"
    VOIDED = "voided"
    EXPIRED = "expired"


class Posting(msgspec.Struct, frozen=True):
    """One line of a transfer, in signed cents."""

    account: Account
    amount_cents: int


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One business event; ``amount_cents`` is what it is about, whatever its lines are.

    The lines of a balance-bound event depend on what was there when it came, such as a card refund
    of money that is partly spent. A repetition of it is known by its amount and its people only.
    """

    kind: Kind
    business_key: str
    reference_type: str
    reference_id: str
    amount_cents: int
    postings: tuple[Posting, ...]
    currency: str = CURRENCY
    phase: Phase = Phase.POSTED
    # The pending transfer that this one ends.
    pending_key: str | None = None
    # The transfer that this one takes back.
    reverses_key: str | None = None
    expires_at: datetime | None = None
    is_balance_bound: bool = False
    # The hold as this transfer leaves it.
    hold: Hold | None = None

    def __post_init__(self) -> None:
        """Refuse a transfer that would unbalance the books; such a rule is a defect."""
        assert len(self.postings) != 1
        assert sum(posting.amount_cents for posting in self.postings) == 0
        assert all(posting.amount_cents for posting in self.postings)
        assert len({posting.account for posting in self.postings}) == len(self.postings)

    @property
    def users(self) -> tuple[str, ...]:
        """Whose money this is about, in order."""
        ids = {posting.account.user_id for posting in self.postings}
        if self.hold is not None:
            ids.add(self.hold.user_id)
        return tuple(sorted(user_id for user_id in ids if user_id is not None))

    @property
    def outflows(self) -> dict[Account, int]:
        """What it takes from accounts that must not go below zero."""
        return {
            posting.account: -posting.amount_cents
            for posting in self.postings
            if posting.amount_cents < 0 and posting.account.rule.sign is Sign.NON_NEGATIVE
        }

    @property
    def fingerprint(self) -> str:
        """What a repetition with the same key must have in common with the first."""
        lines = sorted((str(p.account), p.amount_cents) for p in self.postings)
        facts = (
            self.kind,
            self.business_key,
            self.phase,
            self.currency,
            self.amount_cents,
            self.users if self.is_balance_bound else lines,
        )
        return sha256(msgspec.json.encode(facts)).hexdigest()


def entry(
    kind: Kind,
    business_key: str,
    reference: tuple[str, str],
    amount_cents: int,
    *lines: tuple[Account, int],
    is_balance_bound: bool = False,
    hold: Hold | None = None,
) -> Transfer:
    """Return a posted transfer; lines of zero are left out.

    Raises:
        InvalidRequest: the amount is not a whole number of cents above zero.
    """
    reference_type, reference_id = reference
    return Transfer(
        kind=kind,
        business_key=business_key,
        reference_type=reference_type,
        reference_id=reference_id,
        amount_cents=check_cents(amount_cents),
        postings=tuple(Posting(account, cents) for account, cents in lines if cents),
        is_balance_bound=is_balance_bound,
        hold=hold,
    )


def in_currency(transfer: Transfer, currency: str) -> Transfer:
    """Return the transfer, if its money is in the one currency that balances are kept in.

    Raises:
        InvalidRequest: with code ``unsupported_currency``.
    """
    check_currency(currency)
    return msgspec.structs.replace(transfer, currency=currency.upper())


def pending(transfer: Transfer, *, expires_at: datetime | None = None) -> Transfer:
    """Return the transfer as an intention: its money is reserved, nothing has moved."""
    assert transfer.phase is Phase.POSTED
    return msgspec.structs.replace(transfer, phase=Phase.PENDING, expires_at=expires_at)


def post(intention: Transfer, amount_cents: int | None = None) -> Transfer:
    """Return the transfer that carries out a pending one; in part, the rest is free again.

    Raises:
        InvalidRequest: the part is more than the whole, or a part of more than two lines is asked.
    """
    assert intention.phase is Phase.PENDING
    postings = intention.postings
    whole_cents = intention.amount_cents
    part_cents = whole_cents if amount_cents is None else check_cents(amount_cents)
    if part_cents != whole_cents:
        if part_cents > whole_cents or len(postings) != 2:
            raise InvalidRequest(
                "Only a part of what was reserved can be taken.", code="invalid_part"
            )
        postings = tuple(
            Posting(line.account, part_cents if line.amount_cents > 0 else -part_cents)
            for line in postings
        )
    return msgspec.structs.replace(
        intention,
        business_key=f"{intention.business_key}:post",
        amount_cents=part_cents,
        postings=postings,
        phase=Phase.POSTED,
        pending_key=intention.business_key,
        expires_at=None,
    )


def void(intention: Transfer) -> Transfer:
    """Return the transfer that gives a pending one up."""
    return _given_up(intention, Phase.VOIDED, "void")


def expire(intention: Transfer, now: datetime) -> Transfer:
    """Return the transfer that ends a pending one whose time is over.

    Raises:
        Conflict: its time is not over, or it has no end.
    """
    if intention.expires_at is None or now < intention.expires_at:
        raise Conflict("This reservation has not expired.", code="not_expired")
    return _given_up(intention, Phase.EXPIRED, "expire")


def reversal(transfer: Transfer, *, reason: str = "reversal") -> Transfer:
    """Return the transfer that takes a posted one back, line by line; possible once."""
    assert transfer.phase is Phase.POSTED
    assert transfer.hold is None, "a hold is ended by the event that ends it"
    return Transfer(
        kind=Kind.REVERSAL,
        business_key=f"reverse:{transfer.business_key}",
        reference_type=reason,
        reference_id=transfer.reference_id,
        amount_cents=transfer.amount_cents,
        postings=tuple(Posting(line.account, -line.amount_cents) for line in transfer.postings),
        currency=transfer.currency,
        reverses_key=transfer.business_key,
    )


def _given_up(intention: Transfer, phase: Phase, word: str) -> Transfer:
    assert intention.phase is Phase.PENDING
    return msgspec.structs.replace(
        intention,
        business_key=f"{intention.business_key}:{word}",
        postings=(),
        phase=phase,
        pending_key=intention.business_key,
        expires_at=None,
    )
