"""The ledger in storage: transfers are written once by business key, and nothing is changed.

A transfer is decided by ``domain.money.ledger.book.moved`` on locked balances. The database has
the last word all the same: a balance against its sign rule, a transfer that does not sum to zero, a
second end of a reservation are refused there, too (contract data-model B.4).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.ledger.accounts import Account, AccountKind
from bountyexpo.domain.money.ledger.book import (
    check_ending,
    check_hold,
    check_repetition,
    check_reversal,
    moved,
    recoveries,
    touched,
)
from bountyexpo.domain.money.ledger.holds import Hold, HoldKind, HoldStatus
from bountyexpo.domain.money.ledger.transfers import Kind, Phase, Posting, Transfer
from bountyexpo.errors import Conflict
from bountyexpo.persistence.money import ledger_accounts

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.transaction import Transaction

# Also a transfer that would end or take back what another one has is left out.
RECORD_TRANSFER = """
    insert into ledger_transfers (
        id, kind, currency, business_key, reference_type, reference_id, amount_cents,
        request_hash, phase, expires_at, actor_id, reason, pending_transfer_id,
        reverses_transfer_id)
    values (
        %(id)s, %(kind)s, %(currency)s, %(business_key)s, %(reference_type)s, %(reference_id)s,
        %(amount_cents)s, %(request_hash)s, %(phase)s, %(expires_at)s, %(actor_id)s, %(reason)s,
        (select id from ledger_transfers where business_key = %(pending_key)s),
        (select id from ledger_transfers where business_key = %(reverses_key)s))
    on conflict do nothing
"""

REQUEST_HASH = "select request_hash from ledger_transfers where business_key = %s"

TRANSFER = """
    select t.id, t.kind, t.currency, t.business_key, t.reference_type, t.reference_id,
           t.amount_cents, t.phase, t.expires_at, p.business_key as pending_key,
           r.business_key as reverses_key
    from ledger_transfers t
    left join ledger_transfers p on p.id = t.pending_transfer_id
    left join ledger_transfers r on r.id = t.reverses_transfer_id
    where t.business_key = %s
"""

LINES = """
    select a.kind, l.amount_cents,
           coalesce(a.user_id::text, a.bounty_id::text, a.payout_id::text, a.stripe_account_id)
               as owner_id
    from (select account_id, amount_cents from ledger_entries where transfer_id = %(id)s
          union all
          select account_id, amount_cents from ledger_pending_entries where transfer_id = %(id)s) l
    join ledger_accounts a on a.id = l.account_id order by a.id
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

KEEP_PENDING_ENTRIES = """
    insert into ledger_pending_entries (transfer_id, account_id, amount_cents)
    select %(transfer)s, * from unnest(%(accounts)s::bigint[], %(amounts)s::bigint[])
"""

HOLD = """
    select kind, reference_id, user_id, wanted_cents, amount_cents, status, expires_at
    from ledger_holds where kind = %s and reference_id = %s
"""

PLACE_HOLD = """
    insert into ledger_holds (kind, reference_id, user_id, wanted_cents, amount_cents, expires_at,
                              transfer_id)
    values (%s, %s, %s, %s, %s, %s, %s)
"""

END_HOLD = """
    update ledger_holds set status = %s, release_transfer_id = %s, version = version + 1
    where kind = %s and reference_id = %s
"""

BOOKED = """
    select t.id, t.posted_at, (
        select coalesce(sum(l.amount_cents), 0)::bigint
        from ledger_entries l join ledger_accounts a on a.id = l.account_id
        where l.transfer_id = t.id and a.user_id = %(user_id)s) as cents
    from ledger_transfers t where t.business_key = %(key)s
"""

WALLET = """
    select coalesce(sum(balance_cents) filter (where kind = 'user_available'), 0)::bigint
               as available_cents,
           coalesce(sum(balance_cents) filter (where kind = 'user_held'), 0)::bigint
               as held_cents,
           coalesce(sum(reserved_cents) filter (where kind = 'user_available'), 0)::bigint
               as reserved_cents,
           coalesce(sum(last_entry_seq), 0)::bigint as version
    from ledger_accounts where user_id = %s
"""

# Nothing keeps this user's wallet frozen: no chargeback is open, and nothing is owed.
IS_CLEAR = """
    select not exists (select 1 from ledger_holds
                       where user_id = %(user_id)s and kind = 'chargeback' and status = 'active')
       and not exists (select 1 from ledger_accounts
                       where user_id = %(user_id)s and kind = 'user_debt' and balance_cents < 0)
           as is_clear
"""

IMBALANCE = "select coalesce(sum(balance_cents), 0)::bigint as cents from ledger_accounts"


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """What a user owns, in cents; ``version`` grows with every change."""

    available_cents: int
    held_cents: int
    reserved_cents: int
    version: int

    @property
    def balance_cents(self) -> int:
        """All that is the user's, what is held included."""
        return self.available_cents + self.held_cents

    @property
    def free_cents(self) -> int:
        """What can be taken."""
        return self.available_cents - self.reserved_cents


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer in the books; ``cents`` is by how much it has changed what a user owns."""

    id: str
    posted_at: datetime
    cents: int


class Written(msgspec.Struct, frozen=True):
    """A transfer as it was just written, with the id that it got."""

    id: str
    transfer: Transfer


async def post(
    tx: Transaction,
    transfer: Transfer,
    *,
    actor_id: str | None = None,
    reason: str | None = None,
) -> list[Written]:
    """Write ``transfer`` and what it brings about; return all that is new, or nothing.

    Raises:
        IdempotencyConflict: another event has this business key.
        InsufficientBalance: the user has not that much; for another account a ``Conflict``.
        NotAllowed: the account is frozen.
        NotFound: what it ends or takes back is not there (yet).
        Conflict: that has ended or was taken back before.
    """
    transfer_id = new_id()
    if not await _record(tx, transfer_id, transfer, actor_id, reason):
        return []
    intention = await _intention(tx, transfer)
    opened = {line.account for line in (intention or transfer).postings} | {
        line.account for line in transfer.postings
    }
    locked = await ledger_accounts.lock(tx, opened, touched(transfer))
    after = moved(transfer, locked.balances, intention)
    await ledger_accounts.reserve(tx, locked, after)
    if transfer.postings:
        is_pending = transfer.phase is Phase.PENDING
        await tx.execute(
            KEEP_PENDING_ENTRIES if is_pending else POST_ENTRIES,
            {
                "transfer": transfer_id,
                "accounts": [locked.ids[line.account] for line in transfer.postings],
                "amounts": [line.amount_cents for line in transfer.postings],
            },
        )
    if transfer.hold is not None:
        await _keep_hold(tx, transfer_id, transfer.hold)
    written = [Written(transfer_id, transfer)]
    for debt_paid in recoveries(transfer, after):
        written += await post(tx, debt_paid)
    return written


async def find(db: Queries, business_key: str) -> Transfer | None:
    """Return the transfer with this key as it was written."""
    row = await db.fetch_one(TRANSFER, (business_key,))
    if row is None:
        return None
    lines = await db.fetch(LINES, {"id": row.pop("id")})
    row["amount_cents"] = row["amount_cents"] or _turnover(lines)
    row["kind"], row["phase"] = Kind(row["kind"]), Phase(row["phase"])
    return Transfer(
        **row,
        postings=tuple(
            Posting(Account(AccountKind(line["kind"]), line["owner_id"]), line["amount_cents"])
            for line in lines
        ),
    )


async def booked(db: Queries, business_key: str, user_id: str) -> Booked | None:
    """Return how the transfer with this key stands in the books, and what it was to a user."""
    row = await db.fetch_one(BOOKED, {"key": business_key, "user_id": user_id})
    return Booked(**row) if row else None


async def hold(db: Queries, kind: HoldKind, reference_id: str) -> Hold | None:
    """Return the hold that was placed for this reason."""
    row = await db.fetch_one(HOLD, (kind.value, reference_id))
    if row is None:
        return None
    row["kind"], row["status"] = HoldKind(row["kind"]), HoldStatus(row["status"])
    return Hold(**row)


async def wallet(db: Queries, user_id: str) -> Wallet:
    """Return the balances of a user; zeros where no money has ever moved."""
    row = await db.fetch_one(WALLET, (user_id,))
    assert row is not None
    return Wallet(**row)


async def is_clear(db: Queries, user_id: str) -> bool:
    """Tell whether nothing is left for which this user's wallet would be frozen."""
    row = await db.fetch_one(IS_CLEAR, {"user_id": user_id})
    assert row is not None
    return bool(row["is_clear"])


async def imbalance_cents(db: Queries) -> int:
    """Return the sum of all accounts, which is zero as long as the books are right."""
    row = await db.fetch_one(IMBALANCE)
    assert row is not None
    return int(row["cents"])


async def _record(
    tx: Transaction,
    transfer_id: str,
    transfer: Transfer,
    actor_id: str | None,
    reason: str | None,
) -> bool:
    """Take the business key; return False if the same event has it."""
    if transfer.reverses_key is not None:
        check_reversal(transfer, await find(tx, transfer.reverses_key))
    recorded = await tx.execute(
        RECORD_TRANSFER,
        {
            "id": transfer_id,
            "kind": transfer.kind.value,
            "currency": transfer.currency,
            "business_key": transfer.business_key,
            "reference_type": transfer.reference_type,
            "reference_id": transfer.reference_id,
            "amount_cents": transfer.amount_cents,
            "request_hash": transfer.fingerprint,
            "phase": transfer.phase.value,
            "expires_at": transfer.expires_at,
            "actor_id": actor_id,
            "reason": reason,
            "pending_key": transfer.pending_key,
            "reverses_key": transfer.reverses_key,
        },
    )
    if recorded:
        return True
    known = await tx.fetch_one(REQUEST_HASH, (transfer.business_key,))
    if known is None:
        raise Conflict("This has ended or was taken back before.", code="already_ended")
    if known["request_hash"] is not None:
        check_repetition(known["request_hash"], transfer)
    return False


async def _intention(tx: Transaction, transfer: Transfer) -> Transfer | None:
    if transfer.pending_key is None:
        return None
    return check_ending(transfer, await find(tx, transfer.pending_key))


async def _keep_hold(tx: Transaction, transfer_id: str, new: Hold) -> None:
    check_hold(await hold(tx, new.kind, new.reference_id), new)
    if new.status is HoldStatus.ACTIVE:
        placed = (new.kind.value, new.reference_id, new.user_id, new.wanted_cents, new.amount_cents)
        await tx.execute(PLACE_HOLD, (*placed, new.expires_at, transfer_id))
    else:
        ended = (new.status.value, transfer_id, new.kind.value, new.reference_id)
        await tx.execute(END_HOLD, ended)


def _turnover(lines: list[dict[str, Any]]) -> int:
    return sum(line["amount_cents"] for line in lines if line["amount_cents"] > 0)
