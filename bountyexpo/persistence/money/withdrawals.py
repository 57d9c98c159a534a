"""Withdrawals in storage: one row each, with all that its rules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.money.withdrawal import Facts, Source, Status
from bountyexpo.errors import Conflict, StaleVersion
from bountyexpo.persistence.money.escrows import Call

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.queries import Queries


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """Money on its way to a bank; the columns are explained in the migration."""

    id: str
    user_id: str
    source: Source = Source.WALLET
    amount_cents: int
    fee_cents: int = 0
    returned_cents: int = 0
    status: Status = Status.REQUESTED
    is_instant: bool = False
    was_paid: bool = False
    is_stuck: bool = False
    retry_of: str | None = None
    retries: int = 0
    stripe_account_id: str
    destination_id: str | None = None
    transfer_id: str | None = None
    payout_id: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    heard: list[str] = msgspec.field(default_factory=list)
    call: Call | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None
    version: int = 0

    @property
    def rest_cents(self) -> int:
        """What is still on its way."""
        return self.amount_cents - self.returned_cents

    @property
    def facts(self) -> Facts:
        """What the rules look at before they hear what is new."""
        return Facts(is_instant=self.is_instant, was_paid=self.was_paid, is_stuck=self.is_stuck)


FIELDS = Withdrawal.__struct_fields__
COLUMNS = ", ".join(FIELDS)
VALUES = ", ".join(f"%({name})s" for name in FIELDS)
CHANGES = ", ".join(f"{name} = %({name})s" for name in FIELDS if name not in {"id", "user_id"})

BY_ID = f"select {COLUMNS} from withdrawals where id = %s"
BY_KEY = f"select {COLUMNS} from withdrawals where user_id = %s and idempotency_key = %s"
BY_TRANSFER = f"select {COLUMNS} from withdrawals where transfer_id = %s"
BY_PAYOUT = f"select {COLUMNS} from withdrawals where payout_id = %s"

# What is on its way from a wallet, of which there is at most one.
IN_FLIGHT = """
    select exists (
        select 1 from withdrawals
        where user_id = %s and source = 'wallet'
          and status in ('requested', 'transferred', 'payout_pending', 'reversing')) as has_one
"""

INSTANT_SINCE = """
    select count(*) as number from withdrawals
    where user_id = %s and is_instant and created_at > now() - make_interval(secs => %s)
"""

BEGUN_AT = "select created_at from withdrawals where id = %s"

# Whoever takes one up has it for itself until it would be due again.
DUE = """
    update withdrawals set due_at = now() + make_interval(secs => %(again_s)s)
    where id in (select id from withdrawals where due_at <= now()
                 order by due_at limit %(limit)s for update skip locked)
    returning id, user_id
"""

INSERT = f"""
    insert into withdrawals ({COLUMNS}, due_at)
    values ({VALUES}, now() + make_interval(secs => %(due_after_s)s))
    on conflict do nothing
"""

SAVE = f"""
    update withdrawals set {CHANGES},
        due_at = coalesce(now() + make_interval(secs => %(due_after_s)s),
                          case when status = %(status)s then due_at end),
        updated_at = now(),
        settled_at = case when %(status)s in ('paid', 'void', 'reversed', 'manually_paid')
                          then coalesce(settled_at, now()) end
    where id = %(id)s and version = %(version)s - 1
"""


async def get(db: Queries, withdrawal_id: str) -> Withdrawal | None:
    """Return the withdrawal, or None."""
    row = await db.fetch_one(BY_ID, (withdrawal_id,))
    return msgspec.convert(row, Withdrawal) if row else None


async def by_key(db: Queries, user_id: str, key: str) -> Withdrawal | None:
    """Return the withdrawal that a user has asked for under this key, or None."""
    row = await db.fetch_one(BY_KEY, (user_id, key))
    return msgspec.convert(row, Withdrawal) if row else None


async def of_transfer(db: Queries, transfer_id: str) -> Withdrawal | None:
    """Return the withdrawal that a transfer is of, or None."""
    row = await db.fetch_one(BY_TRANSFER, (transfer_id,))
    return msgspec.convert(row, Withdrawal) if row else None


async def of_payout(db: Queries, payout_id: str) -> Withdrawal | None:
    """Return the withdrawal that a payout is of, or None."""
    row = await db.fetch_one(BY_PAYOUT, (payout_id,))
    return msgspec.convert(row, Withdrawal) if row else None


async def has_one_in_flight(db: Queries, user_id: str) -> bool:
    """Tell whether something of a user's wallet is on its way."""
    row = await db.fetch_one(IN_FLIGHT, (user_id,))
    assert row is not None
    return bool(row["has_one"])


async def begun_at(db: Queries, withdrawal_id: str) -> datetime:
    """Return when a withdrawal that is there was asked for."""
    row = await db.fetch_one(BEGUN_AT, (withdrawal_id,))
    assert row is not None
    found: datetime = row["created_at"]
    return found


async def instant_since(db: Queries, user_id: str, window_s: int) -> int:
    """Return how many instant payouts a user has asked for within this time."""
    row = await db.fetch_one(INSTANT_SINCE, (user_id, window_s))
    assert row is not None
    return int(row["number"])


async def take_due(db: Queries, limit: int, *, again_s: float) -> list[tuple[str, str]]:
    """Return who owns what is due, and what; it is due again after a time."""
    rows = await db.fetch(DUE, {"limit": limit, "again_s": again_s})
    return [(row["user_id"], row["id"]) for row in rows]


async def insert(db: Queries, withdrawal: Withdrawal, *, due_after_s: float | None) -> None:
    """Insert a withdrawal.

    Raises:
        Conflict: another of this user is on its way, or has the same key.
    """
    if not await db.execute(INSERT, _values(withdrawal, due_after_s)):
        raise Conflict("Another withdrawal is on its way.", code="withdrawal_in_progress")


async def save(db: Queries, withdrawal: Withdrawal, *, due_after_s: float | None) -> None:
    """Write a withdrawal over the row of the version before.

    It is due anew after some time, or as before; in another status, never.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    if not await db.execute(SAVE, _values(withdrawal, due_after_s)):
        raise StaleVersion


def _values(withdrawal: Withdrawal, due_after_s: float | None) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(withdrawal)
    return values | {"due_after_s": due_after_s}
