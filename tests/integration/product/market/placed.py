"""Bounties for honor that stand in any state at once, without the steps that lead there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.ids import new_id

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product

PLACE = """
    insert into app.bounties (id, poster_id, hunter_id, title, description, amount_cents,
                              platform_fee_bps, policy_version, is_for_honor, status, is_stale,
                              stale_reason, stale_detected_at)
    values (%(id)s, %(poster)s, %(hunter)s, %(title)s, 'It is heavy and must go upstairs.', 0, 500,
            1, true, %(status)s, %(is_stale)s, case when %(is_stale)s then 'inactive' end,
            case when %(is_stale)s then now() end)
    returning id
"""
APPLIED = """
    insert into app.bounty_requests (id, bounty_id, hunter_id, status) values (%s, %s, %s, %s)
    returning id
"""
ACCEPTED = "update app.bounties set accepted_request_id = %s where id = %s returning id"
HANDED_IN = """
    insert into app.completion_submissions (id, bounty_id, hunter_id, message, status, reviewed_at)
    values (%s, %s, %s, 'Done.', %s, case when %s = 'pending' then null else now() end)
    returning id
"""


def place(
    product: Product,
    poster: Person,
    status: str,
    hunter: Person | None = None,
    *,
    is_stale: bool = False,
) -> str:
    """Put a bounty there; ``hunter`` is at work on it, or was."""
    row = {"id": new_id(), "poster": poster.id, "hunter": hunter.id if hunter else None}
    row |= {"title": f"Carry the sofa ({new_id()[:8]})", "status": status}
    (made,) = product.session.execute(PLACE, row | {"is_stale": is_stale}).fetchall()
    bounty_id = str(made["id"])
    if hunter is not None:
        request_id = applied(product, bounty_id, hunter, "accepted")
        product.rows(ACCEPTED, request_id, bounty_id)
    return bounty_id


def applied(product: Product, bounty_id: str, hunter: Person, status: str = "pending") -> str:
    """Let somebody have applied."""
    # A trigger names tables as the product does.
    product.session.execute("set search_path to app")
    return str(product.value(APPLIED, new_id(), bounty_id, hunter.id, status))


def handed_in(product: Product, bounty_id: str, hunter: Person, status: str = "pending") -> str:
    """Let work have been handed in."""
    return str(product.value(HANDED_IN, new_id(), bounty_id, hunter.id, status, status))
