"""What a command to a bounty tells whom; the same with a database and without one."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from bountyexpo.actors.market import stepping
from bountyexpo.actors.market.bounty_messages import TakeStep
from bountyexpo.actors.market.commit import commit
from bountyexpo.actors.market.step import Command, decide
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.market.events import BountyStatus, BountyUpdated, RequestNew, RequestUpdated
from bountyexpo.domain.notices import Notice
from bountyexpo.errors import BountyExpoError, StaleVersion
from bountyexpo.persistence.transaction import Transaction

from tests.recording_transaction import RecordingTransaction
from tests.unit.actors.market.stage import NOW

if TYPE_CHECKING:
    from tests.unit.actors.market.stage import Stage

TICK = TakeStep(event=Event.EXPIRY_TICK, actor_id=None, role=Role.TIMER)
TRANSACTIONS = (Transaction, RecordingTransaction)


async def test_an_application_is_told_to_both_sides(stage: Stage) -> None:
    rows = await stage.posted()
    poster, hunter = rows.bounty.poster_id, await stage.person()

    after, application = await stage.applied(rows, hunter, "I have a van.")

    assert (application.status, application.message) == ("pending", "I have a van.")
    assert after.applications == {application.id: application}
    assert after.bounty.version == rows.bounty.version + 1
    [(event, of, users)] = stage.told.events
    assert event == RequestNew(
        bounty_id=rows.bounty.id,
        request_id=application.id,
        hunter_id=hunter,
        status="pending",
        message="I have a van.",
    )
    assert (of, users) == (rows.bounty.id, (poster, hunter))
    [notice] = stage.told.notices_once()
    assert (notice.kind, notice.recipients) == (Notice.APPLICATION, (poster,))
    assert notice.dedupe_key == f"app:{rows.bounty.id}:{hunter}"
    assert stage.told.audits == ["bounty.apply"]


async def test_an_application_across_a_block_tells_nobody(stage: Stage) -> None:
    rows, hunter = await stage.posted(), await stage.person()
    await stage.block(rows.bounty.poster_id, hunter)

    with pytest.raises(BountyExpoError):
        await stage.applied(rows, hunter)

    assert stage.told.events == stage.told.notices == stage.told.audits == []


async def test_a_rejection_is_told_to_both_sides(stage: Stage) -> None:
    rows, application = await stage.applied(await stage.posted())
    stage.told.clear()
    step = decide(
        rows,
        Event.REJECT_APPLICATION,
        Command(
            actor_id=rows.bounty.poster_id, role=Role.POSTER, now=NOW, policy=stage.ports.policy
        ),
        application=application,
    )

    async with stage.db.transaction() as tx:
        after = await commit(tx, step)

    assert after.applications[application.id].status == "rejected"
    [told] = stage.told.events
    assert isinstance(told.event, RequestUpdated)
    assert told.users == (rows.bounty.poster_id, application.hunter_id)
    [notice] = stage.told.notices_once()
    assert (notice.kind, notice.recipients) == (Notice.REJECTION, (application.hunter_id,))


async def test_an_expiry_is_told_to_the_poster_once(stage: Stage) -> None:
    rows = await stage.posted(end_date=NOW - timedelta(hours=1))

    after, _ = await stepping.take(stage.ports, rows, TICK, NOW)
    again, _ = await stepping.take(stage.ports, after, TICK, NOW)

    assert after.bounty.expiry_notified_at == NOW
    assert again is after
    [told] = stage.told.events
    assert isinstance(told.event, BountyUpdated)
    [notice] = stage.told.notices_once()
    assert (notice.kind, notice.recipients) == (Notice.BOUNTY_EXPIRED, (rows.bounty.poster_id,))


async def test_a_command_on_an_old_copy_tells_nobody(stage: Stage) -> None:
    old = await stage.posted(end_date=NOW - timedelta(hours=1))
    await stage.applied(old)
    stage.told.clear()

    with pytest.raises(StaleVersion):
        await stepping.take(stage.ports, old, TICK, NOW)

    assert old.bounty.expiry_notified_at is None
    assert stage.told.events == stage.told.notices == stage.told.audits == []


async def test_a_failure_after_the_command_undoes_what_it_told(stage: Stage) -> None:
    rows = await stage.posted(end_date=NOW - timedelta(hours=1))
    command = Command(actor_id=None, role=Role.TIMER, now=NOW, policy=stage.ports.policy)

    async def fail_at_the_end() -> None:
        async with stage.db.transaction() as tx:
            await commit(tx, decide(rows, Event.EXPIRY_TICK, command))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_at_the_end()

    assert stage.told.events == stage.told.notices == stage.told.audits == []
    assert rows.bounty.expiry_notified_at is None


async def test_posting_is_told_to_the_poster(stage: Stage) -> None:
    rows = await stage.posted(is_forgotten=False)

    [told] = stage.told.events
    assert isinstance(told.event, BountyStatus)
    assert (told.event.status, told.event.previous_status) == ("open", None)
    assert told.users == (rows.bounty.poster_id,)
    assert stage.told.audits == ["bounty.create"]


@pytest.mark.parametrize("name", ["event", "notify", "effect", "audit", "fetch", "lock"])
def test_the_recorder_takes_what_the_transaction_takes(name: str) -> None:
    real, recorded = (inspect.signature(getattr(each, name)) for each in TRANSACTIONS)

    assert list(recorded.parameters) == list(real.parameters)
    assert [each.kind for each in recorded.parameters.values()] == [
        each.kind for each in real.parameters.values()
    ]
