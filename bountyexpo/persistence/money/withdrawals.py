"""Withdrawals in storage: one row each, with all that its rules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.money.withdrawal import Facts, Source, Status
from bountyexpo.errors import Conflict, StaleVersion
from bountyexpo.persistence.money.escrows import Call

if TYPE_CHECKING:
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
