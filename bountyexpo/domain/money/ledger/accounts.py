"""The accounts of the ledger: sixteen kinds, who owns one, and which balances it may have.

Signed cents, seen from the platform: positive is owed or earned, negative is an asset or a cost
(contract money §1.6, data-model B.4).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class AccountKind(StrEnum):
    """What an account holds; the value is its name in storage."""

    USER_AVAILABLE = "user_available"
    USER_HELD = "user_held"
    USER_DEBT = "user_debt"
    BOUNTY_ESCROW = "bounty_escrow"
    BOUNTY_ESCROW_FROZEN = "bounty_escrow_frozen"
    WITHDRAWAL_IN_FLIGHT = "withdrawal_in_flight"
    STRIPE_PLATFORM = "stripe_platform"
    STRIPE_CONNECT = "stripe_connect"
    STRIPE_DISPUTE_WITHHELD = "stripe_dispute_withheld"
    PLATFORM_FEES = "platform_fees"
    PLATFORM_INSTANT_FEES = "platform_instant_fees"
    PLATFORM_STRIPE_FEES = "platform_stripe_fees"
    PLATFORM_DISPUTE_FEES = "platform_dispute_fees"
    PLATFORM_WRITEOFF = "platform_writeoff"
    PLATFORM_ADJUSTMENTS = "platform_adjustments"
    PLATFORM_OPENING = "platform_opening"


class Sign(StrEnum):
    """Which balances an account may have."""

    NON_NEGATIVE = "non_negative"
    NON_POSITIVE = "non_positive"
    ANY = "any"

    def allows(self, cents: int) -> bool:
        """Tell whether ``cents`` may be the balance."""
        if self is Sign.ANY:
            return True
        return cents >= 0 if self is Sign.NON_NEGATIVE else cents <= 0


class Owner(StrEnum):
    """Whose account it is; a singleton belongs to the platform."""

    USER = "user"
    BOUNTY = "bounty"
    WITHDRAWAL = "withdrawal"
    STRIPE_ACCOUNT = "stripe_account"
    PLATFORM = "platform"


class Rule(msgspec.Struct, frozen=True):
    """The sign and the kind of owner that an account kind demands, and its name in the contract."""

    sign: Sign
    owner: Owner
    name: str


RULES: Final[Mapping[AccountKind, Rule]] = {
    AccountKind.USER_AVAILABLE: Rule(Sign.NON_NEGATIVE, Owner.USER, "user:{}:available"),
    AccountKind.USER_HELD: Rule(Sign.NON_NEGATIVE, Owner.USER, "user:{}:held"),
    AccountKind.USER_DEBT: Rule(Sign.NON_POSITIVE, Owner.USER, "user:{}:debt"),
    AccountKind.BOUNTY_ESCROW: Rule(Sign.NON_NEGATIVE, Owner.BOUNTY, "bounty:{}:escrow"),
    AccountKind.BOUNTY_ESCROW_FROZEN: Rule(
        Sign.NON_NEGATIVE, Owner.BOUNTY, "bounty:{}:escrow_frozen"
    ),
    AccountKind.WITHDRAWAL_IN_FLIGHT: Rule(
        Sign.NON_NEGATIVE, Owner.WITHDRAWAL, "withdrawal:{}:in_flight"
    ),
    # Meant to be zero or less. It repeats what the provider says, and a chargeback can take more
    # than is there: such a fact must be booked, so the auditor reports it and nothing refuses it.
    AccountKind.STRIPE_PLATFORM: Rule(Sign.ANY, Owner.PLATFORM, "stripe:platform"),
    AccountKind.STRIPE_CONNECT: Rule(Sign.NON_POSITIVE, Owner.STRIPE_ACCOUNT, "stripe:connect:{}"),
    AccountKind.STRIPE_DISPUTE_WITHHELD: Rule(
        Sign.NON_POSITIVE, Owner.PLATFORM, "stripe:dispute_withheld"
    ),
    AccountKind.PLATFORM_FEES: Rule(Sign.NON_NEGATIVE, Owner.PLATFORM, "platform:fees"),
    AccountKind.PLATFORM_INSTANT_FEES: Rule(
        Sign.NON_NEGATIVE, Owner.PLATFORM, "platform:instant_fees"
    ),
    AccountKind.PLATFORM_STRIPE_FEES: Rule(
        Sign.NON_POSITIVE, Owner.PLATFORM, "platform:stripe_fees"
    ),
    AccountKind.PLATFORM_DISPUTE_FEES: Rule(
        Sign.NON_POSITIVE, Owner.PLATFORM, "platform:dispute_fees"
    ),
    AccountKind.PLATFORM_WRITEOFF: Rule(Sign.NON_POSITIVE, Owner.PLATFORM, "platform:writeoff"),
    AccountKind.PLATFORM_ADJUSTMENTS: Rule(Sign.ANY, Owner.PLATFORM, "platform:adjustments"),
    AccountKind.PLATFORM_OPENING: Rule(Sign.ANY, Owner.PLATFORM, "platform:opening"),
}


class Account(msgspec.Struct, frozen=True):
    """One account, named by its kind and its owner; a singleton has no owner id."""

    kind: AccountKind
    owner_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse an owner where there is none, and the reverse."""
        assert (self.owner_id is None) is (RULES[self.kind].owner is Owner.PLATFORM)

    @property
    def rule(self) -> Rule:
        """What its kind demands."""
        return RULES[self.kind]

    @property
    def user_id(self) -> str | None:
        """The user whose money this is, or None."""
        return self.owner_id if self.rule.owner is Owner.USER else None

    def __str__(self) -> str:
        return self.rule.name.format(self.owner_id)


STRIPE = Account(AccountKind.STRIPE_PLATFORM)
WITHHELD = Account(AccountKind.STRIPE_DISPUTE_WITHHELD)
FEES = Account(AccountKind.PLATFORM_FEES)
INSTANT_FEES = Account(AccountKind.PLATFORM_INSTANT_FEES)
STRIPE_FEES = Account(AccountKind.PLATFORM_STRIPE_FEES)
DISPUTE_FEES = Account(AccountKind.PLATFORM_DISPUTE_FEES)
WRITEOFF = Account(AccountKind.PLATFORM_WRITEOFF)
ADJUSTMENTS = Account(AccountKind.PLATFORM_ADJUSTMENTS)
OPENING = Account(AccountKind.PLATFORM_OPENING)


def available(user_id: str) -> Account:
    """The spendable money of a user."""
    return Account(AccountKind.USER_AVAILABLE, user_id)


def held(user_id: str) -> Account:
    """The part of a user's money that is held back."""
    return Account(AccountKind.USER_HELD, user_id)


def debt(user_id: str) -> Account:
    """What a user owes the platform, as a negative amount."""
    return Account(AccountKind.USER_DEBT, user_id)


def escrow(bounty_id: str) -> Account:
    """The locked price of a bounty."""
    return Account(AccountKind.BOUNTY_ESCROW, bounty_id)


def escrow_frozen(bounty_id: str) -> Account:
    """The same money while a dispute is open."""
    return Account(AccountKind.BOUNTY_ESCROW_FROZEN, bounty_id)


def in_flight(withdrawal_id: str) -> Account:
    """What has left the wallet and is not yet confirmed at the bank."""
    return Account(AccountKind.WITHDRAWAL_IN_FLIGHT, withdrawal_id)


def connect(stripe_account_id: str) -> Account:
    """Our money in a connected account, as a negative amount, until it is paid out."""
    return Account(AccountKind.STRIPE_CONNECT, stripe_account_id)
