"""Taking a step: whatever can happen to a bounty that is there, decided and written in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.market import quiet
from bountyexpo.actors.market.bounty_messages import StepTaken
from bountyexpo.actors.market.commit import commit
from bountyexpo.actors.market.step import Command, decide
from bountyexpo.domain.market.application import MACHINE as APPLICATION
from bountyexpo.domain.market.bounty import NOTES, Event
from bountyexpo.errors import AlreadyMoved
from bountyexpo.persistence.market import requests
from bountyexpo.persistence.market.bounties import Terms

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.bounty_messages import TakeStep
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.requests import Application


async def take(
    ports: ActorDependencies, rows: Rows, message: TakeStep, now: datetime
) -> tuple[Rows, StepTaken]:
    """Take a step; one that was taken before changes nothing."""
    _check_cancellation(rows, message.cancellation_id)
    actor_id, application = message.actor_id, await _application(ports, rows, message)
    command = Command(
        actor_id=actor_id,
        role=message.role or rows.bounty.parties.role_of(actor_id),
        now=now,
        policy=ports.policy,
        **msgspec.structs.asdict(message.said),
    )
    event, command = _meant(rows.bounty, message.event, command)
    quiet_facts = await quiet.facts(ports.db, event, rows.bounty, ports.policy, now)
    step = decide(
        rows.knowing(application),
        event,
        command,
        application=application,
        is_newest_work=_is_newest(rows, message.submission_id),
        **quiet_facts,
    )
    return await write(ports, rows, step)


async def write(ports: ActorDependencies, rows: Rows, step: Step) -> tuple[Rows, StepTaken]:
    """Write a step, if it is one, and return the rows that its bounty has then."""
    is_move, named = step.decision.is_move, step.application
    if is_move:
        async with ports.db.transaction() as tx:
            rows = await commit(tx, step)
    return rows, StepTaken(
        bounty=rows.bounty,
        previous=step.bounty.status,
        is_move=is_move,
        application=rows.applications.get(named.id, named) if named else None,
        submission=rows.submission,
        ready_at=rows.ready_at,
        cancellation=rows.cancellation,
        dispute=rows.dispute,
        conversation_id=rows.conversation_id,
        update=rows.update,
    )


def _meant(bounty: Bounty, event: Event, command: Command) -> tuple[Event, Command]:
    """Return a change of the terms as it is once what is not meant stays as it is.

    Whoever sends terms that stand already changes no more than the notes.
    """
    if command.terms is None:
        return event, command
    changes = {
        name: value
        for name in command.fields
        if (value := getattr(command.terms, name)) != getattr(bounty, name)
    }
    kept = {name: getattr(bounty, name) for name in Terms.__struct_fields__}
    command = msgspec.structs.replace(command, terms=Terms(**kept | changes))
    return Event.ATTACH if NOTES.issuperset(changes) else event, command


async def _application(
    ports: ActorDependencies, rows: Rows, message: TakeStep
) -> Application | None:
    if message.application_id is None:
        return None
    found = await requests.get(ports.db, message.application_id)
    if found is None or found.bounty_id != rows.bounty.id:
        raise APPLICATION.absent.raised(None)
    return found


def _check_cancellation(rows: Rows, cancellation_id: str | None) -> None:
    if cancellation_id is None:
        return
    if rows.cancellation is None or rows.cancellation.id != cancellation_id:
        raise AlreadyMoved("A newer request has replaced this one.", code="CANCELLATION_REPLACED")


def _is_newest(rows: Rows, submission_id: str | None) -> bool:
    """Tell whether the submission that is named was not replaced; naming none means the newest."""
    if submission_id is None:
        return True
    return rows.submission is not None and rows.submission.id == submission_id
