"""Payout accounts in storage: what the provider has last said of each user's account."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.money.connect_account import State
from bountyexpo.errors import StaleVersion
from bountyexpo.persistence.statement import Json

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries


class ConnectAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The account that a user's earnings are paid into; None of it is there before it is made."""

    user_id: str
    stripe_account_id: str | None = None
    state: State = State.NONE
    are_details_submitted: bool = False
    are_charges_enabled: bool = False
    are_payouts_enabled: bool = False
    disabled_reason: str | None = None
    requirements: list[str] = msgspec.field(default_factory=list)
    onboarded_at: datetime | None = None
    told_at: datetime | None = None
    version: int = 0


FIELDS = ConnectAccount.__struct_fields__
COLUMNS = ", ".join(FIELDS)
VALUES = ", ".join(f"%({name})s" for name in FIELDS)
CHANGES = ", ".join(f"{name} = %({name})s" for name in FIELDS if name != "user_id")

OF_USER = f"select {COLUMNS} from connect_accounts where user_id = %s"

OWNER = "select user_id from connect_accounts where stripe_account_id = %s"

# The first version is inserted, every other one is written over the one before.
SAVE = f"""
    insert into connect_accounts as known ({COLUMNS}) values ({VALUES})
    on conflict (user_id) do update set {CHANGES}, updated_at = now()
    where known.version = %(version)s - 1
"""


async def of_user(db: Queries, user_id: str) -> ConnectAccount:
    """Return the user's payout account; one that was never made is empty."""
    row = await db.fetch_one(OF_USER, (user_id,))
    return msgspec.convert(row, ConnectAccount) if row else ConnectAccount(user_id=user_id)


async def owner(db: Queries, stripe_account_id: str) -> str | None:
    """Return who has stored this account of the provider, if anybody has."""
    row = await db.fetch_one(OWNER, (stripe_account_id,))
    return str(row["user_id"]) if row else None


async def save(db: Queries, account: ConnectAccount) -> None:
    """Write an account over the version before.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    values: dict[str, Any] = msgspec.structs.asdict(account)
    values |= {"state": account.state.value, "requirements": Json(account.requirements)}
    if not await db.execute(SAVE, values):
        raise StaleVersion
