"""Lists of objects, the newest first, with Stripe's cursors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.sandbox.stripe.params import integer, listed, only, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal, missing

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.sandbox.stripe.noun import Noun
    from bountyexpo.sandbox.stripe.work import Json

PAGE_DEFAULT = 10
PAGE_MAX = 100

CURSORS = ("limit", "starting_after", "ending_before", "created")

# Filters that take several values.
LISTS = frozenset({"types"})

# The last second that a time may name: the year 9999.
SECONDS_MAX = 253_402_300_799

PAGE = """
    SELECT object FROM sandbox.stripe_listed
    WHERE kind = ANY (%(kinds)s) AND account IS NOT DISTINCT FROM %(account)s
        AND object @> %(fields)s::jsonb
        AND (%(types)s::text[] IS NULL OR object->>'type' = ANY (%(types)s))
        AND (%(after)s::bigint IS NULL OR number < %(after)s)
        AND (%(before)s::bigint IS NULL OR number > %(before)s)
        AND created_at >= %(since)s AND created_at < %(until)s
    ORDER BY number * %(direction)s LIMIT %(limit)s
"""
NUMBER = "SELECT number FROM sandbox.stripe_listed WHERE kind = ANY (%s) AND id = %s"


async def page(
    queries: Queries, noun: Noun, params: Json, account: str | None, parent_id: str | None = None
) -> Json:
    """Return one page of a noun's objects that an account has, or of one parent's.

    Raises:
        StripeRefusal: a parameter is wrong, or a cursor names nothing.
    """
    only(params, (*CURSORS, *noun.filters))
    limit = integer(params, "limit")
    limit = PAGE_DEFAULT if limit is None else limit
    if not 1 <= limit <= PAGE_MAX:
        raise StripeRefusal("Invalid limit: it must be between 1 and 100", param="limit")
    if {"starting_after", "ending_before"} <= params.keys():
        raise StripeRefusal("Only one of starting_after and ending_before may be given")
    after = await _number(queries, noun, params, "starting_after")
    before = await _number(queries, noun, params, "ending_before")
    since, until = _window(params.get("created"))
    fields = {name: text(params, name) for name in noun.filters - LISTS}
    if parent_id is not None:
        fields[noun.of] = parent_id
    rows = await queries.fetch(
        PAGE,
        {
            "kinds": list(noun.known_as),
            "account": account,
            "fields": msgspec.json.encode({k: v for k, v in fields.items() if v}).decode(),
            "types": listed(params.get("types")) or None,
            "after": after,
            "before": before,
            "since": since,
            "until": until,
            # What comes before a cursor is counted from the cursor.
            "direction": -1 if before is None else 1,
            "limit": limit + 1,
        },
    )
    found = [row["object"] for row in rows[:limit]]
    return {
        "object": "list",
        "url": f"/v1/{noun.path}".replace("<parent_id>", parent_id or ""),
        "has_more": len(rows) > limit,
        "data": found if before is None else found[::-1],
    }


async def _number(queries: Queries, noun: Noun, params: Json, name: str) -> int | None:
    """Return the place of the object that a cursor names."""
    cursor = text(params, name)
    if cursor is None:
        return None
    row = await queries.fetch_one(NUMBER, (list(noun.known_as), cursor))
    if row is None:
        raise missing(cursor, noun.name, name)
    number: int = row["number"]
    return number


def _window(created: Any) -> tuple[datetime, datetime]:
    """Return from when, and until before when, objects were made."""
    asked = created if isinstance(created, dict) else {"gte": created, "lte": created}
    if not isinstance(created, dict | str | None):
        raise StripeRefusal("Invalid created", param="created")
    only(asked, ("gt", "gte", "lt", "lte"))
    bounds = {name: integer(asked, name) for name in ("gt", "gte", "lt", "lte")}
    # Times are whole seconds: after one is from the next.
    since = [bounds["gte"], _next(bounds["gt"])]
    until = [bounds["lt"], _next(bounds["lte"])]
    return (
        _time(max((each for each in since if each is not None), default=0)),
        _time(min((each for each in until if each is not None), default=SECONDS_MAX)),
    )


def _next(second: int | None) -> int | None:
    return None if second is None else second + 1


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(seconds, SECONDS_MAX), UTC)
