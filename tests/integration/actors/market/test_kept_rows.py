"""An owner reads a bounty once; what it has written itself, it knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trio
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market import dispute
from bountyexpo.domain.market.bounty import Event, Stage
from bountyexpo.errors import NotAllowed, StaleVersion
from bountyexpo.persistence.market import disputes, requests

from tests.integration.actors.conftest import Market
from tests.integration.actors.market.effects.steps import a_job


class Watched:
    """A pool that remembers each statement that is not part of a transaction."""

    def __init__(self, pool):
        self._pool = pool
        self.read = []

    def __getattr__(self, name):
        return getattr(self._pool, name)

    async def fetch(self, sql, params=()):
        self.read.append(sql)
        return await self._pool.fetch(sql, params)

    async def fetch_one(self, sql, params=()):
        self.read.append(sql)
        return await self._pool.fetch_one(sql, params)


@pytest.fixture
def database(database):
    return Watched(database)


async def test_nothing_is_read_again_after_a_commit(market):
    poster, hunter = await market.person(cents=10_000), await market.person()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    market.db.read.clear()

    bounty_id = await market.bounty(poster)
    # The first message loads the actor, which finds no bounty yet.
    assert len(market.db.read) == 1
    market.db.read.clear()
    applied = await market.apply(hunter, bounty_id)
    accepted = await market.accept(poster, bounty_id, applied.id)
    submission = await market.submit(hunter, bounty_id)
    approved = await market.approve(poster, bounty_id, submission.id)

    # There may be any number of applications, so the one that is named is looked up.
    assert market.db.read == [requests.BY_ID]
    assert (accepted.bounty.status, accepted.application.status) == ("in_progress", "accepted")
    assert (approved.status, approved.reviewed_at is not None) == ("approved", True)

    expired = await market.bounty(poster, cents=0, end_date=yesterday)
    market.db.read.clear()
    await market.step(expired, Event.EXPIRY_TICK, None, role=Role.TIMER)
    assert market.db.read == []


async def test_an_owner_with_old_rows_finds_what_another_has_done(market):
    poster, hunter = await market.person(), await market.person()
    bounty_id = await market.bounty(poster, cents=0)
    applied = await market.apply(hunter, bounty_id)
    await market.accept(poster, bounty_id, applied.id)
    async with trio.open_nursery() as nursery:
        other = Market(market.db)
        await nursery.start(other.run_pools)
        with pytest.raises(NotAllowed):
            await other.submit(poster, bounty_id)
        first = await market.submit(hunter, bounty_id)

        second = await other.submit(hunter, bounty_id, "Done twice.")

        assert second == first
        nursery.cancel_scope.cancel()


async def test_a_dispute_that_another_has_moved_is_not_moved_again(database, market):
    job = await a_job(market)
    await job.begin()
    rows = await job.take(
        Event.DISPUTE, job.poster, stage=Stage.IN_PROGRESS, text="It is scratched."
    )
    await job.judge(dispute.Event.REVIEW, job.admin, Role.ADMIN)

    with pytest.raises(StaleVersion):
        await disputes.advance(database, rows.dispute, dispute.Status.CLOSED)
