"""What becomes of disputes, of the bounty they are about, and of its frozen price."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event as BountyEvent
from bountyexpo.domain.market.bounty import Stage
from bountyexpo.domain.market.dispute import APPEAL_WINDOW_S, AUTO_CLOSE_S, ESCALATE_S, Event
from bountyexpo.domain.money.fees import Settlement
from bountyexpo.errors import InvalidRequest
from bountyexpo.persistence.market.dispute_answers import Evidence
from bountyexpo.persistence.market.submissions import Delivery

from tests.integration.actors.market.effects.steps import PRICE, a_job

WHY = {"stage": Stage.IN_PROGRESS, "text": "The entrance is scratched."}
HISTORY = "select action, actor_id, actor_role, details from dispute_events order by id"
EVIDENCE = "select uploader_id, type, body, description, state from dispute_evidence"
RESOLUTION = """
    select admin_id, outcome, hunter_cents, poster_cents, fee_cents, rationale
    from dispute_resolutions
"""


@pytest.fixture
async def disputed(running):
    """A bounty about which its poster has opened a dispute."""
    await running.take(BountyEvent.DISPUTE, running.poster, **WHY)
    return running


async def decided(job, event, **given):
    return await job.judge(event, job.admin, Role.ADMIN, text="I have seen the pictures.", **given)


async def wallets(job):
    market = job.market
    return await market.available(job.poster), await market.available(job.hunter)


def later(seconds):
    return {"now": datetime.now(UTC) + timedelta(seconds=seconds)}


async def test_a_dispute_freezes_the_price_and_is_told_to_the_other_side_and_admins(disputed):
    job = disputed
    rows = await job.rows()

    row = rows.dispute
    assert (row.status, row.stage, row.reason) == ("open", "in_progress", WHY["text"])
    assert (row.initiator_id, row.respondent_id) == (job.poster, job.hunter)
    assert (row.frozen_cents, rows.escrow.state, rows.escrow.dispute_id) == (
        PRICE,
        "frozen",
        row.id,
    )
    left_s = (row.auto_close_at - datetime.now(UTC)).total_seconds()
    assert AUTO_CLOSE_S - 60 < left_s <= AUTO_CLOSE_S
    notices = await job.notices()
    assert notices[f"dis:{row.id}:open:{job.hunter}"]["recipients"] == [job.hunter]
    assert notices[f"dis:{row.id}:open:admins"]["audience"] == "admins"
    assert f"dis:{row.id}:open:{job.poster}" not in notices
    [told] = await job.market.events(job.id, "dispute.updated")
    assert (set(told.users), told.private) == ({job.poster, job.hunter}, True)
    assert told.payload == {"bountyId": job.id, "disputeId": row.id, "status": "open"}


async def test_work_of_a_poster_who_has_left_is_judged_by_an_admin(running):
    job = running
    await job.take(BountyEvent.SUBMIT, job.hunter, work=Delivery(text="Done."))

    rows = await job.take(BountyEvent.POSTER_GONE, None, Role.SYSTEM)

    row = rows.dispute
    assert (row.status, row.initiator_id, row.respondent_id) == ("open", None, None)
    assert (rows.bounty.status, rows.escrow.state) == ("in_progress", "frozen")
    keys = [key for key in await job.notices() if key.startswith("dis:")]
    assert sorted(key.rpartition(":")[2] for key in keys) == sorted(
        ["admins", job.poster, job.hunter]
    )


async def test_admins_hear_that_the_poster_of_a_dispute_has_left(disputed):
    job = disputed

    rows = await job.take(BountyEvent.POSTER_GONE, None, Role.SYSTEM)

    key = f"dis:{rows.dispute.id}:poster_gone-{rows.dispute.version}:admins"
    assert (await job.notices())[key]["audience"] == "admins"


async def test_answers_are_kept_and_put_off_the_end(disputed):
    job = disputed
    before = (await job.rows()).dispute

    said = {"text": "It was so before.", "answer_id": new_id()}
    await job.judge(Event.ANSWER, job.hunter, Role.RESPONDER, **said)
    proof = Evidence(type="link", body="https://example.net/a.png", description="A picture")
    rows = await job.judge(
        Event.ANSWER, job.poster, Role.REQUESTER, evidence=proof, answer_id=new_id()
    )
    await job.judge(Event.NOTE, job.admin, Role.ADMIN, text="Angry, both.", answer_id=new_id())

    comments = await job.db.fetch(
        "select author_id, comment, is_internal from dispute_comments order by created_at"
    )
    assert [tuple(row.values()) for row in comments] == [
        (job.hunter, "It was so before.", False),
        (job.admin, "Angry, both.", True),
    ]
    shown = await job.one(
        "select uploader_id, type, body, description, state from dispute_evidence"
    )
    assert tuple(shown.values()) == (job.poster, "link", proof.body, "A picture", "committed")
    assert rows.dispute.auto_close_at > before.auto_close_at
    answered = [
        row["recipients"]
        for key, row in (await job.notices()).items()
        if key.startswith(f"dis:{before.id}:answer-")
    ]
    assert answered[:2] == [[job.poster], [job.hunter]]


async def test_what_is_internal_is_seen_in_nothing_that_the_sides_see(disputed):
    job = disputed
    told = len(await job.notices()), await job.told("dispute.updated"), await job.rows()

    await job.judge(Event.NOTE, job.admin, Role.ADMIN, text="Between us.", answer_id=new_id())

    now = len(await job.notices()), await job.told("dispute.updated"), await job.rows()
    assert msgspec.to_builtins(now) == msgspec.to_builtins(told)


async def test_a_review_is_written_to_the_history(disputed):
    job = disputed

    rows = await job.judge(Event.REVIEW, job.admin, Role.ADMIN)

    assert (rows.dispute.status, rows.dispute.auto_close_at) == ("under_review", None)
    [event] = await job.db.fetch(HISTORY)
    assert tuple(event.values()) == (
        "review",
        job.admin,
        "admin",
        {"fromStatus": "open", "toStatus": "under_review", "reason": None},
    )


@pytest.mark.parametrize("stage", [Stage.IN_PROGRESS, Stage.CANCELLATION])
@pytest.mark.parametrize(
    ("event", "outcome", "winner", "parts", "status"),
    [
        (Event.RESOLVE_HUNTER, "release", "hunter", (9_500, 0, 500), "completed"),
        (Event.RESOLVE_POSTER, "refund", "poster", (0, PRICE, 0), "cancelled"),
        (Event.RESOLVE_SPLIT, "split", "split", (3_800, 6_000, 200), "cancelled"),
    ],
)
async def test_a_verdict_moves_the_money_and_the_bounty(
    running, stage, event, outcome, winner, parts, status
):
    job = running
    if stage is Stage.CANCELLATION:
        await job.take(BountyEvent.CANCEL, job.hunter, text="Too far.")
    await job.take(BountyEvent.DISPUTE, job.poster, stage=stage, text="No.")
    split = Settlement(refund_cents=6_000, hunter_cents=3_800, fee_cents=200)

    rows = await decided(job, event, parts=split if outcome == "split" else None)

    row = rows.dispute
    assert (row.winner, row.resolved_by, row.resolution) == (
        winner,
        job.admin,
        "I have seen the pictures.",
    )
    assert rows.bounty.status == status
    assert tuple((await job.one(RESOLUTION)).values()) == (
        job.admin,
        outcome,
        *parts,
        "I have seen the pictures.",
    )
    assert await wallets(job) == (2 * PRICE + parts[1], parts[0])
    assert rows.escrow.state == ("released" if outcome == "release" else "refunded")
    [event] = await job.db.fetch(HISTORY)
    assert event["details"]["toStatus"] == row.status
    notices = await job.notices()
    for user in (job.poster, job.hunter):
        assert notices[f"dis:{row.id}:{row.status}:{user}"]["recipients"] == [user]
    if stage is Stage.CANCELLATION:
        agreed = "rejected" if status == "completed" else "accepted"
        assert rows.cancellation.status == agreed


async def test_parts_that_do_not_make_the_whole_are_refused(disputed):
    job = disputed

    with pytest.raises(InvalidRequest):
        await decided(job, Event.RESOLVE_SPLIT, parts=Settlement(refund_cents=1))

    assert (await job.rows()).dispute.status == "open"


async def test_a_dispute_for_honor_is_decided_without_money(market):
    job = await a_job(market, cents=0)
    await job.begin()
    await job.take(BountyEvent.DISPUTE, job.hunter, **WHY)

    rows = await decided(job, Event.RESOLVE_HUNTER)

    assert (rows.bounty.status, rows.dispute.winner, rows.escrow) == ("completed", "hunter", None)


async def test_who_opened_it_withdraws_it(disputed):
    job = disputed

    rows = await job.judge(Event.WITHDRAW, job.poster, Role.REQUESTER)

    assert (rows.dispute.status, rows.bounty.status, rows.escrow.state) == (
        "cancelled",
        "in_progress",
        "held",
    )
    assert f"dis:{rows.dispute.id}:cancelled:{job.hunter}" in await job.notices()


async def test_an_admin_closes_it_and_another_can_be_opened(disputed):
    job = disputed

    closed = await decided(job, Event.CLOSE)
    again = await job.take(BountyEvent.DISPUTE, job.hunter, **WHY)

    assert (closed.dispute.status, closed.escrow.state) == ("closed", "held")
    assert again.dispute.id != closed.dispute.id
    assert (again.dispute.initiator_id, again.escrow.state) == (job.hunter, "frozen")


async def test_it_closes_by_itself_when_nobody_answers(disputed):
    job = disputed

    rows = await job.judge(Event.AUTO_CLOSE, None, Role.TIMER, **later(AUTO_CLOSE_S + 60))

    assert (rows.dispute.status, rows.escrow.state) == ("closed", "held")
    [event] = await job.db.fetch(HISTORY)
    assert (event["action"], event["actor_id"], event["actor_role"]) == (
        "auto_close",
        None,
        "timer",
    )


async def test_one_that_is_open_too_long_goes_to_the_admins(disputed):
    job = disputed

    rows = await job.judge(Event.ESCALATE, None, Role.TIMER, **later(ESCALATE_S + 60))

    assert rows.dispute.status == "under_review"
    assert rows.dispute.escalated_at is not None
    notice = (await job.notices())[f"esc:{rows.dispute.id}"]
    assert (notice["kind"], notice["audience"]) == ("dispute_escalated", "admins")


async def test_an_admin_escalates_and_says_why(disputed):
    job = disputed

    rows = await job.judge(Event.ESCALATE, job.admin, Role.ADMIN, text="They threaten each other.")

    assert rows.dispute.escalated_at is not None
    assert rows.dispute.status == "under_review"
    assert f"esc:{rows.dispute.id}" in await job.notices()


@pytest.mark.parametrize(
    ("first", "who", "upheld", "wallets_then"),
    [
        (Event.RESOLVE_POSTER, "hunter", Event.UPHOLD_FOR_HUNTER, (20_000, 9_500)),
        (Event.RESOLVE_HUNTER, "poster", Event.UPHOLD_FOR_POSTER, (30_000, 0)),
    ],
)
async def test_an_appeal_that_succeeds_is_put_right_by_adjustments(
    disputed, first, who, upheld, wallets_then
):
    job = disputed
    await decided(job, first)
    loser = job.hunter if who == "hunter" else job.poster
    role = Role.RESPONDER if who == "hunter" else Role.REQUESTER

    rows = await job.judge(Event.APPEAL, loser, role, text="Look again.")
    assert rows.dispute.has_open_appeal
    assert any(key.startswith(f"dis:{rows.dispute.id}:appeal-") for key in await job.notices())

    rows = await decided(job, upheld)

    assert (rows.dispute.winner, rows.dispute.has_open_appeal) == (who, False)
    assert await wallets(job) == wallets_then
    appeal = await job.one("select appellant_id, reason, status, reviewed_by from dispute_appeals")
    assert tuple(appeal.values()) == (loser, "Look again.", "accepted", job.admin)
    resolution = await job.one(RESOLUTION)
    assert resolution["outcome"] == ("release" if who == "hunter" else "refund")
    short = [row["details"] for row in await job.db.fetch(HISTORY) if row["action"] == "correct"]
    assert short == [{"shortCents": 0}]


async def test_what_the_loser_has_spent_the_platform_bears(market):
    job = await a_job(market, wallet=PRICE)
    await job.begin()
    await job.take(BountyEvent.DISPUTE, job.hunter, **WHY)
    await decided(job, Event.RESOLVE_POSTER)
    await market.bounty(job.poster, cents=4_000)
    await job.judge(Event.APPEAL, job.hunter, Role.REQUESTER, text="Look again.")

    await decided(job, Event.UPHOLD_FOR_HUNTER)

    assert await wallets(job) == (0, 9_500)
    short = [row["details"] for row in await job.db.fetch(HISTORY) if row["action"] == "correct"]
    assert short == [{"shortCents": 4_000}]


async def test_an_appeal_that_fails_ends_the_dispute(disputed):
    job = disputed
    await decided(job, Event.RESOLVE_POSTER)
    await job.judge(Event.APPEAL, job.hunter, Role.RESPONDER, text="Look again.")

    rows = await decided(job, Event.REJECT_APPEAL)

    assert (rows.dispute.status, rows.dispute.has_open_appeal) == ("closed", False)
    assert (await job.one("select status from dispute_appeals"))["status"] == "rejected"
    assert await wallets(job) == (3 * PRICE, 0)


async def test_a_decision_that_nobody_appeals_stands(disputed):
    job = disputed
    await decided(job, Event.RESOLVE_POSTER)

    rows = await job.judge(
        Event.APPEAL_WINDOW_OVER, None, Role.TIMER, **later(APPEAL_WINDOW_S + 60)
    )

    assert (rows.dispute.status, rows.dispute.winner) == ("closed", "poster")


async def test_the_card_network_is_a_judge_of_its_own(running):
    job = running

    opened = await job.judge(Event.CHARGEBACK_OPENED, None, Role.PROVIDER, text="fraudulent")
    assert (opened.dispute.status, opened.escrow.state) == ("stripe_dispute", "frozen")
    assert f"dis:{opened.dispute.id}:stripe_dispute:admins" in await job.notices()

    won = await job.judge(Event.CHARGEBACK_WON, None, Role.PROVIDER)
    assert (won.dispute.status, won.escrow.state) == ("resolved_won", "held")

    late = await job.rows()
    assert late.dispute.id == opened.dispute.id


async def test_a_chargeback_that_is_lost_ends_the_bounty(running):
    job = running
    await job.judge(Event.CHARGEBACK_OPENED, None, Role.PROVIDER, text="fraudulent")

    rows = await job.judge(Event.CHARGEBACK_LOST, None, Role.PROVIDER)

    assert (rows.dispute.status, rows.bounty.status) == ("resolved_lost", "cancelled")
    assert (await job.one(RESOLUTION))["outcome"] == "refund"


async def test_a_chargeback_about_a_bounty_that_has_ended_only_concerns_the_books(running):
    job = running
    await job.take(BountyEvent.SUBMIT, job.hunter, work=Delivery(text="Done."))
    await job.take(BountyEvent.APPROVE, job.poster)

    rows = await job.judge(Event.CHARGEBACK_LOST, None, Role.PROVIDER)

    assert (rows.dispute.status, rows.bounty.status) == ("resolved_lost", "completed")


async def test_what_happened_to_a_dispute_is_never_changed(disputed):
    job = disputed
    await job.judge(Event.REVIEW, job.admin, Role.ADMIN)

    for sql in ("delete from dispute_events", "update dispute_events set action = 'x'"):
        with pytest.raises(Exception, match="never changed"):
            await job.db.execute(sql)
