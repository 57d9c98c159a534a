"""Handing in the work, and approving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.bounty_messages import ApproveCompletion, Recorded, SubmitCompletion
from bountyexpo.actors.market.commit import commit
from bountyexpo.actors.market.step import Command, decide
from bountyexpo.domain.market.bounty import Event

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.persistence.market.submissions import Submission


async def submit(
    ports: ActorDependencies, rows: Rows, message: SubmitCompletion, now: datetime
) -> tuple[Rows, Recorded]:
    """Hand in the work; what waits for review is answered as it is."""
    command = Command(
        actor_id=message.caller_id,
        role=rows.bounty.parties.role_of(message.caller_id),
        now=now,
        policy=ports.policy,
        work=message.work,
    )
    step = decide(rows, Event.SUBMIT, command)
    if step.decision.is_move:
        async with ports.db.transaction() as tx:
            rows = await commit(tx, step)
    assert rows.submission is not None
    return rows, Recorded(submission=rows.submission, created=step.decision.is_move)


async def approve(
    ports: ActorDependencies, rows: Rows, message: ApproveCompletion, now: datetime
) -> tuple[Rows, Submission]:
    """Approve the work, pay the hunter, and rate them if the poster has."""
    command = Command(
        actor_id=message.caller_id,
        role=rows.bounty.parties.role_of(message.caller_id),
        now=now,
        policy=ports.policy,
        rating_tenths=message.stars * 10 if message.stars is not None else None,
        comment=message.comment,
    )
    submission = rows.submission
    is_newest = submission is not None and submission.id == message.submission_id
    step = decide(rows, Event.APPROVE, command, is_newest_work=is_newest)
    if step.decision.is_move:
        async with ports.db.transaction() as tx:
            rows = await commit(tx, step)
    assert rows.submission is not None
    return rows, rows.submission
