"""What the parties of a bounty hear, and its followers (contract realtime §4.6).

What concerns one applicant, or the work, is private to those it is sent to.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType

from bountyexpo.domain.events import Coalesce, Event, Stream, event

BOUNTY, FEED = Stream.BOUNTY, Stream.FEED


@event("bounty.status", BOUNTY, public_fields=("id", "status"))
class BountyStatus(Event, frozen=True, kw_only=True):
    """A bounty has a new status; the first event of its stream has no previous one."""

    id: str
    bounty_id: str
    status: str
    previous_status: str | None
    version: int


@event("bounty.updated", BOUNTY, is_private=True, redacted_id="bountyId")
class BountyUpdated(Event, frozen=True, kw_only=True):
    """A bounty has changed under the same status: its terms, its end date, its hunter is gone."""

    id: str
    bounty_id: str
    status: str
    version: int
    is_expired: bool | UnsetType = UNSET
    is_stale: bool | UnsetType = UNSET


class RequestEvent(Event, frozen=True, kw_only=True):
    """An application, as its poster and this one applicant are told of it."""

    bounty_id: str
    request_id: str
    hunter_id: str
    status: str
    message: str | None = None


@event("request.new", BOUNTY, is_private=True)
class RequestNew(RequestEvent, frozen=True, kw_only=True):
    """Somebody has applied."""


@event("request.updated", BOUNTY, is_private=True)
class RequestUpdated(RequestEvent, frozen=True, kw_only=True):
    """An application was decided."""


@event("completion.ready", BOUNTY, is_private=True)
class CompletionReady(Event, frozen=True, kw_only=True):
    """The hunter says to be ready."""

    bounty_id: str
    hunter_id: str
    ready_at: datetime


@event("bounty.progress", BOUNTY, is_private=True)
class BountyProgress(Event, frozen=True, kw_only=True):
    """One side tells the other how the work goes."""

    bounty_id: str
    update_id: str
    author_id: str
    message: str
    created_at: datetime


class CompletionEvent(Event, frozen=True, kw_only=True):
    """Work on a bounty, as both parties are told of it."""

    bounty_id: str
    submission_id: str
    status: str


@event("completion.submitted", BOUNTY, is_private=True)
class CompletionSubmitted(CompletionEvent, frozen=True, kw_only=True):
    """The hunter has handed in work."""


@event("completion.reviewed", BOUNTY, is_private=True)
class CompletionReviewed(CompletionEvent, frozen=True, kw_only=True):
    """The poster has decided on the work that was handed in."""


@event("dispute.updated", BOUNTY, is_private=True)
class DisputeUpdated(Event, frozen=True, kw_only=True):
    """A dispute was opened, answered or decided."""

    bounty_id: str
    dispute_id: str
    status: str


@event(
    "bounty.updated",
    FEED,
    is_durable=False,
    coalesce=Coalesce("bounty.updated", ("bountyId",)),
)
class BountyInFeed(Event, frozen=True, kw_only=True):
    """The newest public state of a bounty, at most once a second."""

    bounty_id: str
    status: str
    title: str
    amount_cents: int
    is_for_honor: bool
    poster_id: str
    username: str
    category: str | None
    work_type: str | None
    version: int
