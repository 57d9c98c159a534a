"""Objects, events and remembered answers of the Stripe emulator, in PostgreSQL.

A request is one transaction: the changed objects, the events they cause and the answer kept for its
idempotency key are stored together or not at all. What kind of object it is does not matter here;
``sandbox.stripe_listed`` shows objects and events alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.stripe.calls import API_VERSION
from bountyexpo.sandbox.stripe.cards import METHODS, shown

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.transaction import Transaction

    Json = dict[str, Any]

# What our webhook endpoint is subscribed to, and the one for connected accounts; of everything else
# only the list of events tells.
SUBSCRIBED = ("payment_intent.", "charge.refunded", "charge.dispute.", "refund.", "transfer.")
SUBSCRIBED_CONNECT = ("account.", "payout.")


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered with: a status and JSON text."""

    status: int
    body: str


def answer(body: Any, status: int = 200) -> Answer:
    """Return ``body`` as an answer."""
    return Answer(status, _text(body))


class KeyReused(Exception):
    """The idempotency key belongs to a different request."""


def stripe_id(prefix: str) -> str:
    """Return a fresh identifier in the manner of Stripe."""
    return f"{prefix}_{new_id().replace('-', '')}"


async def claim_key(tx: Transaction, key: str, fingerprint: str, now: datetime) -> Answer | None:
    """Take the key for this request, or return the answer its first use was given.

    A second request with the key waits here until the first has committed.

    Raises:
        KeyReused: its first use was a different request.
    """
    taken = await tx.execute(
        """INSERT INTO sandbox.stripe_replies (idempotency_key, fingerprint, created_at)
           VALUES (%s, %s, %s) ON CONFLICT DO NOTHING""",
        (key, fingerprint, now),
    )
    if taken:
        return None
    row = await tx.fetch_one(
        """SELECT fingerprint, status, body FROM sandbox.stripe_replies
           WHERE idempotency_key = %s""",
        (key,),
    )
    assert row is not None, "answers are kept for ever"
    if row["fingerprint"] != fingerprint:
        raise KeyReused(key)
    return Answer(row["status"], row["body"])


async def keep_answer(tx: Transaction, key: str, given: Answer) -> None:
    """Remember the answer for repeats of the same request."""
    await tx.execute(
        "UPDATE sandbox.stripe_replies SET status = %s, body = %s WHERE idempotency_key = %s",
        (given.status, given.body, key),
    )


async def find(queries: Queries, object_id: str, account: str | None) -> Json | None:
    """Return an object or an event of any kind that an account has; None is the platform.

    Test payment methods are always there.
    """
    if object_id in METHODS:
        return shown(object_id)
    row = await queries.fetch_one(
        """SELECT object FROM sandbox.stripe_listed
           WHERE id = %s AND account IS NOT DISTINCT FROM %s""",
        (object_id, account),
    )
    return row["object"] if row else None


async def lock(tx: Transaction, object_id: str, account: str | None) -> Json | None:
    """Return an object that an account has, locked until the transaction ends."""
    if object_id in METHODS:
        return shown(object_id)
    row = await tx.fetch_one(
        """SELECT object FROM sandbox.stripe_objects
           WHERE id = %s AND account IS NOT DISTINCT FROM %s FOR UPDATE""",
        (object_id, account),
    )
    return row["object"] if row else None


async def save(tx: Transaction, found: Json, now: datetime, account: str | None) -> None:
    """Store an object of an account, new or changed."""
    await tx.execute(
        """INSERT INTO sandbox.stripe_objects (id, object, created_at, account)
           VALUES (%s, %s::jsonb, %s, %s)
           ON CONFLICT (id) DO UPDATE SET object = excluded.object""",
        (found["id"], _text(found), now, account),
    )


async def remove(tx: Transaction, object_id: str) -> None:
    """Forget an object, as if it had never been ours."""
    await tx.execute("DELETE FROM sandbox.stripe_objects WHERE id = %s", (object_id,))


async def add_event(
    tx: Transaction,
    event_type: str,
    data: Json,
    *,
    key: str | None,
    now: datetime,
    account: str | None,
) -> None:
    """Store an event; one that its webhook endpoint is subscribed to is due at once."""
    is_told = event_type.startswith(SUBSCRIBED if account is None else SUBSCRIBED_CONNECT)
    event: Json = {
        "id": stripe_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(now.timestamp()),
        "data": data,
        "livemode": False,
        "pending_webhooks": int(is_told),
        "request": {"id": stripe_id("req"), "idempotency_key": key},
        "type": event_type,
    }
    if account is not None:
        event["account"] = account
    await tx.execute(
        """INSERT INTO sandbox.stripe_events
               (id, type, body, created_at, next_attempt_at, account)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (event["id"], event_type, _text(event), now, now if is_told else None, account),
    )


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
