"""Escrows in storage: a row for each bounty and funding round, with all that rules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.money.escrow import Facts, Intent, Source, State
from bountyexpo.errors import StaleVersion

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries


class Call(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the provider is asked; asked again with the same key it does the same thing once."""

    effect: str
    key: str
    amount_cents: int
    intent_id: str | None = None
    withdrawal_id: str | None = None
    account_id: str | None = None
    destination_id: str | None = None
    transfer_id: str | None = None


class Escrow(msgspec.Struct, frozen=True, kw_only=True):
    """The price of a bounty in one funding round; the columns are explained in the migration."""

    bounty_id: str
    round: int
    poster_id: str
    hunter_id: str | None = None
    source: Source
    amount_cents: int
    policy_version: int
    platform_fee_bps: int
    state: State
    has_dispute: bool = False
    has_chargeback: bool = False
    is_chargeback_lost: bool = False
    has_refund: bool = False
    is_posted: bool = False
    settlement_round: int
    dispute_id: str | None = None
    chargeback_id: str | None = None
    chargeback_cents: int | None = None
    intent_id: str | None = None
    withdrawal_id: str | None = None
    refund_id: str | None = None
    failed_refund_ids: list[str] = msgspec.field(default_factory=list)
    call: Call | None = None
    version: int

    @property
    def is_card(self) -> bool:
        """Whether it was paid by card."""
        return self.source is Source.CARD

    @property
    def facts(self) -> Facts:
        """What the rules look at before they hear what is new."""
        return Facts(
            is_card=self.is_card,
            has_dispute=self.has_dispute,
            has_chargeback=self.has_chargeback,
            is_chargeback_lost=self.is_chargeback_lost,
            has_refund=self.has_refund,
            intent=Intent.POSTED if self.is_posted else Intent.CURRENT,
        )


FIELDS = Escrow.__struct_fields__
COLUMNS = ", ".join(FIELDS)
VALUES = ", ".join(f"%({name})s" for name in FIELDS)
CHANGES = ", ".join(f"{name} = %({name})s" for name in FIELDS if name not in {"bounty_id", "round"})

NEWEST = f"select {COLUMNS} from escrows where bounty_id = %s order by round desc limit 1"

INSERT = f"insert into escrows ({COLUMNS}) values ({VALUES}) on conflict do nothing"

SAVE = f"""
    update escrows set {CHANGES},
        due_at = coalesce(now() + make_interval(secs => %(due_after_s)s),
                          case when state = %(state)s then due_at end),
        updated_at = now()
    where bounty_id = %(bounty_id)s and round = %(round)s and version = %(version)s - 1
"""

BOOKED = "select 1 from escrows where intent_id = %s and is_posted"

OF_INTENT = "select bounty_id from escrows where intent_id = %s"

HUNTS = "select 1 from escrows where bounty_id = %s and hunter_id = %s limit 1"


async def newest(db: Queries, bounty_id: str) -> Escrow | None:
    """Return the escrow of the present funding round, or None where nothing was ever paid."""
    row = await db.fetch_one(NEWEST, (bounty_id,))
    return msgspec.convert(row, Escrow) if row else None


async def insert(db: Queries, escrow: Escrow) -> None:
    """Begin a funding round.

    Raises:
        StaleVersion: somebody else has begun it.
    """
    if not await db.execute(INSERT, _values(escrow)):
        raise StaleVersion


async def save(db: Queries, escrow: Escrow, *, due_after_s: float | None) -> None:
    """Write an escrow over the row of the version before.

    It is due anew after some time, or as before; in another state, never.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    if not await db.execute(SAVE, {**_values(escrow), "due_after_s": due_after_s}):
        raise StaleVersion


async def is_booked(db: Queries, intent_id: str) -> bool:
    """Tell whether the money of a payment intent is in the books of some round."""
    return await db.fetch_one(BOOKED, (intent_id,)) is not None


async def bounty_of(db: Queries, intent_id: str) -> str | None:
    """Return the bounty that a payment intent has paid for, or None."""
    row = await db.fetch_one(OF_INTENT, (intent_id,))
    return str(row["bounty_id"]) if row else None


async def hunts(db: Queries, bounty_id: str, user_id: str) -> bool:
    """Tell whether this user was accepted to be paid from an escrow of the bounty."""
    return await db.fetch_one(HUNTS, (bounty_id, user_id)) is not None


def _values(escrow: Escrow) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(escrow)
    return values
