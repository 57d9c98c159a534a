"""Ledger accounts in storage: opened on first use and locked in the order of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.money.ledger.accounts import Account, AccountKind, Owner, available
from bountyexpo.domain.money.ledger.book import Balance

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bountyexpo.persistence.transaction import Transaction

OWNER_COLUMNS: Final[Mapping[Owner, str]] = {
    Owner.USER: "users",
    Owner.BOUNTY: "bounties",
    Owner.WITHDRAWAL: "payouts",
    Owner.STRIPE_ACCOUNT: "connects",
}

OPEN = """
    insert into ledger_accounts (kind, sign_rule, user_id, bounty_id, payout_id, stripe_account_id)
    select * from unnest(%(kinds)s::text[], %(signs)s::text[], %(users)s::uuid[],
                         %(bounties)s::uuid[], %(payouts)s::uuid[], %(connects)s::text[])
    order by 1, 3, 4, 5, 6
    on conflict do nothing
"""

LOCK = """
    select a.id, a.kind, a.balance_cents, a.reserved_cents, a.frozen,
           coalesce(a.user_id::text, a.bounty_id::text, a.payout_id::text, a.stripe_account_id)
               as owner_id
    from ledger_accounts a
    join unnest(%(kinds)s::text[], %(users)s::uuid[], %(bounties)s::uuid[], %(payouts)s::uuid[],
                %(connects)s::text[])
        as wanted (kind, user_id, bounty_id, payout_id, stripe_account_id)
      on a.kind = wanted.kind
     and a.user_id is not distinct from wanted.user_id
     and a.bounty_id is not distinct from wanted.bounty_id
     and a.payout_id is not distinct from wanted.payout_id
     and a.stripe_account_id is not distinct from wanted.stripe_account_id
    order by a.id for update of a
"""

RESERVE = """
    update ledger_accounts a set reserved_cents = a.reserved_cents + line.cents
    from unnest(%(accounts)s::bigint[], %(cents)s::bigint[]) as line (account_id, cents)
    where a.id = line.account_id
"""

FREEZE = """
    update ledger_accounts set frozen = %(frozen)s
    where kind = 'user_available' and user_id = %(user_id)s
"""


class Locked(msgspec.Struct, frozen=True):
    """Accounts that nobody else can change until the transaction ends."""

    ids: dict[Account, int]
    balances: dict[Account, Balance]


async def lock(tx: Transaction, opened: Collection[Account], seen: Collection[Account]) -> Locked:
    """Open the accounts in ``opened`` that do not exist; lock them and those of ``seen`` that do.

    They are locked in the order of their ids, so that two transfers cannot wait for each other.
    """
    await tx.execute(OPEN, _columns(opened))
    rows = await tx.fetch(LOCK, _columns({*opened, *seen}))
    ids, balances = {}, {}
    for row in rows:
        account = Account(AccountKind(row["kind"]), row["owner_id"])
        ids[account] = row["id"]
        balances[account] = Balance(row["balance_cents"], row["reserved_cents"], row["frozen"])
    return Locked(ids, balances)


async def reserve(tx: Transaction, locked: Locked, after: Mapping[Account, Balance]) -> None:
    """Bring the reservations to those of ``after``."""
    changes = {
        locked.ids[account]: balance.reserved_cents - locked.balances[account].reserved_cents
        for account, balance in after.items()
        if account in locked.ids
    }
    changed = {account_id: cents for account_id, cents in changes.items() if cents}
    if changed:
        await tx.execute(RESERVE, {"accounts": list(changed), "cents": list(changed.values())})


async def freeze(tx: Transaction, user_id: str, *, frozen: bool = True) -> None:
    """Keep a user from spending, or no longer; what the law of the ledger names still happens."""
    await lock(tx, [available(user_id)], ())
    await tx.execute(FREEZE, {"user_id": user_id, "frozen": frozen})


def _columns(accounts: Collection[Account]) -> dict[str, Any]:
    every = sorted(accounts, key=str)
    columns: dict[str, Any] = {
        "kinds": [account.kind.value for account in every],
        "signs": [account.rule.sign.value for account in every],
    }
    for owner, name in OWNER_COLUMNS.items():
        columns[name] = [
            account.owner_id if account.rule.owner is owner else None for account in every
        ]
    return columns
