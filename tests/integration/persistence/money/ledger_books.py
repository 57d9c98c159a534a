"""The stored ledger, as its tests see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.ledger import wallets as events
from bountyexpo.domain.money.ledger.accounts import (
    Account,
    AccountKind,
)
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from bountyexpo.domain.money.ledger.transfers import Transfer
    from bountyexpo.persistence.pool import Pool

BALANCES = """
    select kind, coalesce(user_id::text, bounty_id::text, payout_id::text, stripe_account_id)
           as owner_id, balance_cents, reserved_cents
    from ledger_accounts where balance_cents <> 0 or reserved_cents <> 0
"""

DRIFT = """
    select count(*) as drift from ledger_accounts a
    where a.balance_cents <> (select coalesce(sum(e.amount_cents), 0)
                              from ledger_entries e where e.account_id = a.id)
"""

ADD_BOUNTY = """
    insert into bounties (id, poster_id, title, description, amount_cents, platform_fee_bps,
                          policy_version)
    values (%s, %s, 'A title', 'A description', 10000, 500, 1)
"""


class Books:
    """The stored ledger with two people, a bounty and a withdrawal."""

    def __init__(self, db: Pool) -> None:
        self.db = db
        self.poster, self.hunter, self.bounty, self.withdrawal = (new_id() for _ in range(4))

    async def open(self) -> None:
        for user_id in (self.poster, self.hunter):
            await self.db.execute(
                "insert into users (id, username) values (%s, %s)", (user_id, user_id[:13])
            )
        await self.db.execute(ADD_BOUNTY, (self.bounty, self.poster))

    async def post(self, *transfers: Transfer) -> list[bool]:
        async with self.db.transaction() as tx:
            return [bool(await ledger.post(tx, transfer)) for transfer in transfers]

    async def deposit(self, amount_cents: int, intent_id: str = "pi_1") -> list[bool]:
        return await self.post(
            events.deposit_captured(
                intent_id=intent_id, user_id=self.poster, amount_cents=amount_cents
            )
        )

    async def balances(self) -> dict[Account, int]:
        rows = await self.db.fetch(BALANCES)
        assert (await self.db.fetch(DRIFT))[0]["drift"] == 0
        assert await ledger.imbalance_cents(self.db) == 0
        return {
            Account(AccountKind(row["kind"]), row["owner_id"]): row["balance_cents"] for row in rows
        }

    async def reserved_cents(self, account: Account) -> int:
        rows = await self.db.fetch(BALANCES)
        return sum(
            row["reserved_cents"]
            for row in rows
            if (row["kind"], row["owner_id"]) == (account.kind, account.owner_id)
        )

    def hold(self, amount_cents: int = 10_000) -> Transfer:
        return events.escrow_held(
            bounty_id=self.bounty, poster_id=self.poster, amount_cents=amount_cents
        )
