"""The tables of handlers: each effect that a machine of the market can name, and what it does.

A handler writes rows, postings, events and notices inside the open transaction. Where it brings
about a decision of another machine it returns that step, and the step's own table carries it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bountyexpo.actors.market.effects import (
    applications,
    cancellations,
    conversation,
    corrections,
    disputes,
    escrow,
    notices,
    people,
    record,
    updates,
    work,
)
from bountyexpo.actors.market.step import Step
from bountyexpo.domain.market import application, bounty, cancellation, completion, dispute
from bountyexpo.persistence.transaction import Transaction

if TYPE_CHECKING:
    from enum import StrEnum

Handler: TypeAlias = Callable[[Transaction, Step], Awaitable[Iterable[Step] | None]]

_OF_BOUNTY: Final[Mapping[bounty.Effect, Handler]] = {
    bounty.Effect.HOLD_ESCROW: escrow.hold,
    bounty.Effect.ADJUST_ESCROW: escrow.adjust,
    bounty.Effect.RELEASE_ESCROW: escrow.release,
    bounty.Effect.REFUND_ESCROW: escrow.refund,
    bounty.Effect.SPLIT_ESCROW: escrow.split,
    bounty.Effect.FREEZE_ESCROW: escrow.freeze,
    bounty.Effect.THAW_ESCROW: escrow.thaw,
    bounty.Effect.SAVE_TERMS: record.save_terms,
    bounty.Effect.SAVE_NOTES: record.save_notes,
    bounty.Effect.ADD_APPLICATION: applications.add,
    bounty.Effect.WITHDRAW_APPLICATION: applications.withdraw,
    bounty.Effect.REJECT_APPLICATION: applications.reject,
    bounty.Effect.ACCEPT_APPLICATION: applications.accept,
    bounty.Effect.CLOSE_APPLICATIONS: applications.close,
    bounty.Effect.RELEASE_HUNTER: applications.release_hunter,
    bounty.Effect.OPEN_CONVERSATION: conversation.open_one,
    bounty.Effect.POST_SYSTEM_MESSAGE: conversation.post_system_message,
    bounty.Effect.RECORD_READY: work.announce,
    bounty.Effect.ADD_SUBMISSION: work.hand_in,
    bounty.Effect.ADD_UPDATE: updates.add,
    bounty.Effect.KEEP_FEEDBACK: work.send_back,
    bounty.Effect.APPROVE_WORK: work.approve,
    bounty.Effect.REJECT_WORK: work.reject,
    bounty.Effect.ADD_CANCELLATION: cancellations.add,
    bounty.Effect.ACCEPT_CANCELLATION: cancellations.accept,
    bounty.Effect.REJECT_CANCELLATION: cancellations.reject,
    bounty.Effect.WITHDRAW_CANCELLATION: cancellations.withdraw,
    bounty.Effect.DISPUTE_CANCELLATION: cancellations.dispute,
    bounty.Effect.REOPEN_CANCELLATION: cancellations.reopen,
    bounty.Effect.COUNT_CANCELLATION: cancellations.count,
    bounty.Effect.OPEN_DISPUTE: disputes.open_one,
    bounty.Effect.MARK_STALE: record.mark_stale,
    bounty.Effect.STAMP_EXPIRY: record.stamp_expiry,
    bounty.Effect.STAMP_QUIET: record.stamp_quiet,
    bounty.Effect.SET_HIDDEN: record.set_hidden,
    bounty.Effect.ADD_RATING: people.add_rating,
    bounty.Effect.AUDIT: record.audit,
    bounty.Effect.NOTIFY_POSTER: notices.poster,
    bounty.Effect.NOTIFY_HUNTER: notices.hunter,
    bounty.Effect.NOTIFY_OTHER_SIDE: notices.other_side,
    bounty.Effect.NOTIFY_APPLICANT: notices.applicant,
    bounty.Effect.NOTIFY_ADMINS: disputes.alert_admins,
    bounty.Effect.NOTIFY_NEARBY: notices.nearby,
    bounty.Effect.WARN_POSTER: notices.warn_poster,
    bounty.Effect.PROMPT_RATINGS: people.prompt_ratings,
    bounty.Effect.MOMENT_POSTED: people.posted,
    bounty.Effect.MOMENT_ACCEPTED: people.accepted,
    bounty.Effect.MOMENT_RATED: people.rated,
}

_OF_APPLICATION: Final[Mapping[application.Effect, Handler]] = {
    application.Effect.NOTIFY_POSTER: notices.poster,
    application.Effect.NOTIFY_APPLICANT: notices.applicant,
}

_OF_COMPLETION: Final[Mapping[completion.Effect, Handler]] = {
    completion.Effect.RECORD_READY: work.record_ready,
    completion.Effect.ADD_SUBMISSION: work.add_submission,
    completion.Effect.KEEP_FEEDBACK: work.keep_feedback,
    completion.Effect.COUNT_REVISION: work.count_revision,
    completion.Effect.POST_SYSTEM_MESSAGE: conversation.post_system_message,
    completion.Effect.NOTIFY_POSTER: notices.poster,
    completion.Effect.NOTIFY_HUNTER: notices.hunter,
}

_OF_CANCELLATION: Final[Mapping[cancellation.Effect, Handler]] = {
    cancellation.Effect.SPLIT_ESCROW: escrow.split,
    cancellation.Effect.COUNT_CANCELLATION: cancellations.count,
    cancellation.Effect.NOTIFY_OTHER_SIDE: notices.other_side,
}

_OF_DISPUTE: Final[Mapping[dispute.Effect, Handler]] = {
    dispute.Effect.DECIDE_HUNTER: disputes.decide_for_hunter,
    dispute.Effect.DECIDE_POSTER: disputes.decide_for_poster,
    dispute.Effect.DECIDE_SPLIT: disputes.decide_split,
    dispute.Effect.CLOSE_DISPUTE: disputes.close,
    dispute.Effect.FREEZE_ESCROW: escrow.freeze,
    dispute.Effect.CORRECT_BY_ADJUSTMENT: corrections.correct,
    dispute.Effect.KEEP_ANSWER: disputes.keep_answer,
    dispute.Effect.KEEP_NOTE: disputes.keep_note,
    dispute.Effect.KEEP_APPEAL: disputes.keep_appeal,
    dispute.Effect.KEEP_REVIEW: disputes.keep_review,
    dispute.Effect.RECORD: disputes.record,
    dispute.Effect.NOTIFY_BOTH: notices.both_sides,
    dispute.Effect.NOTIFY_OTHER_SIDE: notices.other_side,
    dispute.Effect.NOTIFY_ADMINS: disputes.alert_admins,
}

# By the class of the effect: effects of two machines may share a name and mean different things.
HANDLERS: Final[Mapping[type[StrEnum], Mapping[Any, Handler]]] = {
    bounty.Effect: _OF_BOUNTY,
    application.Effect: _OF_APPLICATION,
    completion.Effect: _OF_COMPLETION,
    cancellation.Effect: _OF_CANCELLATION,
    dispute.Effect: _OF_DISPUTE,
}


async def carry_out(tx: Transaction, step: Step) -> None:
    """Carry out each effect of a step, and of the steps that follow from it."""
    for effect in step.decision.effects:
        for following in await HANDLERS[type(effect)][effect](tx, step) or ():
            await carry_out(tx, following)
