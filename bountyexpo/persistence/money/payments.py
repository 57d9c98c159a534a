"""Payments into the platform: one row per payment intent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.errors import StaleVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.domain.money.payment import PaymentStatus
    from bountyexpo.persistence.queries import Queries

COLUMNS = """
    id, user_id, kind, amount_cents, currency, status, description, stripe_payment_intent_id,
    replaced_intent_ids, failure_code, give_up_at, poll_at, idempotency_key, request_hash, version,
    created_at
"""

BY_ID = f"select {COLUMNS} from payments where id = %s"
BY_INTENT = f"select {COLUMNS} from payments where stripe_payment_intent_id = %s"
# Also one that was given up for another: money may still arrive by it.
OF_INTENT = f"""
    select {COLUMNS} from payments
    where stripe_payment_intent_id = %(intent_id)s
        or replaced_intent_ids @> array[%(intent_id)s::text]
"""
BY_KEY = f"select {COLUMNS} from payments where user_id = %s and idempotency_key = %s"

INSERT = f"""
    insert into payments (id, user_id, kind, amount_cents, status, description, idempotency_key,
                          request_hash)
    values (%(id)s, %(user_id)s, %(kind)s, %(amount_cents)s, %(status)s, %(description)s,
            %(idempotency_key)s, %(request_hash)s)
    on conflict (user_id, idempotency_key) where idempotency_key is not null do nothing
    returning {COLUMNS}
"""

ADVANCE = """
    update payments set status = %(status)s, failure_code = %(failure_code)s,
        give_up_at = %(give_up_at)s, poll_at = %(poll_at)s,
        polls = case when status = %(status)s then polls else 0 end,
        stripe_payment_intent_id = coalesce(%(intent_id)s, stripe_payment_intent_id),
        version = version + 1, updated_at = now()
    where id = %(id)s and version = %(version)s
"""

START_AGAIN = """
    update payments set status = %s, failure_code = null, stripe_payment_intent_id = null,
        replaced_intent_ids = array_remove(replaced_intent_ids || stripe_payment_intent_id, null),
        give_up_at = null, poll_at = null, polls = 0,
        version = version + 1, updated_at = now()
    where id = %s and version = %s
"""

GIVEN_UP = """
    select id from payments where give_up_at <= now() and status = any(%s)
    order by give_up_at limit %s
"""
GIVE_UP_LATER = """
    update payments set give_up_at = now() + make_interval(secs => %s)
    where id = %s and give_up_at <= now()
"""

# The time of the next question is set before the question, so that none is asked twice for nothing.
POLLED = """
    with due as (
        select id from payments where poll_at <= now() and status = any(%(statuses)s)
        order by poll_at limit %(limit)s for update skip locked
    )
    update payments p set polls = polls + 1, poll_at = now() + make_interval(
        secs => least(%(most_s)s, %(first_s)s * 2 ^ least(polls + 1, 20)))
    from due where p.id = due.id returning p.id
"""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One payment, from intent to credit."""

    id: str
    user_id: str
    kind: str
    amount_cents: int
    currency: str
    status: str
    description: str | None
    stripe_payment_intent_id: str | None
    # Intents that came to nothing before this one was made.
    replaced_intent_ids: list[str]
    failure_code: str | None
    give_up_at: datetime | None
    poll_at: datetime | None
    idempotency_key: str | None
    request_hash: str | None
    version: int
    created_at: datetime


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a payment before the provider has been asked."""

    id: str
    user_id: str
    kind: str
    amount_cents: int
    status: str
    description: str | None
    idempotency_key: str | None
    request_hash: str


async def get(db: Queries, payment_id: str) -> Payment | None:
    """Return the payment, or None."""
    return _payment(await db.fetch_one(BY_ID, (payment_id,)))


async def by_intent(db: Queries, intent_id: str) -> Payment | None:
    """Return the payment of a provider's payment intent, or None."""
    return _payment(await db.fetch_one(BY_INTENT, (intent_id,)))


async def of_intent(db: Queries, intent_id: str) -> Payment | None:
    """Return the payment for which this payment intent was made, replaced or not, or None."""
    return _payment(await db.fetch_one(OF_INTENT, {"intent_id": intent_id}))


async def by_key(db: Queries, user_id: str, idempotency_key: str) -> Payment | None:
    """Return the payment that this user made with this idempotency key, or None."""
    return _payment(await db.fetch_one(BY_KEY, (user_id, idempotency_key)))


async def insert(db: Queries, payment: NewPayment) -> Payment | None:
    """Insert a payment and return it as it is stored, or None if its key was used before."""
    return _payment(await db.fetch_one(INSERT, msgspec.structs.asdict(payment)))


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a payment goes; an intent that is not named stays."""

    status: str
    intent_id: str | None = None
    failure_code: str | None = None
    give_up_at: datetime | None = None
    poll_at: datetime | None = None


async def advance(db: Queries, payment: Payment, to: Advance) -> Payment:
    """Move ``payment`` on, and return it at the next version.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    values = msgspec.structs.asdict(to) | {"id": payment.id, "version": payment.version}
    if not await db.execute(ADVANCE, values):
        raise StaleVersion
    return msgspec.structs.replace(
        payment,
        status=to.status,
        stripe_payment_intent_id=to.intent_id or payment.stripe_payment_intent_id,
        failure_code=to.failure_code,
        give_up_at=to.give_up_at,
        poll_at=to.poll_at,
        version=payment.version + 1,
    )


async def start_again(db: Queries, payment: Payment, status: str) -> Payment:
    """Move ``payment`` to ``status`` without its intent, and return it at the next version.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    if not await db.execute(START_AGAIN, (status, payment.id, payment.version)):
        raise StaleVersion
    return msgspec.structs.replace(
        payment,
        status=status,
        stripe_payment_intent_id=None,
        replaced_intent_ids=[*payment.replaced_intent_ids, *_intents_of(payment)],
        failure_code=None,
        give_up_at=None,
        poll_at=None,
        version=payment.version + 1,
    )


async def given_up(db: Queries, statuses: Sequence[PaymentStatus], limit: int) -> list[str]:
    """Return payments in ``statuses`` that nobody has paid in time."""
    wanted = ([status.value for status in statuses], limit)
    return [row["id"] for row in await db.fetch(GIVEN_UP, wanted)]


async def give_up_later(db: Queries, payment_id: str, after_s: float) -> None:
    """Let others be given up before this one, if it is still due."""
    await db.execute(GIVE_UP_LATER, (after_s, payment_id))


async def polled(
    db: Queries, statuses: Sequence[PaymentStatus], limit: int, *, first_s: int, most_s: int
) -> list[str]:
    """Return payments in ``statuses`` that are to be asked for, and set when they are next."""
    wanted = {
        "statuses": [status.value for status in statuses],
        "limit": limit,
        "first_s": first_s,
        "most_s": most_s,
    }
    return [row["id"] for row in await db.fetch(POLLED, wanted)]


def _intents_of(payment: Payment) -> tuple[str, ...]:
    intent_id = payment.stripe_payment_intent_id
    return () if intent_id is None else (intent_id,)


def _payment(row: dict[str, object] | None) -> Payment | None:
    return msgspec.convert(row, Payment) if row else None
