"""However many people have applied, a decision closes few of their applications with itself."""

from __future__ import annotations

import pytest
from bountyexpo.actors.market.effects import applications
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.jobs.branch import effect_handlers
from bountyexpo.persistence.after_commit import Bell
from bountyexpo.persistence.outbox import Relay

from tests.commits import nobody

STATUSES = """
    select status, count(*)::int as found from bounty_requests where bounty_id = %s group by status
"""
REJECTED = "select count(distinct dedupe_key)::int as told from notices where kind = 'rejection'"


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(applications, "CLOSED_AT_ONCE", 2)


async def crowd(market, bounty_id):
    return [await market.apply(await market.person(), bounty_id) for _ in range(8)]


async def statuses(market, bounty_id):
    rows = await market.db.fetch(STATUSES, (bounty_id,))
    return {row["status"]: row["found"] for row in rows}


async def carry_out_what_was_left(market):
    relay = Relay(market.db, effect_handlers(market.actors, market.db), Bell(), nobody)
    await relay.run_once()


async def test_the_others_are_closed_one_batch_after_the_other(market):
    poster = await market.person(cents=10_000)
    bounty_id = await market.bounty(poster)
    chosen, *_ = await crowd(market, bounty_id)

    await market.accept(poster, bounty_id, chosen.id)

    left = {"accepted": 1, "rejected": 2, "pending": 5}
    assert await statuses(market, bounty_id) == left
    await carry_out_what_was_left(market)
    assert await statuses(market, bounty_id) == {"accepted": 1, "rejected": 7}
    assert (await market.db.fetch_one(REJECTED))["told"] == 7


async def test_who_was_left_when_the_bounty_opened_again_may_be_chosen(market):
    poster = await market.person(cents=10_000)
    bounty_id = await market.bounty(poster)
    chosen, *_ = await crowd(market, bounty_id)
    await market.accept(poster, bounty_id, chosen.id)
    await market.step(bounty_id, Event.HUNTER_GONE, None, role=Role.SYSTEM)

    await market.step(bounty_id, Event.STALE_REPOST, poster)
    await carry_out_what_was_left(market)

    assert await statuses(market, bounty_id) == {"withdrawn": 1, "rejected": 2, "pending": 5}
    row = "select id from bounty_requests where bounty_id = %s and status = 'pending' limit 1"
    another = await market.db.fetch_one(row, (bounty_id,))
    taken = await market.accept(poster, bounty_id, another["id"])
    assert taken.application.status == "accepted"
