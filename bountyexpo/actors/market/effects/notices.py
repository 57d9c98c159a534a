"""Who is told of what while they are away, each once (contract realtime §6, rest-core §3.5).

The key of a notice names what has happened, so that two machines which tell of the same thing tell
it once. ``data`` carries ids, under the names by which the app opens what was tapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bountyexpo.domain.market import cancellation, dispute
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.notices import Audience, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.transaction import Transaction

    Tell = Callable[[Transaction, Step], None]

CANCELLATIONS: Final = {
    cancellation.Status.PENDING: Notice.CANCELLATION_REQUEST,
    cancellation.Status.ACCEPTED: Notice.CANCELLATION_ACCEPTED,
    cancellation.Status.REJECTED: Notice.CANCELLATION_REJECTED,
    cancellation.Status.WITHDRAWN: Notice.BOUNTY_UPDATE,
}

# What can happen to a dispute more than once while its status stays.
_REPEATED: Final = frozenset({dispute.Event.ANSWER, dispute.Event.APPEAL})


async def poster(tx: Transaction, step: Step) -> None:
    """Tell the poster what has happened to their bounty."""
    TO_POSTER[step.event](tx, step)


async def hunter(tx: Transaction, step: Step) -> None:
    """Tell the hunter, where there is one, what has become of their work."""
    if len(step.sides) > 1:
        TO_HUNTER[step.event](tx, step)


async def other_side(tx: Transaction, step: Step) -> None:
    """Tell the other side of a cancellation, a dispute, or how the work goes."""
    if isinstance(step.event, dispute.Event) or step.event is Event.DISPUTE:
        _dispute(tx, step, step.other_sides)
    elif step.event is Event.POST_UPDATE:
        _progress(tx, step)
    else:
        _cancellation(tx, step)


async def both_sides(tx: Transaction, step: Step) -> None:
    """Tell poster and hunter how it stands with their dispute."""
    _dispute(tx, step, step.sides)


async def applicant(tx: Transaction, step: Step) -> None:
    """Tell an applicant that the work is theirs, or that it is not."""
    row = step.application
    assert row is not None
    # The row as it is now; the bounty names it as it was.
    is_accepted = step.after.applications[row.id].status == ApplicationStatus.ACCEPTED
    bounty_id = step.bounty.id
    tx.notify(
        Notice.ACCEPTANCE if is_accepted else Notice.REJECTION,
        [row.hunter_id],
        _about(step, requestId=row.id),
        dedupe_key=f"acc:{bounty_id}:{row.hunter_id}" if is_accepted else f"rej:{row.id}",
    )


async def nearby(tx: Transaction, step: Step) -> None:
    """Tell those who live where the work is."""
    bounty = step.bounty
    if bounty.zip_code is not None:
        tx.notify(
            Notice.BOUNTY_NEARBY,
            Audience.NEARBY,
            _about(step, zipCode=bounty.zip_code),
            dedupe_key=f"near:{bounty.id}",
        )


async def warn_poster(tx: Transaction, step: Step) -> None:
    """Tell the poster that their bounty was removed, and why."""
    _removed(tx, step)


def rating_prompt(tx: Transaction, step: Step, user_id: str) -> None:
    """Ask a side to rate the other."""
    tx.notify(
        Notice.RATING_PROMPT,
        [user_id],
        _about(step),
        dedupe_key=f"rate:{step.bounty.id}:{user_id}",
    )


def dispute_for_admins(tx: Transaction, step: Step, *, is_escalated: bool) -> None:
    """Tell the admins of a dispute: that there is one, or that it has waited too long."""
    row = step.after.dispute
    assert row is not None
    tx.notify(
        Notice.DISPUTE_ESCALATED if is_escalated else Notice.DISPUTE,
        Audience.ADMINS,
        _about(step, disputeId=row.id, status=row.status.value),
        dedupe_key=f"esc:{row.id}" if is_escalated else f"dis:{row.id}:{_state(step)}:admins",
    )


def _application(tx: Transaction, step: Step) -> None:
    row = step.after.application_of(step.actor_id)
    assert row is not None
    tx.notify(
        Notice.APPLICATION,
        [step.bounty.poster_id],
        _about(step, requestId=row.id, hunterId=row.hunter_id),
        dedupe_key=f"app:{step.bounty.id}:{row.hunter_id}",
    )


def _ready(tx: Transaction, step: Step) -> None:
    bounty = step.bounty
    tx.notify(
        Notice.WORK_READY,
        [bounty.poster_id],
        _about(step, hunterId=bounty.hunter_id),
        dedupe_key=f"rdy:{bounty.id}:{bounty.hunter_id}",
    )


def _review_needed(tx: Transaction, step: Step) -> None:
    row = step.after.submission
    assert row is not None
    tx.notify(
        Notice.REVIEW_NEEDED,
        [step.bounty.poster_id],
        _about(step, submissionId=row.id, hunterId=row.hunter_id),
        dedupe_key=f"rev:{row.id}",
    )


def _revision(tx: Transaction, step: Step) -> None:
    row = step.after.submission
    assert row is not None
    tx.notify(
        Notice.REVISION_REQUESTED,
        [row.hunter_id],
        _about(step, submissionId=row.id),
        dedupe_key=f"rvn:{row.id}:{row.revision}",
    )


def _approved(tx: Transaction, step: Step) -> None:
    tx.notify(
        Notice.WORK_APPROVED,
        step.sides[1:],
        _about(step),
        dedupe_key=f"apr:{step.bounty.id}",
    )


def _stale(tx: Transaction, step: Step) -> None:
    _of_stale(tx, step, Notice.STALE_BOUNTY, step.after.bounty)


def _stale_cancelled(tx: Transaction, step: Step) -> None:
    _of_stale(tx, step, Notice.STALE_CANCELLED, step.bounty)


def _stale_reposted(tx: Transaction, step: Step) -> None:
    _of_stale(tx, step, Notice.STALE_REPOSTED, step.bounty)


def _of_stale(tx: Transaction, step: Step, kind: Notice, stale: Bounty) -> None:
    """Tell the poster, once in each time that the bounty is ``stale``."""
    assert stale.stale_detected_at is not None
    episode = int(stale.stale_detected_at.timestamp())
    tx.notify(
        kind,
        [stale.poster_id],
        _about(step, reason=stale.stale_reason),
        dedupe_key=f"{kind.value}:{stale.id}:{episode}",
    )


def _quiet_for_poster(tx: Transaction, step: Step) -> None:
    _quiet(tx, step, step.bounty.poster_id)


def _quiet_for_hunter(tx: Transaction, step: Step) -> None:
    _quiet(tx, step, step.sides[1])


def _quiet(tx: Transaction, step: Step, user_id: str) -> None:
    if step.after.bounty.status is not step.bounty.status:
        _status(tx, step, user_id)
        return
    if step.after.bounty.is_stale:
        _stale(tx, step)
        return
    # It can become quiet again after a word or a step.
    tx.notify(
        Notice.BOUNTY_UPDATE,
        [user_id],
        _about(step, status=step.bounty.status.value, reason="quiet"),
        dedupe_key=f"quiet:{step.bounty.id}:{step.bounty.version}:{user_id}",
    )


def _expired(tx: Transaction, step: Step) -> None:
    if step.after.bounty.status is not step.bounty.status:
        _status(tx, step, step.bounty.poster_id)
        return
    tx.notify(
        Notice.BOUNTY_EXPIRED,
        [step.bounty.poster_id],
        _about(step),
        # Another end date can pass, too.
        dedupe_key=f"exp:{step.bounty.id}:{_seconds(step.bounty.end_date)}",
    )


def _seconds(moment: datetime | None) -> int:
    assert moment is not None
    return int(moment.timestamp())


def _removed(tx: Transaction, step: Step) -> None:
    tx.notify(
        Notice.BOUNTY_REMOVED,
        [step.bounty.poster_id],
        _about(step, reason=step.command.text),
        dedupe_key=f"removed:{step.bounty.id}",
    )


def _status_for_poster(tx: Transaction, step: Step) -> None:
    _status(tx, step, step.bounty.poster_id)


def _status_for_hunter(tx: Transaction, step: Step) -> None:
    _status(tx, step, step.sides[1])


def _status(tx: Transaction, step: Step, user_id: str) -> None:
    bounty = step.after.bounty
    # What an admin has set can be set again later; the version tells one time from the other.
    tx.notify(
        Notice.BOUNTY_UPDATE,
        [user_id],
        _about(step, status=bounty.status.value),
        dedupe_key=f"st:{bounty.id}:{bounty.status.value}:{bounty.version}:{user_id}",
    )


def _dispute_for_poster(tx: Transaction, step: Step) -> None:
    _dispute(tx, step, [step.bounty.poster_id])


def _dispute_for_hunter(tx: Transaction, step: Step) -> None:
    _dispute(tx, step, step.sides[1:])


def _dispute(tx: Transaction, step: Step, users: Sequence[str]) -> None:
    row = step.after.dispute
    assert row is not None
    for user_id in users:
        tx.notify(
            Notice.DISPUTE,
            [user_id],
            _about(step, disputeId=row.id, status=row.status.value),
            dedupe_key=f"dis:{row.id}:{_state(step)}:{user_id}",
        )


def _progress(tx: Transaction, step: Step) -> None:
    row = step.after.update
    assert row is not None
    tx.notify(
        Notice.BOUNTY_UPDATE,
        step.other_sides,
        _about(step, updateId=row.id, status=step.bounty.status.value),
        dedupe_key=f"upd:{row.id}",
    )


def _cancellation(tx: Transaction, step: Step) -> None:
    row, status = step.after.cancellation, cancellation.Status
    assert row is not None
    if not step.other_sides:
        return
    # Nobody was asked where nobody needed to agree.
    is_done = row.status is status.ACCEPTED and row.responder_id is None
    tx.notify(
        Notice.CANCELLED if is_done else CANCELLATIONS[row.status],
        step.other_sides,
        _about(step, cancellationId=row.id, status=row.status.value),
        dedupe_key=f"can:{step.bounty.id}" if is_done else f"cr:{row.id}:{row.status.value}",
    )


def _state(step: Step) -> str:
    row = step.after.dispute
    assert row is not None
    # Of a dispute that there was before, the admins hear what has changed about it.
    is_old = step.event is Event.POSTER_GONE and step.before.live_dispute is not None
    is_repeated = step.event in _REPEATED or is_old
    return f"{step.event.value}-{row.version}" if is_repeated else row.status.value


def _about(step: Step, **more: Any) -> dict[str, Any]:
    return {"bountyId": step.bounty.id, **more}


TO_POSTER: Final[Mapping[Any, Tell]] = {
    Event.APPLY: _application,
    Event.DIRECT_ACCEPT: _application,
    Event.READY: _ready,
    Event.SUBMIT: _review_needed,
    Event.COMPLETE: _review_needed,
    Event.RESOLVE_HUNTER: _dispute_for_poster,
    Event.RESOLVE_POSTER: _dispute_for_poster,
    Event.RESOLVE_SPLIT: _dispute_for_poster,
    Event.CLOSE_DISPUTE: _dispute_for_poster,
    Event.HUNTER_GONE: _stale,
    Event.EXPIRY_TICK: _expired,
    Event.QUIET_TICK: _quiet_for_poster,
    # Only what is stale is cancelled without the hunter, and then the poster is told so.
    Event.CANCEL: _stale_cancelled,
    Event.STALE_CANCEL: _stale_cancelled,
    Event.STALE_REPOST: _stale_reposted,
    Event.ADMIN_SET_STATUS: _status_for_poster,
    Event.ADMIN_REMOVE: _removed,
}

TO_HUNTER: Final[Mapping[Any, Tell]] = {
    Event.REQUEST_REVISION: _revision,
    Event.APPROVE: _approved,
    Event.COMPLETE: _approved,
    Event.RESOLVE_HUNTER: _dispute_for_hunter,
    Event.RESOLVE_POSTER: _dispute_for_hunter,
    Event.RESOLVE_SPLIT: _dispute_for_hunter,
    Event.CLOSE_DISPUTE: _dispute_for_hunter,
    Event.QUIET_TICK: _quiet_for_hunter,
    Event.STALE_CANCEL: _status_for_hunter,
    Event.STALE_REPOST: _status_for_hunter,
    Event.POSTER_GONE: _status_for_hunter,
    Event.ADMIN_SET_STATUS: _status_for_hunter,
    Event.ADMIN_REMOVE: _status_for_hunter,
}
