"""A handler that crashes leaves nothing behind, and nobody else feels it."""

from __future__ import annotations

import pytest
from bountyexpo.actors.market.effects.tables import HANDLERS
from bountyexpo.domain.market import application, bounty, completion
from bountyexpo.errors import Crashed

TABLES = (
    *("users", "bounties", "bounty_requests", "bounty_status_history", "completion_submissions"),
    *("ratings", "conversations", "messages", "escrows", "ledger_transfers", "notices"),
    *("stream_events", "streams", "audit_log", "activation_moments", "user_stats", "outbox"),
)


async def everything(db):
    return {table: await db.fetch(f"select * from {table} order by 1, 2") for table in TABLES}


@pytest.fixture
def crash(monkeypatch):
    def let_crash(effect):
        async def crashing(_tx, _step):
            raise ZeroDivisionError

        monkeypatch.setitem(HANDLERS[type(effect)], effect, crashing)
        return monkeypatch

    return let_crash


async def at_work(market):
    poster, hunter = await market.person(cents=10_000), await market.person()
    bounty_id = await market.bounty(poster)
    applied = await market.apply(hunter, bounty_id)
    return poster, hunter, bounty_id, applied


@pytest.mark.parametrize(
    "effect",
    [
        bounty.Effect.ACCEPT_APPLICATION,
        bounty.Effect.POST_SYSTEM_MESSAGE,
        bounty.Effect.MOMENT_ACCEPTED,
        application.Effect.NOTIFY_APPLICANT,
    ],
)
async def test_an_acceptance_that_crashes_can_be_made_again(market, crash, effect):
    poster, hunter, bounty_id, applied = await at_work(market)
    other = await market.bounty(await market.person(), cents=0)
    before = await everything(market.db)

    crashing = crash(effect)
    with pytest.raises(Crashed):
        await market.accept(poster, bounty_id, applied.id)

    assert await everything(market.db) == before
    assert (await market.apply(hunter, other)).status == "pending"
    crashing.undo()
    accepted = await market.accept(poster, bounty_id, applied.id)
    assert (accepted.bounty.status, accepted.bounty.hunter_id) == ("in_progress", hunter)


@pytest.mark.parametrize(
    "effect", [bounty.Effect.RELEASE_ESCROW, bounty.Effect.PROMPT_RATINGS, bounty.Effect.ADD_RATING]
)
async def test_an_approval_that_crashes_pays_nobody(market, crash, effect):
    poster, hunter, bounty_id, applied = await at_work(market)
    await market.accept(poster, bounty_id, applied.id)
    submission = await market.submit(hunter, bounty_id)
    before = await everything(market.db)

    crashing = crash(effect)
    with pytest.raises(Crashed):
        await market.approve(poster, bounty_id, submission.id, stars=5)

    assert await everything(market.db) == before
    assert await market.available(hunter) == 0
    crashing.undo()
    assert (await market.approve(poster, bounty_id, submission.id, stars=5)).status == "approved"
    assert await market.available(hunter) == 9_500


@pytest.mark.parametrize("effect", [bounty.Effect.HOLD_ESCROW, bounty.Effect.MOMENT_POSTED])
async def test_a_bounty_whose_posting_crashes_is_not_there(market, crash, effect):
    poster = await market.person(cents=10_000)
    before = await everything(market.db)

    crash(effect)
    with pytest.raises(Crashed):
        await market.bounty(poster)

    assert await everything(market.db) == before
    assert await market.available(poster) == 10_000


async def test_work_that_crashes_on_its_way_is_handed_in_once(market, crash):
    poster, hunter, bounty_id, applied = await at_work(market)
    await market.accept(poster, bounty_id, applied.id)

    crashing = crash(completion.Effect.NOTIFY_POSTER)
    with pytest.raises(Crashed):
        await market.submit(hunter, bounty_id)
    crashing.undo()
    submission = await market.submit(hunter, bounty_id)

    assert [
        row["id"] for row in await market.db.fetch("select id from completion_submissions")
    ] == [submission.id]
