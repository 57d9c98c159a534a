"""What the payee actor is asked, and what it answers."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from bountyexpo.integrations.stripe.accounts import Bank, DebitCard, Link
from bountyexpo.persistence.money.connect_accounts import ConnectAccount
from bountyexpo.persistence.money.withdrawals import Withdrawal
from bountyexpo.runtime import Message

# Where no client waits, a step may wait for the provider this long.
STEP_S: Final = 20.0


class PayeeKind:
    """Marks what may be said to the owner of somebody's payouts."""


class Destinations(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody is paid, and how many cents could be there at once."""

    banks: list[Bank]
    cards: list[DebitCard]
    instant_cents: int


class OpenedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A way into the provider's pages, and of which account."""

    account_id: str
    link: Link


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a withdrawal has come; ``is_repeat`` says that it was asked for before."""

    withdrawal: Withdrawal
    is_repeat: bool = False


class LookAtAccount(
    Message[PayeeKind, ConnectAccount], frozen=True, kw_only=True, tag="payee.look"
):
    """Ask the provider how the account stands; one that was never made is empty."""


class MakeAccount(Message[PayeeKind, ConnectAccount], frozen=True, kw_only=True, tag="payee.make"):
    """Have an account; the one that is there is returned."""


class OpenLink(Message[PayeeKind, OpenedLink], frozen=True, kw_only=True, tag="payee.link"):
    """Begin, or go on, to give one's details."""

    return_url: str
    refresh_url: str


class OpenLogin(Message[PayeeKind, str], frozen=True, kw_only=True, tag="payee.login"):
    """Look at one's account in the provider's pages; their address is the answer."""


class ListDestinations(
    Message[PayeeKind, Destinations], frozen=True, kw_only=True, tag="payee.destinations"
):
    """See where one is paid."""


class HearOfAccount(
    Message[PayeeKind, ConnectAccount], frozen=True, kw_only=True, tag="payee.account"
):
    """What a stored webhook said of an account; the inbox row is marked with what follows."""

    account_id: str
    is_gone: bool
    inbox_id: int


class RequestWithdrawal(
    Message[PayeeKind, Progress], frozen=True, kw_only=True, tag="payee.withdraw"
):
    """Have money paid out, to the destination that is named or the first choice."""

    amount_cents: int
    is_instant: bool
    destination_id: str | None
    idempotency_key: str | None
    request_hash: str


class RetryWithdrawal(Message[PayeeKind, Progress], frozen=True, kw_only=True, tag="payee.retry"):
    """Try again what has come back, by a withdrawal whose id the asker names."""

    retry_id: str
    withdrawal_id: str
    destination_id: str | None


class BeginRetry(
    Message[PayeeKind, Progress | None], frozen=True, kw_only=True, tag="payee.begin_retry"
):
    """Make the withdrawal that tries another one again; ``retry_id`` is its own id."""

    retry_id: str
    withdrawal_id: str


class CarryOut(Message[PayeeKind, Progress], frozen=True, kw_only=True, tag="payee.carry_out"):
    """Ask the provider what was left to be asked; or, in the end, only look at the payout."""

    withdrawal_id: str
    is_look: bool = False


class LookAgain(Message[PayeeKind, Progress], frozen=True, kw_only=True, tag="payee.look_again"):
    """Take up what has waited for too long."""

    withdrawal_id: str


class HearOfTransfer(Message[PayeeKind, Progress], frozen=True, kw_only=True, tag="payee.transfer"):
    """A stored webhook is about the transfer of a withdrawal."""

    withdrawal_id: str
    transfer_id: str
    inbox_id: int


class HearOfPayout(Message[PayeeKind, Progress], frozen=True, kw_only=True, tag="payee.payout"):
    """A stored webhook is about the payout of a withdrawal."""

    withdrawal_id: str
    payout_id: str
    inbox_id: int


PayeeMessage: TypeAlias = (
    LookAtAccount
    | MakeAccount
    | OpenLink
    | OpenLogin
    | ListDestinations
    | HearOfAccount
    | RequestWithdrawal
    | RetryWithdrawal
    | BeginRetry
    | CarryOut
    | LookAgain
    | HearOfTransfer
    | HearOfPayout
)
