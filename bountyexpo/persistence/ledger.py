"""The ledger in storage: transfers are posted once by business key, entries are final.

Accounts are made on first use and locked in id order, so that two postings cannot deadlock. The
database has the last word: a balance against its sign rule and a transfer that does not sum to
zero are both refused there (contract data-model B.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from psycopg.errors import CheckViolation

from bountyexpo.domain.ids import new_id
from bountyexpo.domain.ledger import RULES, Account, AccountKind, Owner, Transfer
from bountyexpo.domain.money import CURRENCY, dollars
from bountyexpo.errors import InsufficientBalance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.unit_of_work import Transaction

RECORD_TRANSFER = """
    insert into ledger_transfers (id, kind, business_key, reference_type, reference_id, actor_id)
    values (%s, %s, %s, %s, %s, %s) on conflict (business_key) do nothing
"""

OPEN_ACCOUNTS = """
    insert into ledger_accounts (kind, sign_rule, user_id, bounty_id)
    select * from unnest(%(kinds)s::text[], %(signs)s::text[], %(users)s::uuid[],
                         %(bounties)s::uuid[])
    order by 1, 3, 4
    on conflict do nothing
"""

LOCK_ACCOUNTS = """
    select a.id, a.balance_cents, a.kind, coalesce(a.user_id, a.bounty_id) as owner_id
    from ledger_accounts a
    join unnest(%(kinds)s::text[], %(users)s::uuid[], %(bounties)s::uuid[])
        as wanted (kind, user_id, bounty_id)
      on a.kind = wanted.kind
     and a.user_id is not distinct from wanted.user_id
     and a.bounty_id is not distinct from wanted.bounty_id
    order by a.id for update of a
"""

POST_ENTRIES = """
    with line as (
        select * from unnest(%(accounts)s::bigint[], %(amounts)s::bigint[])
            as line (account_id, amount_cents)
    ), bumped as (
        update ledger_accounts a
        set balance_cents = a.balance_cents + line.amount_cents,
            last_entry_seq = a.last_entry_seq + 1
        from line where a.id = line.account_id
        returning a.id, line.amount_cents, a.balance_cents, a.last_entry_seq
    )
    insert into ledger_entries
        (transfer_id, account_id, amount_cents, account_seq, balance_after_cents)
    select %(transfer)s, id, amount_cents, last_entry_seq, balance_cents from bumped
"""

WALLET = """
    select coalesce(sum(balance_cents) filter (where kind = 'user_available'), 0)::bigint
               as available_cents,
           coalesce(sum(balance_cents) filter (where kind = 'user_held'), 0)::bigint
               as held_cents,
           coalesce(sum(last_entry_seq), 0)::bigint as version
    from ledger_accounts where user_id = %s
"""

IMBALANCE = "select coalesce(sum(balance_cents), 0)::bigint as cents from ledger_accounts"


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """What a user owns, in cents; ``version`` grows with every change."""

    available_cents: int
    held_cents: int
    version: int

    def event(self) -> dict[str, Any]:
        """Return the fields of the ``wallet.balance`` frame (contract realtime §4.6)."""
        return {
            "availableCents": self.available_cents,
            "heldCents": self.held_cents,
            "pendingCents": 0,
            "currency": CURRENCY,
            "version": self.version,
        }


async def post(tx: Transaction, transfer: Transfer, *, actor_id: str | None = None) -> bool:
    """Post ``transfer`` and tell each user whose money moved; return False if it was there.

    Raises:
        InsufficientBalance: an account would break its sign rule.
    """
    transfer_id = new_id()
    recorded = await tx.execute(
        RECORD_TRANSFER,
        (
            transfer_id,
            transfer.kind,
            transfer.business_key,
            transfer.reference_type,
            transfer.reference_id,
            actor_id,
        ),
    )
    if not recorded:
        return False
    accounts = await _lock(tx, [posting.account for posting in transfer.postings])
    _check_covered(transfer, accounts)
    try:
        await tx.execute(
            POST_ENTRIES,
            {
                "transfer": transfer_id,
                "accounts": [accounts[posting.account].id for posting in transfer.postings],
                "amounts": [posting.amount_cents for posting in transfer.postings],
            },
        )
    except CheckViolation as error:
        raise InsufficientBalance from error
    for user_id in sorted(_users(transfer)):
        balance = (await wallet(tx, user_id)).event()
        await tx.event(f"user:{user_id}", "wallet.balance", balance, users=(user_id,))
    return True


async def wallet(db: Queries, user_id: str) -> Wallet:
    """Return the balances of a user; zeros where no money has ever moved."""
    row = await db.fetch_one(WALLET, (user_id,))
    assert row is not None
    return Wallet(**row)


async def imbalance_cents(db: Queries) -> int:
    """Return the sum of all accounts, which is zero as long as the books are right."""
    row = await db.fetch_one(IMBALANCE)
    assert row is not None
    return int(row["cents"])


class _Locked(NamedTuple):
    """An account that nobody else changes for the rest of the transaction."""

    id: int
    balance_cents: int


def _check_covered(transfer: Transfer, accounts: Mapping[Account, _Locked]) -> None:
    """Refuse what a user cannot pay with the figures that the app shows, in dollars."""
    for posting in transfer.postings:
        cents = accounts[posting.account].balance_cents
        is_wallet = posting.account.kind is AccountKind.USER_AVAILABLE
        if is_wallet and cents + posting.amount_cents < 0:
            raise InsufficientBalance(
                required=dollars(-posting.amount_cents), available=dollars(cents)
            )


async def _lock(tx: Transaction, accounts: list[Account]) -> dict[Account, _Locked]:
    assert len(set(accounts)) == len(accounts)
    owners = [RULES[account.kind].owner for account in accounts]
    wanted = {
        "kinds": [account.kind.value for account in accounts],
        "signs": [RULES[account.kind].sign.value for account in accounts],
        "users": _owner_column(accounts, owners, Owner.USER),
        "bounties": _owner_column(accounts, owners, Owner.BOUNTY),
    }
    await tx.execute(OPEN_ACCOUNTS, wanted)
    rows = await tx.fetch(LOCK_ACCOUNTS, wanted)
    return {
        Account(AccountKind(row["kind"]), row["owner_id"]): _Locked(row["id"], row["balance_cents"])
        for row in rows
    }


def _owner_column(accounts: list[Account], owners: list[Owner], owner: Owner) -> list[str | None]:
    return [
        account.owner_id if kind is owner else None
        for account, kind in zip(accounts, owners, strict=True)
    ]


def _users(transfer: Transfer) -> set[str]:
    return {
        posting.account.owner_id
        for posting in transfer.postings
        if RULES[posting.account.kind].owner is Owner.USER and posting.account.owner_id
    }
