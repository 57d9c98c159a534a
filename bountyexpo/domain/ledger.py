"""The double-entry ledger as pure data: accounts, transfers, and a function per business event.

Signed cents, seen from the platform: positive is owed or earned, negative is an asset or a
cost; the entries of a transfer always sum to zero. The business key makes an event happen at
most once, for ever. Numbers in the docstrings are the rules of contract money §1.6.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.money import share

if TYPE_CHECKING:
    from collections.abc import Mapping


class AccountKind(StrEnum):
    """What an account holds; the value is its name in storage (contract data-model B.4)."""

    USER_AVAILABLE = "user_available"
    USER_HELD = "user_held"
    USER_DEBT = "user_debt"
    BOUNTY_ESCROW = "bounty_escrow"
    STRIPE_PLATFORM = "stripe_platform"
    PLATFORM_FEES = "platform_fees"


class Sign(StrEnum):
    """Which balances an account may have."""

    NON_NEGATIVE = "non_negative"
    NON_POSITIVE = "non_positive"
    ANY = "any"


class Owner(StrEnum):
    """Whose account it is; a singleton belongs to the platform."""

    USER = "user"
    BOUNTY = "bounty"
    PLATFORM = "platform"


class Rule(msgspec.Struct, frozen=True):
    """The sign and the kind of owner that an account kind demands."""

    sign: Sign
    owner: Owner


RULES: Final[Mapping[AccountKind, Rule]] = {
    AccountKind.USER_AVAILABLE: Rule(Sign.NON_NEGATIVE, Owner.USER),
    AccountKind.USER_HELD: Rule(Sign.NON_NEGATIVE, Owner.USER),
    AccountKind.USER_DEBT: Rule(Sign.NON_POSITIVE, Owner.USER),
    AccountKind.BOUNTY_ESCROW: Rule(Sign.NON_NEGATIVE, Owner.BOUNTY),
    AccountKind.STRIPE_PLATFORM: Rule(Sign.NON_POSITIVE, Owner.PLATFORM),
    AccountKind.PLATFORM_FEES: Rule(Sign.NON_NEGATIVE, Owner.PLATFORM),
}


class Account(msgspec.Struct, frozen=True):
    """One account, named by its kind and its owner; a singleton has no owner id."""

    kind: AccountKind
    owner_id: str | None = None


class Posting(msgspec.Struct, frozen=True):
    """One line of a transfer, in signed cents."""

    account: Account
    amount_cents: int


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One business event, as lines that sum to zero."""

    kind: str
    business_key: str
    reference_type: str
    reference_id: str
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        """Refuse a transfer that would unbalance the books; such a rule is a defect."""
        assert len(self.postings) >= 2
        assert sum(posting.amount_cents for posting in self.postings) == 0
        assert all(posting.amount_cents for posting in self.postings)


STRIPE = Account(AccountKind.STRIPE_PLATFORM)
FEES = Account(AccountKind.PLATFORM_FEES)


def available(user_id: str) -> Account:
    """The spendable money of a user."""
    return Account(AccountKind.USER_AVAILABLE, user_id)


def escrow(bounty_id: str) -> Account:
    """The locked price of a bounty."""
    return Account(AccountKind.BOUNTY_ESCROW, bounty_id)


def deposit_captured(*, intent_id: str, user_id: str, amount_cents: int) -> Transfer:
    """Rule 1: a card deposit has arrived at the provider, so the user owns it."""
    assert amount_cents > 0
    return Transfer(
        kind="deposit",
        business_key=f"deposit:{intent_id}",
        reference_type="payment_intent",
        reference_id=intent_id,
        postings=(
            Posting(STRIPE, -amount_cents),
            Posting(available(user_id), amount_cents),
        ),
    )


def escrow_held(*, bounty_id: str, poster_id: str, amount_cents: int) -> Transfer:
    """Rule 3: the price of a bounty leaves the poster's wallet and is locked."""
    assert amount_cents > 0
    return Transfer(
        kind="escrow",
        business_key=f"escrow:{bounty_id}",
        reference_type="bounty",
        reference_id=bounty_id,
        postings=(
            Posting(available(poster_id), -amount_cents),
            Posting(escrow(bounty_id), amount_cents),
        ),
    )


def escrow_released(*, bounty_id: str, hunter_id: str, amount_cents: int, fee_bps: int) -> Transfer:
    """Rule 5: the hunter is paid from escrow, less the fee; the key excludes a refund too."""
    assert amount_cents > 0
    fee_cents = share(amount_cents, fee_bps)
    lines = (
        (escrow(bounty_id), -amount_cents),
        (available(hunter_id), amount_cents - fee_cents),
        (FEES, fee_cents),
    )
    return Transfer(
        kind="release",
        business_key=f"settle:{bounty_id}",
        reference_type="bounty",
        reference_id=bounty_id,
        postings=tuple(Posting(account, cents) for account, cents in lines if cents),
    )
