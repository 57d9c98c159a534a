"""A handler that crashes leaves nothing behind, and nobody else feels it."""

from __future__ import annotations

import pytest
from bountyexpo.actors.market.bounty_messages import Said, TakeDisputeStep
from bountyexpo.actors.market.effects.tables import HANDLERS
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market import application, bounty, completion, dispute
from bountyexpo.domain.market.bounty import Stage
from bountyexpo.errors import Crashed

TABLES = (
    *("users", "bounties", "bounty_requests", "bounty_status_history", "completion_submissions"),
    *("ratings", "conversations", "messages", "escrows", "ledger_transfers", "notices"),
    *("bounty_cancellations", "disputes", "dispute_events", "dispute_resolutions"),
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


async def running(market):
    poster, hunter, bounty_id, applied = await at_work(market)
    await market.accept(poster, bounty_id, applied.id)
    return poster, hunter, bounty_id


QUARREL = Said(text="It is red.", stage=Stage.IN_PROGRESS)


@pytest.mark.parametrize("effect", [bounty.Effect.FREEZE_ESCROW, dispute.Effect.NOTIFY_ADMINS])
async def test_a_dispute_whose_opening_crashes_freezes_nothing(market, crash, effect):
    poster, _, bounty_id = await running(market)
    before = await everything(market.db)

    crashing = crash(effect)
    with pytest.raises(Crashed):
        await market.step(bounty_id, bounty.Event.DISPUTE, poster, said=QUARREL)

    assert await everything(market.db) == before
    assert (await market.escrow(bounty_id)).state == "held"
    crashing.undo()
    opened = await market.step(bounty_id, bounty.Event.DISPUTE, poster, said=QUARREL)
    assert (opened.dispute.status, (await market.escrow(bounty_id)).state) == ("open", "frozen")


@pytest.mark.parametrize(
    ("event", "effect", "state", "cents"),
    [
        (dispute.Event.WITHDRAW, bounty.Effect.THAW_ESCROW, "held", 0),
        (dispute.Event.WITHDRAW, dispute.Effect.NOTIFY_OTHER_SIDE, "held", 0),
        (dispute.Event.RESOLVE_HUNTER, bounty.Effect.RELEASE_ESCROW, "released", 9_500),
        (dispute.Event.RESOLVE_HUNTER, dispute.Effect.RECORD, "released", 9_500),
    ],
)
async def test_a_dispute_whose_end_crashes_stays_frozen(market, crash, event, effect, state, cents):
    poster, hunter, bounty_id = await running(market)
    opened = await market.step(bounty_id, bounty.Event.DISPUTE, poster, said=QUARREL)
    is_verdict = event is dispute.Event.RESOLVE_HUNTER
    message = TakeDisputeStep(
        dispute_id=opened.dispute.id,
        event=event,
        actor_id=await market.person() if is_verdict else poster,
        role=Role.ADMIN if is_verdict else None,
        said=Said(text="I have seen the pictures."),
    )
    before = await everything(market.db)

    crashing = crash(effect)
    with pytest.raises(Crashed):
        await market.actors.bounty(bounty_id).ask(message)

    assert await everything(market.db) == before
    assert (await market.escrow(bounty_id)).state == "frozen"
    crashing.undo()
    await market.actors.bounty(bounty_id).ask(message)
    assert (await market.escrow(bounty_id)).state == state
    assert await market.available(hunter) == cents


async def test_a_split_that_crashes_pays_neither_side(market, crash):
    poster, hunter, bounty_id = await running(market)
    half = Said(text="Too far.", refund_percentage=50)
    await market.step(bounty_id, bounty.Event.CANCEL, hunter, said=half)
    before = await everything(market.db)

    crashing = crash(bounty.Effect.COUNT_CANCELLATION)
    with pytest.raises(Crashed):
        await market.step(bounty_id, bounty.Event.CANCEL_ACCEPT, poster)

    assert await everything(market.db) == before
    crashing.undo()
    await market.step(bounty_id, bounty.Event.CANCEL_ACCEPT, poster)
    assert (await market.available(poster), await market.available(hunter)) == (5_000, 4_750)
