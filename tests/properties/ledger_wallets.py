"""The base of random books: wallets, and what must hold whatever happens.

Webhooks come late, twice and in the wrong order. What is refused leaves no trace and may come again
later; what was booked is never booked again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
from bountyexpo.domain.money.ledger import chargebacks, wallets
from bountyexpo.domain.money.ledger.accounts import (
    RULES,
    Account,
    AccountKind,
    Sign,
    available,
    debt,
    escrow,
    escrow_frozen,
    held,
    in_flight,
)
from bountyexpo.domain.money.ledger.book import Balance, Book
from bountyexpo.domain.money.ledger.transfers import Kind, Phase, Transfer
from bountyexpo.errors import BountyExpoError
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

PEOPLE = ("anna", "ben", "carl")
CENTS = st.integers(1, 2_000_000)
PERSON = st.sampled_from(PEOPLE)
BPS = st.integers(0, 3_000)
NOW = datetime(2026, 1, 1, tzinfo=UTC)

SETTLING = {
    Kind.RELEASE,
    Kind.RELEASE_TO_CONNECT,
    Kind.REFUND,
    Kind.REFUND_TO_CARD,
    Kind.SETTLEMENT,
}
FUNDING = {Kind.ESCROW, Kind.ESCROW_BY_CARD}
ESCROWS = {AccountKind.BOUNTY_ESCROW, AccountKind.BOUNTY_ESCROW_FROZEN}


def keys(bounty: str, number: int) -> tuple[str, str]:
    """Return the business keys that begin and end a round."""
    suffix = f":{number}" if number > 1 else ""
    return f"escrow:{bounty}{suffix}", f"settle:{bounty}{suffix}"


def way_of(kind: Kind) -> str:
    """Return where such a transfer brings the money of an escrow, or from where."""
    if kind in FUNDING:
        return "funded"
    if kind is Kind.CHARGEBACK_LOST:
        return "consumed"
    # Freezing and thawing move it between the two accounts of the escrow.
    return "settled" if kind in {*SETTLING, Kind.REVERSAL} else "moved"


class Wallets(RuleBasedStateMachine):
    """One book, and all that was ever said about it; wallets, and what must hold always."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.count = 0
        # Everything that was tried, for repetitions; and what was refused, for second chances.
        self.said: list[Transfer] = []
        self.bounties: dict[str, dict[str, Any]] = {}
        self.withdrawals: dict[str, dict[str, Any]] = {}
        self.chargebacks: dict[str, dict[str, Any]] = {}
        self.reserves: list[str] = []
        self.paid: list[Transfer] = []
        self.is_new = False

    def new_id(self) -> str:
        self.count += 1
        return str(self.count)

    def apply(self, *transfers: Transfer) -> bool:
        """Try it; a refusal must leave no trace, and a success must be as its lines say."""
        self.said += transfers
        before = dict(self.book.balances), dict(self.book.transfers), dict(self.book.holds)
        try:
            written = self.book.apply_all(transfers)
        except BountyExpoError:
            assert (self.book.balances, self.book.transfers, self.book.holds) == before
            return False
        self.is_new = bool(written)
        for transfer in written:
            assert sum(line.amount_cents for line in transfer.postings) == 0
        change: dict[Account, int] = {}
        for transfer in written:
            if transfer.phase is Phase.POSTED:
                for line in transfer.postings:
                    change[line.account] = change.get(line.account, 0) + line.amount_cents
        for account in set(self.book.balances) | set(before[0]):
            was = before[0].get(account, Balance()).cents
            assert self.book.cents(account) - was == change.get(account, 0)
        return True

    def free(self, account: Account) -> int:
        return self.book.free_cents(account)

    def locked(self, bounty: str) -> int:
        return self.book.cents(escrow(bounty)) + self.book.cents(escrow_frozen(bounty))

    def some(self, data: st.DataObject, among: dict[str, Any]) -> str | None:
        return data.draw(st.sampled_from(sorted(among))) if among else None

    # Deposits, refunds of them, adjustments

    @initialize(user=PERSON, balance=st.integers(0, 100_000), part=st.integers(0, 100))
    def import_a_wallet(self, user: str, balance: int, part: int) -> None:
        if balance:
            self.apply(
                wallets.balance_imported(
                    user_id=user, balance_cents=balance, held_cents=balance * part // 100
                )
            )
            # Nobody else holds anything of an imported balance.
            self.imported_held = {user: balance * part // 100}
        else:
            self.imported_held = {}

    @rule(user=PERSON, cents=CENTS)
    def deposit(self, user: str, cents: int) -> None:
        intent = f"pi_{self.new_id()}"
        assert self.apply(
            wallets.deposit_captured(intent_id=intent, user_id=user, amount_cents=cents)
        )

    @rule(user=PERSON, cents=CENTS)
    def refund_a_deposit(self, user: str, cents: int) -> None:
        assert self.apply(
            chargebacks.deposit_refunded(
                refund_id=f"re_{self.new_id()}",
                user_id=user,
                amount_cents=cents,
                available_cents=self.free(available(user)),
            )
        )

    @rule(user=PERSON, cents=st.integers(-100_000, 100_000).filter(bool))
    def adjust(self, user: str, cents: int) -> None:
        done = self.apply(
            wallets.balance_adjusted(request_id=self.new_id(), user_id=user, amount_cents=cents)
        )
        assert done or cents < 0

    @rule(user=PERSON, part=st.integers(1, 100))
    def write_off(self, user: str, part: int) -> None:
        cents = -self.book.cents(debt(user)) * part // 100
        if cents:
            assert self.apply(
                wallets.debt_written_off(
                    writeoff_id=self.new_id(), user_id=user, amount_cents=cents
                )
            )

    @rule(cents=st.integers(1, 1_000))
    def learn_a_fee(self, cents: int) -> None:
        assert self.apply(
            wallets.processing_fee_known(balance_transaction_id=self.new_id(), fee_cents=cents)
        )

    @rule(user=PERSON)
    def freeze_or_thaw(self, user: str) -> None:
        is_frozen = self.book.balances.get(available(user), Balance()).is_frozen
        self.book.freeze(user, frozen=not is_frozen)

    # What networks do

    @rule(data=st.data())
    def say_something_again(self, data: st.DataObject) -> None:
        if self.said:
            again = data.draw(st.sampled_from(self.said))
            was_there = again.business_key in self.book.transfers
            before = dict(self.book.balances)
            # What was refused before may be right by now; what was booked is never booked again.
            self.apply(again)
            assert not was_there or self.book.balances == before

    @invariant()
    def all_accounts_sum_to_zero(self) -> None:
        assert self.book.imbalance_cents == 0

    @invariant()
    def no_account_breaks_its_sign(self) -> None:
        for account, balance in self.book.balances.items():
            assert balance.reserved_cents >= 0
            if RULES[account.kind].sign is Sign.NON_NEGATIVE:
                assert balance.free_cents >= 0, account
            if RULES[account.kind].sign is Sign.NON_POSITIVE:
                assert balance.cents <= 0, account

    @invariant()
    def nobody_with_money_has_a_debt(self) -> None:
        for user in PEOPLE:
            assert not self.book.free_cents(available(user)) or not self.book.cents(debt(user))

    @invariant()
    def held_money_is_the_sum_of_the_holds(self) -> None:
        for user in PEOPLE:
            active = sum(
                hold.active_cents for hold in self.book.holds.values() if hold.user_id == user
            )
            assert self.book.cents(held(user)) == active + self.imported_held.get(user, 0)

    @invariant()
    def each_cent_of_an_escrow_goes_one_way(self) -> None:
        """Funded is settled, consumed by the card network, or still there; never two of them."""
        sums: dict[tuple[str | None, str], int] = {}
        for transfer in self.book.transfers.values():
            for line in transfer.postings if transfer.phase is Phase.POSTED else ():
                if line.account.kind in ESCROWS:
                    key = line.account.owner_id, way_of(transfer.kind)
                    sums[key] = sums.get(key, 0) + line.amount_cents
        for bounty in self.bounties:
            funded, settled = sums.get((bounty, "funded"), 0), -sums.get((bounty, "settled"), 0)
            consumed = -sums.get((bounty, "consumed"), 0)
            assert funded == settled + consumed + self.locked(bounty)
            assert 0 <= settled <= funded
            assert 0 <= consumed <= funded

    @invariant()
    def a_settled_escrow_is_empty(self) -> None:
        for bounty, about in self.bounties.items():
            _, key = keys(bounty, about["round"])
            settled = self.book.transfers.get(key)
            is_over = settled is not None and settled.phase is Phase.POSTED
            assert not is_over or self.locked(bounty) == 0

    @invariant()
    def money_on_its_way_is_of_an_open_withdrawal(self) -> None:
        for withdrawal, about in self.withdrawals.items():
            assert 0 <= self.book.cents(in_flight(withdrawal)) <= about["cents"]
