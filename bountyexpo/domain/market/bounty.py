"""What a bounty is: its statuses, what can happen to it, and the facts its rules look at.

The rules themselves are the table in ``bounty_rules`` (rest-core §3). Seven statuses are stored.
All else that the rules know of a bounty is an overlay on its status, and therefore a fact: an
open dispute, a hunter who has vanished, where the work stands, the end date that has passed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.market.completion import State as Work


class Status(StrEnum):
    """The seven stored statuses."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"
    CANCELLATION_REQUESTED = "cancellation_requested"
    DELETED = "deleted"


class Event(StrEnum):
    """What can happen to a bounty."""

    CREATE = "create"
    EDIT_TERMS = "edit_terms"
    ATTACH = "attach"
    APPLY = "apply"
    WITHDRAW_APPLICATION = "withdraw_application"
    REJECT_APPLICATION = "reject_application"
    ACCEPT = "accept"
    # The old client's way to take a bounty without being accepted.
    DIRECT_ACCEPT = "direct_accept"
    READY = "ready"
    SUBMIT = "submit"
    REQUEST_REVISION = "request_revision"
    # One side tells the other how the work goes.
    POST_UPDATE = "post_update"
    APPROVE = "approve"
    # The old client's way to end a bounty without a review.
    COMPLETE = "complete"
    CANCEL = "cancel"
    CANCEL_ACCEPT = "cancel_accept"
    CANCEL_REJECT = "cancel_reject"
    CANCEL_WITHDRAW = "cancel_withdraw"
    DISPUTE = "dispute"
    RESOLVE_HUNTER = "resolve_hunter"
    RESOLVE_POSTER = "resolve_poster"
    RESOLVE_SPLIT = "resolve_split"
    CLOSE_DISPUTE = "close_dispute"
    HUNTER_GONE = "hunter_gone"
    POSTER_GONE = "poster_gone"
    STALE_CANCEL = "stale_cancel"
    STALE_REPOST = "stale_repost"
    EXPIRY_TICK = "expiry_tick"
    # Nobody has moved it for a long time.
    QUIET_TICK = "quiet_tick"
    ARCHIVE = "archive"
    DELETE = "delete"
    HIDE = "hide"
    UNHIDE = "unhide"
    RATE = "rate"
    ADMIN_SET_STATUS = "admin_set_status"
    ADMIN_REMOVE = "admin_remove"


class Effect(StrEnum):
    """What follows from a step; those on the escrow happen only where there is a price."""

    HOLD_ESCROW = "hold_escrow"
    ADJUST_ESCROW = "adjust_escrow"
    RELEASE_ESCROW = "release_escrow"
    REFUND_ESCROW = "refund_escrow"
    SPLIT_ESCROW = "split_escrow"
    FREEZE_ESCROW = "freeze_escrow"
    THAW_ESCROW = "thaw_escrow"
    SAVE_TERMS = "save_terms"
    SAVE_NOTES = "save_notes"
    ADD_APPLICATION = "add_application"
    WITHDRAW_APPLICATION = "withdraw_application"
    REJECT_APPLICATION = "reject_application"
    ACCEPT_APPLICATION = "accept_application"
    CLOSE_APPLICATIONS = "close_applications"
    RELEASE_HUNTER = "release_hunter"
    OPEN_CONVERSATION = "open_conversation"
    POST_SYSTEM_MESSAGE = "post_system_message"
    RECORD_READY = "record_ready"
    ADD_SUBMISSION = "add_submission"
    KEEP_FEEDBACK = "keep_feedback"
    ADD_UPDATE = "add_update"
    APPROVE_WORK = "approve_work"
    REJECT_WORK = "reject_work"
    ADD_CANCELLATION = "add_cancellation"
    ACCEPT_CANCELLATION = "accept_cancellation"
    REJECT_CANCELLATION = "reject_cancellation"
    WITHDRAW_CANCELLATION = "withdraw_cancellation"
    DISPUTE_CANCELLATION = "dispute_cancellation"
    REOPEN_CANCELLATION = "reopen_cancellation"
    COUNT_CANCELLATION = "count_cancellation"
    OPEN_DISPUTE = "open_dispute"
    MARK_STALE = "mark_stale"
    STAMP_EXPIRY = "stamp_expiry"
    STAMP_QUIET = "stamp_quiet"
    SET_HIDDEN = "set_hidden"
    ADD_RATING = "add_rating"
    AUDIT = "audit"
    NOTIFY_POSTER = "notify_poster"
    NOTIFY_HUNTER = "notify_hunter"
    NOTIFY_OTHER_SIDE = "notify_other_side"
    NOTIFY_APPLICANT = "notify_applicant"
    NOTIFY_ADMINS = "notify_admins"
    NOTIFY_NEARBY = "notify_nearby"
    WARN_POSTER = "warn_poster"
    PROMPT_RATINGS = "prompt_ratings"
    MOMENT_POSTED = "moment_post_first_bounty"
    MOMENT_ACCEPTED = "moment_accept_first_bounty"
    MOMENT_RATED = "moment_rate_completed_bounty"


class Stage(StrEnum):
    """Where a dispute begins."""

    IN_PROGRESS = "in_progress"
    REVIEW_VERIFY = "review_verify"
    CANCELLATION = "cancellation"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at: the bounty's overlays, then the caller and the command."""

    is_paid: bool = True
    # It is for honor, or its price is locked in escrow.
    is_funded: bool = True
    has_hunter: bool = False
    has_waiting_applications: bool = False
    work: Work = Work.NONE
    # The submission that is named, if one is, was not replaced by a later one.
    is_newest_work: bool = True
    is_disputed: bool = False
    is_stale: bool = False
    # The end date has passed, and the poster has been told.
    is_expired: bool = False
    is_expiry_noticed: bool = False
    # The poster was told a long time ago.
    is_expiry_old: bool = False
    # Nothing has happened for long; people were told so, and that is long ago, too.
    is_quiet: bool = False
    is_quiet_noticed: bool = False
    is_abandoned: bool = False

    is_verified: bool = True
    has_posts_left: bool = True
    is_blocked: bool = False
    has_room: bool = True
    is_cooling_down: bool = False
    cool_down_left_s: int = 0
    # The caller asked for the cancellation that waits; said no to the last one; took it back.
    is_requester: bool = False
    has_rejected: bool = False
    has_withdrawn: bool = False
    is_hidden: bool = False
    has_rated: bool = False

    # The application that is named, or the caller's own; None where there is none.
    application: ApplicationStatus | None = None
    # The application that is named is the one that was accepted.
    is_accepted_one: bool = False
    # It is the caller's.
    is_applicant: bool = True
    changes_amount: bool = False
    # What is asked for is other than what stands.
    changes_terms: bool = True
    # The text that the step demands: a reason, feedback or an answer.
    has_text: bool = True
    stage: Stage = Stage.IN_PROGRESS
    # The status that an admin asks for.
    wanted: Status | None = None


# Two people work with each other, and must be able to talk, whatever they think of each other.
RUNNING: Final = (Status.IN_PROGRESS, Status.CANCELLATION_REQUESTED)

# A bounty that is offered again while the first is still as it was posted is the same request come
# again. Once somebody works on it, or it has ended, the same words are a new offer.
POSTED_AGAIN: Final = (Status.OPEN,)

# What of a bounty may change while somebody works on it, by the names of its columns.
NOTES: Final = frozenset({"attachments", "conditional_end_note"})

# What people find in lists: the parties all but what they put away, others what still stands.
LISTED_TO_PARTIES: Final = tuple(status for status in Status if status is not Status.ARCHIVED)
LISTED_TO_OTHERS: Final = tuple(status for status in Status if status is not Status.DELETED)


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides of a bounty; the hunter is known once an application is accepted."""

    poster_id: str
    hunter_id: str | None = None

    def role_of(self, user_id: str | None) -> Role:
        """Return what ``user_id`` is to this bounty; nobody is a stranger."""
        if user_id == self.poster_id:
            return Role.POSTER
        is_hunter = user_id is not None and user_id == self.hunter_id
        return Role.HUNTER if is_hunter else Role.OTHER

    def may_see(self, status: Status, user_id: str | None) -> bool:
        """Tell whether ``user_id`` may know of this bounty: strangers not of a deleted one."""
        return status in LISTED_TO_OTHERS or user_id in {self.poster_id, self.hunter_id} - {None}
