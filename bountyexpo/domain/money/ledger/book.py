"""The book: balances that only transfers can change, and the rules by which they change.

``moved`` is the rule for one transfer: the balances after it, or a named refusal. The database
follows the same function under its locks; ``Book`` follows it in memory, so that the properties of
the ledger can be proved without a database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.amounts import dollars
from bountyexpo.domain.money.ledger.accounts import Account, AccountKind, Sign, available, debt
from bountyexpo.domain.money.ledger.holds import HoldStatus
from bountyexpo.domain.money.ledger.transfers import Kind, Phase, Transfer, entry, reversal
from bountyexpo.errors import (
    AccountOverdrawn,
    Conflict,
    IdempotencyConflict,
    InsufficientBalance,
    NotAllowed,
    NotFound,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bountyexpo.domain.money.ledger.holds import Hold, HoldKind

# What may still be taken from the wallet of a user whose account is frozen.
TAKEN_WHILE_FROZEN: Final = frozenset(
    {
        Kind.DEBT_RECOVERY,
        Kind.CHARGEBACK_OPEN,
        Kind.CARD_REFUND,
        Kind.ADJUSTMENT,
        Kind.RESERVE,
        Kind.REVERSAL,
    }
)


class Balance(msgspec.Struct, frozen=True):
    """What is on an account; ``reserved_cents`` of it belong to pending transfers."""

    cents: int = 0
    reserved_cents: int = 0
    is_frozen: bool = False

    @property
    def free_cents(self) -> int:
        """What can be taken."""
        return self.cents - self.reserved_cents

    def plus(self, cents: int = 0, *, reserved_cents: int = 0) -> Balance:
        """Return the balance after a change."""
        return Balance(self.cents + cents, self.reserved_cents + reserved_cents, self.is_frozen)


EMPTY: Final = Balance()


def touched(transfer: Transfer) -> set[Account]:
    """Return the accounts that a decision about ``transfer`` must see, debts included."""
    people = (account(user_id) for user_id in transfer.users for account in (available, debt))
    return {*(line.account for line in transfer.postings), *people}


def moved(
    transfer: Transfer,
    balances: Mapping[Account, Balance],
    intention: Transfer | None = None,
) -> dict[Account, Balance]:
    """Return the balances after ``transfer``, which may end a pending ``intention``.

    Raises:
        NotAllowed: the account is frozen.
        InsufficientBalance: the user has not that much.
        AccountOverdrawn: another account has not that much.
    """
    after = dict(balances)
    if intention is not None:
        for account, cents in intention.outflows.items():
            after[account] = after[account].plus(reserved_cents=-cents)
    if transfer.phase is Phase.PENDING:
        for account, cents in transfer.outflows.items():
            after[account] = after.get(account, EMPTY).plus(reserved_cents=cents)
    for line in transfer.postings if transfer.phase is Phase.POSTED else ():
        after[line.account] = after.get(line.account, EMPTY).plus(line.amount_cents)
    for line in transfer.postings:
        _check(transfer, line.account, line.amount_cents, after.get(line.account, EMPTY))
    return after


def recoveries(transfer: Transfer, balances: Mapping[Account, Balance]) -> list[Transfer]:
    """Return what pays the debts of the people in ``transfer``, out of what they have after it.

    This is the second entry of rule 1, for income of any kind.
    """
    found = []
    for user_id in transfer.users:
        owed_cents = -balances.get(debt(user_id), EMPTY).cents
        cents = min(owed_cents, balances.get(available(user_id), EMPTY).free_cents)
        if cents > 0:
            found.append(
                entry(
                    Kind.DEBT_RECOVERY,
                    f"recover:{transfer.business_key}:{user_id}",
                    ("transfer", transfer.business_key),
                    cents,
                    (available(user_id), -cents),
                    (debt(user_id), cents),
                )
            )
    return found


def _check(transfer: Transfer, account: Account, cents: int, after: Balance) -> None:
    if cents < 0 and after.is_frozen and transfer.kind not in TAKEN_WHILE_FROZEN:
        raise NotAllowed("This balance is frozen.", code="balance_frozen")
    if account.rule.sign is Sign.NON_NEGATIVE:
        is_allowed = after.free_cents >= 0
    else:
        is_allowed = account.rule.sign.allows(after.cents)
    if is_allowed:
        return
    if account.kind is AccountKind.USER_AVAILABLE:
        raise InsufficientBalance(
            required=dollars(-cents), available=dollars(after.free_cents - cents)
        )
    raise AccountOverdrawn


class Book:
    """A whole ledger in memory."""

    def __init__(self) -> None:
        self.balances: dict[Account, Balance] = {}
        self.transfers: dict[str, Transfer] = {}
        self.holds: dict[tuple[HoldKind, str], Hold] = {}
        # What ended a pending transfer, and what took a posted one back, by the key of the first.
        self.ended_by: dict[str, str] = {}
        self.reversed_by: dict[str, str] = {}

    def cents(self, account: Account) -> int:
        """Return the balance of an account; zero where no money has ever moved."""
        return self.balances.get(account, EMPTY).cents

    def free_cents(self, account: Account) -> int:
        """Return what can be taken from an account."""
        return self.balances.get(account, EMPTY).free_cents

    @property
    def imbalance_cents(self) -> int:
        """The sum of all accounts, which is zero as long as the book is right."""
        return sum(balance.cents for balance in self.balances.values())

    def freeze(self, user_id: str, *, frozen: bool = True) -> None:
        """Keep the user from spending, or no longer."""
        account = available(user_id)
        before = self.balances.get(account, EMPTY)
        self.balances[account] = msgspec.structs.replace(before, is_frozen=frozen)

    def apply(self, transfer: Transfer) -> list[Transfer]:
        """Write ``transfer`` and what it brings about; return all that is new, or nothing.

        Raises:
            IdempotencyConflict: another event has this business key.
            NotFound: what it ends or takes back is not there (yet).
            Conflict: that has ended or was taken back before, or the money is not there.
            NotAllowed: the account is frozen.
        """
        return self.apply_all((transfer,))

    def apply_all(self, transfers: Iterable[Transfer]) -> list[Transfer]:
        """Write all of ``transfers``, or none of them."""
        draft = Book()
        for name in ("balances", "transfers", "holds", "ended_by", "reversed_by"):
            setattr(draft, name, dict(getattr(self, name)))
        written = [new for transfer in transfers for new in draft._write(transfer)]
        self.__dict__.update(draft.__dict__)
        return written

    def _write(self, transfer: Transfer) -> list[Transfer]:
        known = self.transfers.get(transfer.business_key)
        if known is not None:
            check_repetition(known.fingerprint, transfer)
            return []
        intention = self._intention(transfer)
        self._take_back(transfer)
        present = {account: self.balances.get(account, EMPTY) for account in touched(transfer)}
        if intention is not None:
            present |= {a: self.balances.get(a, EMPTY) for a in intention.outflows}
        self.balances |= moved(transfer, present, intention)
        self.transfers[transfer.business_key] = transfer
        if transfer.hold is not None:
            check_hold(self.holds.get(transfer.hold.key), transfer.hold)
            self.holds[transfer.hold.key] = transfer.hold
        followed = recoveries(transfer, self.balances)
        return [transfer, *(new for debt_paid in followed for new in self._write(debt_paid))]

    def _intention(self, transfer: Transfer) -> Transfer | None:
        key = transfer.pending_key
        if key is None:
            return None
        intention = check_ending(transfer, self.transfers.get(key), ended_by=self.ended_by.get(key))
        self.ended_by[key] = transfer.business_key
        return intention

    def _take_back(self, transfer: Transfer) -> None:
        key = transfer.reverses_key
        if key is not None:
            known = self.transfers.get(key)
            check_reversal(transfer, known, reversed_by=self.reversed_by.get(key))
            self.reversed_by[key] = transfer.business_key


def check_repetition(known_fingerprint: str, transfer: Transfer) -> None:
    """Let a repetition of the same event pass.

    Raises:
        IdempotencyConflict: it is another event with the same business key.
    """
    if known_fingerprint != transfer.fingerprint:
        raise IdempotencyConflict("This was already booked, with other facts.")


def check_ending(
    transfer: Transfer, intention: Transfer | None, *, ended_by: str | None = None
) -> Transfer:
    """Return the pending transfer that ``transfer`` ends, if nothing has ended it.

    Raises:
        NotFound: there is no such intention (yet).
        Conflict: it has ended before, was never pending, or was about something else.
    """
    if intention is None:
        raise NotFound("There is no such reservation.", code="unknown_transfer")
    if intention.phase is not Phase.PENDING or ended_by is not None:
        raise Conflict("This reservation has ended.", code="already_ended")
    reserved = {line.account: line.amount_cents for line in intention.postings}
    for line in transfer.postings:
        part, whole = line.amount_cents, reserved.get(line.account, 0)
        if not min(0, whole) <= part <= max(0, whole):
            raise Conflict("This was not reserved.", code="not_reserved")
    return intention


def check_reversal(
    transfer: Transfer, known: Transfer | None, *, reversed_by: str | None = None
) -> None:
    """Let ``transfer`` take back the posted transfer that is ``known`` by its key.

    Raises:
        NotFound: there is none (yet).
        Conflict: it was taken back before, or has other lines.
    """
    if known is None:
        raise NotFound("There is nothing to take back.", code="unknown_transfer")
    if reversed_by is not None:
        raise Conflict("This was taken back before.", code="already_reversed")
    if set(reversal(known).postings if known.phase is Phase.POSTED else ()) != set(
        transfer.postings
    ):
        raise Conflict("This is not what was booked.", code="not_what_was_booked")


def check_hold(known: Hold | None, hold: Hold) -> None:
    """Let a hold be placed once and ended once.

    Raises:
        Conflict: it is not active, so it cannot end.
    """
    if hold.status is HoldStatus.ACTIVE:
        assert known is None, "the business key names the hold"
        return
    if known is None or known.status is not HoldStatus.ACTIVE:
        raise Conflict("This hold has ended.", code="hold_ended")
