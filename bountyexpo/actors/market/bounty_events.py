"""The stream events of a bounty, with the fields of contract realtime §4.6.

The bounty's own stream is for its parties and its subscribers; what concerns one applicant is
private to that applicant and the poster. Money is told on each user's own stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.domain.market.bounty import Status
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.transaction import Transaction


async def created(tx: Transaction, bounty_id: str, status: Status, poster_id: str) -> None:
    """Begin the stream."""
    payload = _status(bounty_id, status, None, version=1)
    await tx.event(f"bounty:{bounty_id}", "bounty.status", payload, users=(poster_id,))


async def status_changed(
    tx: Transaction,
    bounty: Bounty,
    status: Status,
    *,
    users: Sequence[str] | None = None,
) -> None:
    """Tell the parties, or ``users``, of the bounty's new status."""
    payload = _status(bounty.id, status, bounty.status, version=bounty.version + 1)
    audience = tuple(users) if users is not None else parties(bounty)
    await tx.event(f"bounty:{bounty.id}", "bounty.status", payload, users=audience)


async def expired(tx: Transaction, bounty: Bounty) -> None:
    """Tell the poster that the end date has passed; the status stays."""
    payload = {
        "id": bounty.id,
        "bountyId": bounty.id,
        "status": bounty.status.value,
        "version": bounty.version + 1,
        "isExpired": True,
    }
    await tx.event(
        f"bounty:{bounty.id}", "bounty.updated", payload, users=(bounty.poster_id,), private=True
    )


async def request_changed(
    tx: Transaction,
    event: str,
    bounty: Bounty,
    request_id: str,
    hunter_id: str,
    status: str,
    *,
    note: str | None = None,
) -> None:
    """Tell the poster and this one applicant about an application."""
    payload = {
        "bountyId": bounty.id,
        "requestId": request_id,
        "hunterId": hunter_id,
        "status": status,
        "message": note,
    }
    await tx.event(
        f"bounty:{bounty.id}", event, payload, users=(bounty.poster_id, hunter_id), private=True
    )


async def completion(
    tx: Transaction, event: str, bounty: Bounty, submission_id: str, status: str
) -> None:
    """Tell both parties about a submission."""
    payload = {"bountyId": bounty.id, "submissionId": submission_id, "status": status}
    await tx.event(f"bounty:{bounty.id}", event, payload, users=parties(bounty), private=True)


async def escrow(
    tx: Transaction, status: str, bounty_id: str, user_id: str, amount_cents: int
) -> None:
    """Tell one user that the price of a bounty was held or released."""
    payload = {"bountyId": bounty_id, "amountCents": amount_cents, "status": status}
    await tx.event(f"user:{user_id}", f"escrow.{status}", payload, users=(user_id,))


def public_fields(bounty: Bounty) -> dict[str, Any]:
    """Return what anybody may see of a bounty in the public feed."""
    return {
        "bountyId": bounty.id,
        "status": bounty.status.value,
        "title": bounty.title,
        "amountCents": bounty.amount_cents,
        "isForHonor": bounty.is_for_honor,
        "posterId": bounty.poster_id,
        "username": bounty.username,
        "category": bounty.category,
        "workType": bounty.work_type,
        "version": bounty.version,
    }


def parties(bounty: Bounty) -> tuple[str, ...]:
    """Return the poster and, once there is one, the hunter."""
    return (bounty.poster_id, bounty.hunter_id) if bounty.hunter_id else (bounty.poster_id,)


def _status(
    bounty_id: str, status: Status, previous: Status | None, *, version: int
) -> dict[str, Any]:
    return {
        "id": bounty_id,
        "bountyId": bounty_id,
        "status": status.value,
        "previousStatus": previous.value if previous else None,
        "version": version,
    }
