"""What the bounty actor is asked, and what it answers."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from bountyexpo.persistence.market.bounties import Bounty, Terms
from bountyexpo.persistence.market.requests import Application
from bountyexpo.persistence.market.submissions import Delivery, Submission
from bountyexpo.runtime import Message


class BountyKind:
    """Marks what may be said to the owner of a bounty."""


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A bounty, and whether an earlier request had made it already."""

    bounty: Bounty
    replayed: bool


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What an acceptance brought about."""

    bounty: Bounty
    application: Application
    conversation_id: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A submission, and whether this message made it."""

    submission: Submission
    created: bool


class CreateBounty(Message[BountyKind, Created], frozen=True, kw_only=True, tag="bounty.create"):
    """Post a bounty and lock its price."""

    poster_id: str
    terms: Terms
    idempotency_key: str | None = None
    request_hash: str = ""


class SubmitApplication(
    Message[BountyKind, Application], frozen=True, kw_only=True, tag="bounty.apply"
):
    """Apply as a hunter."""

    hunter_id: str
    note: str | None = None
    proposed_completion_at: datetime | None = None


class AcceptApplication(
    Message[BountyKind, Accepted], frozen=True, kw_only=True, tag="bounty.accept"
):
    """Give the work to one applicant."""

    caller_id: str
    request_id: str


class SubmitCompletion(
    Message[BountyKind, Recorded], frozen=True, kw_only=True, tag="bounty.submit"
):
    """Hand in the work."""

    caller_id: str
    work: Delivery


class ApproveCompletion(
    Message[BountyKind, Submission], frozen=True, kw_only=True, tag="bounty.approve"
):
    """Approve the work and pay the hunter."""

    caller_id: str
    submission_id: str
    stars: int | None = None
    comment: str | None = None


class TellExpiry(Message[BountyKind, None], frozen=True, kw_only=True, tag="bounty.tell_expiry"):
    """Tell the poster, once, that the end date has passed."""


BountyMessage: TypeAlias = (
    CreateBounty
    | SubmitApplication
    | AcceptApplication
    | SubmitCompletion
    | ApproveCompletion
    | TellExpiry
)
