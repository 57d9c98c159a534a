"""What the stream of a bounty is told, and whom (contract realtime §4.6).

The bounty's own stream is for its parties and its subscribers; what concerns one applicant is
private to that applicant and the poster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.market.events import (
    BountyInFeed,
    BountyStatus,
    BountyUpdated,
    CompletionReviewed,
    CompletionSubmitted,
    RequestNew,
    RequestUpdated,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.domain.market.bounty import Status
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.transaction import Transaction


def created(tx: Transaction, bounty_id: str, status: Status, poster_id: str) -> None:
    """Begin the stream."""
    event = _status(bounty_id, status, None, version=1)
    tx.event(event, of=bounty_id, users=(poster_id,))


def status_changed(
    tx: Transaction,
    bounty: Bounty,
    status: Status,
    *,
    users: Sequence[str] | None = None,
) -> None:
    """Tell the parties, or ``users``, of the bounty's new status."""
    event = _status(bounty.id, status, bounty.status, version=bounty.version + 1)
    tx.event(event, of=bounty.id, users=parties(bounty) if users is None else tuple(users))


def expired(tx: Transaction, bounty: Bounty) -> None:
    """Tell the poster that the end date has passed; the status stays."""
    event = BountyUpdated(
        id=bounty.id,
        bounty_id=bounty.id,
        status=bounty.status.value,
        version=bounty.version + 1,
        is_expired=True,
    )
    tx.event(event, of=bounty.id, users=(bounty.poster_id,))


def request_new(
    tx: Transaction, bounty: Bounty, request_id: str, hunter_id: str, status: str, note: str | None
) -> None:
    """Tell the poster and the applicant of an application."""
    event = RequestNew(
        bounty_id=bounty.id,
        request_id=request_id,
        hunter_id=hunter_id,
        status=status,
        message=note,
    )
    tx.event(event, of=bounty.id, users=(bounty.poster_id, hunter_id))


def request_updated(
    tx: Transaction, bounty: Bounty, request_id: str, hunter_id: str, status: str
) -> None:
    """Tell the poster and the applicant what became of an application."""
    event = RequestUpdated(
        bounty_id=bounty.id, request_id=request_id, hunter_id=hunter_id, status=status
    )
    tx.event(event, of=bounty.id, users=(bounty.poster_id, hunter_id))


def completion(
    tx: Transaction,
    kind: type[CompletionSubmitted | CompletionReviewed],
    bounty: Bounty,
    submission_id: str,
    status: str,
) -> None:
    """Tell both parties about a submission."""
    event = kind(bounty_id=bounty.id, submission_id=submission_id, status=status)
    tx.event(event, of=bounty.id, users=parties(bounty))


def in_feed(bounty: Bounty) -> BountyInFeed:
    """Return what anybody may see of a bounty in the public feed."""
    return BountyInFeed(
        bounty_id=bounty.id,
        status=bounty.status.value,
        title=bounty.title,
        amount_cents=bounty.amount_cents,
        is_for_honor=bounty.is_for_honor,
        poster_id=bounty.poster_id,
        username=bounty.username,
        category=bounty.category,
        work_type=bounty.work_type,
        version=bounty.version,
    )


def parties(bounty: Bounty) -> tuple[str, ...]:
    """Return the poster and, once there is one, the hunter."""
    return (bounty.poster_id, bounty.hunter_id) if bounty.hunter_id else (bounty.poster_id,)


def _status(
    bounty_id: str, status: Status, previous: Status | None, *, version: int
) -> BountyStatus:
    return BountyStatus(
        id=bounty_id,
        bounty_id=bounty_id,
        status=status.value,
        previous_status=previous.value if previous else None,
        version=version,
    )
