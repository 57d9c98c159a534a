"""The guards of a bounty's rules: each names a fact, and says no in the words the caller hears."""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Guard, Refusal
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.market.bounty import Stage, Status
from bountyexpo.domain.market.completion import State as Work
from bountyexpo.errors import InvalidRequest, NotAllowed, RateLimited

IS_PAID: Final = Guard("it has a price", "is_paid")
FOR_HONOR: Final = Guard("it is for honor", "is_paid", (False,))

IS_VERIFIED: Final = Guard(
    "the caller's e-mail is verified",
    "is_verified",
    refusal=Refusal("Please verify your email first.", "EMAIL_NOT_VERIFIED", NotAllowed),
)
HAS_POSTS_LEFT: Final = Guard(
    "the poster may post another today",
    "has_posts_left",
    refusal=Refusal(
        "You have posted as many bounties as a day allows.",
        error=RateLimited,
        retry_after=3_600,
    ),
)
IS_FUNDED: Final = Guard(
    "the price is locked in escrow",
    "is_funded",
    refusal=Refusal("The price of this bounty is not funded yet.", "not_funded"),
)
NOT_EXPIRED: Final = Guard(
    "the end date has not passed",
    "is_expired",
    (False,),
    Refusal("The end date of this bounty has passed.", "BOUNTY_EXPIRED"),
)
NOTHING_WAITS: Final = Guard(
    "no application waits",
    "has_waiting_applications",
    (False,),
    Refusal("Answer the waiting applications before changing the terms.", "PENDING_APPLICATIONS"),
)
NOTHING_CHANGES: Final = Guard("nothing changes", "changes_terms", (False,))

APPLICATION_WAITS: Final = Guard(
    "the application waits",
    "application",
    (ApplicationStatus.PENDING,),
    Refusal("This application is no longer waiting.", "REQUEST_NOT_PENDING"),
)
USE_APPLICATION: Final = Guard(
    "exactly one application waits",
    "application",
    (ApplicationStatus.PENDING,),
    Refusal("Please accept one of the applications.", "USE_APPLICATION"),
)
LIVE_APPLICATION: Final = Guard(
    "the caller's application is live",
    "application",
    (ApplicationStatus.PENDING, ApplicationStatus.ACCEPTED),
)
SAME_APPLICATION: Final = Guard("this application was accepted", "is_accepted_one")
OWN_APPLICATION: Final = Guard(
    "the application is the caller's",
    "is_applicant",
    refusal=Refusal("Only the applicant can withdraw an application.", error=NotAllowed),
)
WITHDRAWN: Final = Guard(
    "the application was withdrawn", "application", (ApplicationStatus.WITHDRAWN,)
)
REJECTED: Final = Guard(
    "the application was rejected", "application", (ApplicationStatus.REJECTED,)
)

HAS_HUNTER: Final = Guard(
    "a hunter is set",
    "has_hunter",
    refusal=Refusal("This bounty has no hunter. Accept an application instead.", "NO_HUNTER"),
)
NO_HUNTER: Final = Guard("no hunter is set", "has_hunter", (False,))
IS_STALE: Final = Guard(
    "the hunter has vanished",
    "is_stale",
    refusal=Refusal("The hunter of this bounty has not left.", "NOT_STALE"),
)
NOT_STALE: Final = Guard(
    "the hunter has not vanished",
    "is_stale",
    (False,),
    Refusal("This bounty waits for the poster's decision.", "BOUNTY_STALE"),
)

NO_WORK: Final = Guard("nothing was handed in or announced", "work", (Work.NONE,))
WORK_NOT_HANDED_IN: Final = Guard("nothing was handed in", "work", (Work.NONE, Work.READY))
WORK_TO_REVISE: Final = Guard("changes were asked for", "work", (Work.REVISION_REQUESTED,))
WORK_WAITS: Final = Guard(
    "work waits for review",
    "work",
    (Work.PENDING,),
    Refusal("No work is waiting for review.", "NO_PENDING_SUBMISSION"),
)
NEWEST_WORK: Final = Guard(
    "it is the newest work",
    "is_newest_work",
    refusal=Refusal("A newer submission has replaced this one.", "SUBMISSION_REPLACED"),
)

IS_DISPUTED: Final = Guard(
    "a dispute is open",
    "is_disputed",
    refusal=Refusal("There is no open dispute.", "NO_ACTIVE_DISPUTE"),
)
NOT_DISPUTED: Final = Guard(
    "no dispute is open",
    "is_disputed",
    (False,),
    Refusal("An open dispute must be decided first.", "DISPUTE_ACTIVE"),
)
STARTS_AT_WORK: Final = Guard(
    "it is about the work",
    "stage",
    (Stage.IN_PROGRESS, Stage.REVIEW_VERIFY),
    Refusal("There is no cancellation to dispute.", "WRONG_STAGE"),
)
STARTS_AT_CANCELLATION: Final = Guard(
    "it is about the cancellation",
    "stage",
    (Stage.CANCELLATION,),
    Refusal("Only the cancellation can be disputed now.", "WRONG_STAGE"),
)

ANSWERS_OTHER: Final = Guard(
    "the other side asked for it",
    "is_requester",
    (False,),
    Refusal("Only the other side can answer this request.", error=NotAllowed),
)
ASKED_FOR_IT: Final = Guard(
    "the caller asked for it",
    "is_requester",
    refusal=Refusal("Only who made this request can withdraw it.", error=NotAllowed),
)
HAS_REJECTED: Final = Guard("the caller has said no before", "has_rejected")
HAS_WITHDRAWN: Final = Guard("the caller has taken it back before", "has_withdrawn")
HAS_TEXT: Final = Guard(
    "a reason is given",
    "has_text",
    refusal=Refusal("Please say why.", "REASON_REQUIRED", InvalidRequest),
)

IS_HIDDEN: Final = Guard("the caller hides it", "is_hidden")
NOT_HIDDEN: Final = Guard("the caller sees it", "is_hidden", (False,))
HAS_RATED: Final = Guard("the caller has rated", "has_rated")
EXPIRY_IS_NEWS: Final = Guard("the end date has passed", "is_expired")
EXPIRY_NOT_TOLD: Final = Guard("the poster was not told", "is_expiry_noticed", (False,))

EXPIRY_IS_OLD: Final = Guard("the poster was told long ago", "is_expiry_old")

IS_QUIET: Final = Guard("nothing has happened for long", "is_quiet")
QUIET_NOT_TOLD: Final = Guard("nobody was told of it", "is_quiet_noticed", (False,))
IS_ABANDONED: Final = Guard("people were told so long ago", "is_abandoned")
NONE_WAITS: Final = Guard("no application waits", "has_waiting_applications", (False,))
IS_NOT_STALE: Final = Guard("it is not stale", "is_stale", (False,))
NO_DISPUTE: Final = Guard("no dispute is open", "is_disputed", (False,))


def wants(status: Status) -> Guard:
    """Return the guard of an admin's step to ``status``."""
    return Guard(f"{status.value} is asked for", "wanted", (status,))
