"""What the bounty actor is asked, and what it answers."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from bountyexpo.domain.machine import Role
from bountyexpo.domain.market import dispute
from bountyexpo.domain.market.bounty import Event, Stage, Status
from bountyexpo.domain.money.fees import Settlement
from bountyexpo.persistence.market.bounties import Bounty, Terms
from bountyexpo.persistence.market.cancellations import Cancellation
from bountyexpo.persistence.market.dispute_answers import Evidence
from bountyexpo.persistence.market.disputes import Dispute
from bountyexpo.persistence.market.requests import Application, Wish
from bountyexpo.persistence.market.submissions import Delivery, Submission
from bountyexpo.persistence.market.updates import NewUpdate, Update
from bountyexpo.runtime import Message

NOTHING_WISHED: Final = Wish()


class BountyKind:
    """Marks what may be said to the owner of a bounty."""


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A bounty, and whether an earlier request had made it already."""

    bounty: Bounty
    replayed: bool


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What comes with a step; what it does not need stays None.

    ``text`` is the note, the reason, the feedback or the answer.
    """

    text: str | None = None
    terms: Terms | None = None
    # The columns of the terms that are meant; the others stay as they are.
    fields: tuple[str, ...] = ()
    wish: Wish = NOTHING_WISHED
    work: Delivery | None = None
    update: NewUpdate | None = None
    rating_tenths: int | None = None
    comment: str | None = None
    # How much of the price a cancellation gives back, if not what is usual.
    refund_percentage: int | None = None
    stage: Stage | None = None
    # What is said or shown in a dispute has an id, by which it is kept once.
    answer_id: str | None = None
    evidence: Evidence | None = None
    # Evidence that was staged before, to be shown with the dispute that is opened.
    staged: tuple[str, ...] = ()
    # What an admin gives to each side of a dispute.
    parts: Settlement | None = None
    # The status that an admin asks for.
    wanted: Status | None = None


NOTHING_SAID: Final = Said()


class StepTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A bounty after a step, with the newest of what belongs to it.

    ``is_move`` is False where the step had been taken before; ``application`` is the one that it
    named, and the conversation is known where the step has opened one.
    """

    bounty: Bounty
    previous: Status
    is_move: bool
    application: Application | None
    submission: Submission | None
    ready_at: datetime | None
    cancellation: Cancellation | None
    dispute: Dispute | None
    conversation_id: str | None
    # What the step has told the other side.
    update: Update | None


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
    wish: Wish = NOTHING_WISHED


class TakeStep(Message[BountyKind, StepTaken], frozen=True, kw_only=True, tag="bounty.step"):
    """Let ``event`` happen to the bounty.

    ``role`` is None where the actor is what they are to the bounty; an admin acts as one only where
    the operation has checked it, and nobody (``actor_id`` None) as the service or its clock.
    """

    event: Event
    actor_id: str | None
    role: Role | None = None
    # The application, the submission or the cancellation that is meant, where it must be named.
    application_id: str | None = None
    submission_id: str | None = None
    cancellation_id: str | None = None
    said: Said = NOTHING_SAID


class CloseSome(Message[BountyKind, bool], frozen=True, kw_only=True, tag="bounty.close_some"):
    """Close some of the many applications that a decision has left, and tell whether more are."""


class TakeDisputeStep(
    Message[BountyKind, StepTaken], frozen=True, kw_only=True, tag="bounty.dispute_step"
):
    """Let ``event`` happen to a dispute of the bounty.

    ``role`` is what an actor is who is no side of it: an admin, where the operation has checked it,
    or the clock. With ``version`` it is refused where the dispute is at another.
    """

    dispute_id: str
    event: dispute.Event
    actor_id: str | None
    role: Role | None = None
    version: int | None = None
    said: Said = NOTHING_SAID


BountyMessage: TypeAlias = CreateBounty | SubmitApplication | TakeStep | CloseSome | TakeDisputeStep
