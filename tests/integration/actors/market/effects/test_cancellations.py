"""What becomes of cancellations, of the price, and of the statistics of who asked for them."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market import dispute
from bountyexpo.domain.market.bounty import Event, Stage, Status

from tests.integration.actors.market.effects.steps import PRICE

STATS = "select cancellation_count, withdrawal_count from user_stats where user_id = %s"
STORED = "select count(*) as rows from bounty_cancellations"
WHY = {"text": "[category:other] We have moved."}


async def counted(job, user):
    row = await job.one(STATS, user)
    return tuple(row.values()) if row else (0, 0)


async def notice(job, key):
    found = (await job.notices())[key]
    return found["kind"], found["recipients"], found["data"].get("status")


async def test_an_open_bounty_is_cancelled_at_once_and_counted_once(job):
    await job.take(Event.APPLY, job.hunter)

    rows = await job.take(Event.CANCEL, job.poster, **WHY)

    row = rows.cancellation
    assert (row.status, row.requester_id, row.requester_role) == ("accepted", job.poster, "poster")
    assert (row.refund_bps, row.refund_cents, row.reason) == (10_000, PRICE, WHY["text"])
    assert row.resolved_at is not None
    assert (rows.escrow.state, await job.market.available(job.poster)) == ("refunded", 3 * PRICE)
    assert await counted(job, job.poster) == (1, 0)
    assert not [key for key in await job.notices() if key.startswith(("can:", "cr:"))]


@pytest.mark.parametrize("side", ["poster", "hunter"])
async def test_who_works_on_it_or_posted_it_asks_the_other(running, side):
    job = running
    asks, other = (job.poster, job.hunter) if side == "poster" else (job.hunter, job.poster)

    rows = await job.take(Event.CANCEL, asks, **WHY)

    row = rows.cancellation
    assert (rows.bounty.status, row.status, row.resolved_at) == (
        Status.CANCELLATION_REQUESTED,
        "pending",
        None,
    )
    # Half is proposed when the poster asks, all when the hunter does.
    assert row.refund_bps == (5_000 if side == "poster" else 10_000)
    assert await notice(job, f"cr:{row.id}:pending") == ("cancellation_request", [other], "pending")
    assert await counted(job, asks) == (0, 0)


@pytest.mark.parametrize("side", ["poster", "hunter"])
async def test_work_for_honor_is_cancelled_without_an_answer(honor, side):
    job = honor
    await job.begin()
    asks, other = (job.poster, job.hunter) if side == "poster" else (job.hunter, job.poster)

    rows = await job.take(Event.CANCEL, asks, **WHY)

    assert (rows.bounty.status, rows.cancellation.status) == ("cancelled", "accepted")
    assert rows.cancellation.refund_cents == 0
    assert await notice(job, f"can:{job.id}") == ("cancellation", [other], "accepted")
    assert await counted(job, asks) == ((1, 0) if side == "poster" else (0, 1))


@pytest.mark.parametrize(
    ("percent", "poster_cents", "hunter_cents"),
    [(50, 25_000, 4_750), (100, 30_000, 0), (0, 20_000, 9_500)],
)
async def test_both_agree_and_each_gets_their_part_once(
    running, percent, poster_cents, hunter_cents
):
    job = running
    await job.take(Event.CANCEL, job.hunter, refund_percentage=percent, **WHY)

    rows = await job.take(Event.CANCEL_ACCEPT, job.poster, text="So be it.")

    row, market = rows.cancellation, job.market
    assert (row.status, row.responder_id, row.response_message) == (
        "accepted",
        job.poster,
        "So be it.",
    )
    assert (rows.bounty.status, rows.escrow.state) == ("cancelled", "refunded")
    assert (await market.available(job.poster), await market.available(job.hunter)) == (
        poster_cents,
        hunter_cents,
    )
    assert await counted(job, job.hunter) == (0, 1)
    assert await notice(job, f"cr:{row.id}:accepted") == (
        "cancellation_accepted",
        [job.hunter],
        "accepted",
    )


async def test_the_other_side_says_no_and_is_asked_again(running):
    job = running
    await job.take(Event.CANCEL, job.poster, **WHY)

    rows = await job.take(Event.CANCEL_REJECT, job.hunter, text="I am nearly done.")

    first = rows.cancellation
    assert (rows.bounty.status, first.status) == ("in_progress", "rejected")
    assert (first.responder_id, first.response_message) == (job.hunter, "I am nearly done.")
    assert await notice(job, f"cr:{first.id}:rejected") == (
        "cancellation_rejected",
        [job.poster],
        "rejected",
    )
    again = await job.take(Event.CANCEL, job.poster, **WHY)
    assert again.cancellation.id != first.id
    assert (await job.one(STORED))["rows"] == 2


async def test_who_asked_takes_it_back(running):
    job = running
    await job.take(Event.CANCEL, job.poster, **WHY)

    rows = await job.take(Event.CANCEL_WITHDRAW, job.poster)

    row = rows.cancellation
    assert (rows.bounty.status, row.status, row.responder_id) == ("in_progress", "withdrawn", None)
    assert await notice(job, f"cr:{row.id}:withdrawn") == ("update", [job.hunter], "withdrawn")


async def test_a_disputed_cancellation_waits_for_its_answer_again(running):
    job = running
    await job.take(Event.CANCEL, job.poster, **WHY)

    rows = await job.take(
        Event.DISPUTE, job.hunter, stage=Stage.CANCELLATION, text="I have worked for two days."
    )
    assert rows.cancellation.status == "disputed"
    assert rows.dispute.cancellation_id == rows.cancellation.id

    rows = await job.judge(dispute.Event.CLOSE, job.admin, Role.ADMIN)
    assert (rows.bounty.status, rows.cancellation.status) == (
        Status.CANCELLATION_REQUESTED,
        "pending",
    )


async def test_nobody_is_left_to_answer_a_request_of_a_bounty_that_went_on(running):
    job = running
    await job.take(Event.CANCEL, job.hunter, **WHY)

    rows = await job.take(Event.HUNTER_GONE, None, Role.SYSTEM)

    assert (rows.bounty.status, rows.bounty.is_stale) == ("in_progress", True)
    assert rows.cancellation.status == "withdrawn"


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        (Status.CANCELLED, "withdrawn"),
        (Status.COMPLETED, "withdrawn"),
        (Status.OPEN, "withdrawn"),
        (Status.IN_PROGRESS, "rejected"),
    ],
)
async def test_an_admin_ends_what_waits_for_an_answer(running, wanted, status):
    job = running
    await job.take(Event.CANCEL, job.poster, **WHY)

    rows = await job.take(
        Event.ADMIN_SET_STATUS, job.admin, Role.ADMIN, wanted=wanted, text="They agreed by phone."
    )

    assert (rows.bounty.status, rows.cancellation.status) == (wanted, status)
    assert rows.cancellation.responder_id is None


async def test_who_was_left_alone_gets_everything_back_and_it_is_not_their_doing(running):
    job = running
    await job.take(Event.HUNTER_GONE, None, Role.SYSTEM)

    rows = await job.take(Event.CANCEL, job.poster, **WHY)

    row = rows.cancellation
    assert (rows.bounty.status, row.status, row.refund_bps) == ("cancelled", "accepted", 10_000)
    assert await job.market.available(job.poster) == 3 * PRICE
    assert await counted(job, job.poster) == (0, 0)
