"""What becomes of the work, of its pay, and of those who did it for each other."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.persistence.market.submissions import Delivery

WORK = {"work": Delivery(text="It is done.", proof=[{"id": "p1"}])}
PAID_CENTS = 9_500

SAID = """
    select client_message_id, body from messages where kind = 'system' order by seq
"""

MOMENTS = "select user_id, moment_type, status from activation_moments"

STATS = "select rating_sum_tenths, rating_count from user_stats where user_id = %s"


async def moments(job):
    rows = await job.db.fetch(MOMENTS)
    return {(row["user_id"], row["moment_type"]): row["status"] for row in rows}


async def handed_in(job, event=Event.SUBMIT):
    return (await job.take(event, job.hunter, **WORK)).submission


async def test_who_is_ready_is_kept_and_told(running):
    job = running

    rows = await job.take(Event.READY, job.hunter)

    kept = await job.one("select hunter_id, ready_at from completion_ready")
    assert (kept["hunter_id"], kept["ready_at"]) == (job.hunter, rows.ready_at)
    [told] = await job.told("completion.ready")
    assert (told["bountyId"], told["hunterId"]) == (job.id, job.hunter)
    notice = (await job.notices())[f"rdy:{job.id}:{job.hunter}"]
    assert (notice["kind"], notice["recipients"]) == ("work_ready", [job.poster])


@pytest.mark.parametrize("event", [Event.SUBMIT, Event.COMPLETE])
async def test_what_is_handed_in_waits_for_the_poster(running, event):
    job = running

    submission = await handed_in(job, event)

    kept = await job.one("select status, message, proof, revision from completion_submissions")
    assert tuple(kept.values()) == ("pending", "It is done.", [{"id": "p1"}], 0)
    [told] = await job.told("completion.submitted")
    assert told == {"bountyId": job.id, "submissionId": submission.id, "status": "pending"}
    notice = (await job.notices())[f"rev:{submission.id}"]
    assert (notice["kind"], notice["recipients"]) == ("review_needed", [job.poster])
    assert notice["data"]["submissionId"] == submission.id


async def test_changes_can_be_asked_for_again_and_again(running):
    job = running
    for number, wish in enumerate(("Paint it.", "Paint it blue."), 1):
        submission = await handed_in(job)
        assert submission.revision == number - 1

        rows = await job.take(Event.REQUEST_REVISION, job.poster, text=wish)

        assert rows.bounty.revision_count == number
        assert (rows.submission.status, rows.submission.poster_feedback) == (
            "revision_requested",
            wish,
        )
        key = f"rvn:{submission.id}:{submission.revision}"
        notice = (await job.notices())[key]
        assert (notice["kind"], notice["recipients"]) == ("revision_requested", [job.hunter])
    reviewed = [told["status"] for told in await job.told("completion.reviewed")]
    assert reviewed == ["revision_requested"] * 2
    said = [tuple(row.values()) for row in await job.db.fetch(SAID)]
    assert said[1:] == [
        (f"sys:revision:{job.id}:1", "Changes requested: Paint it."),
        (f"sys:revision:{job.id}:2", "Changes requested: Paint it blue."),
    ]


@pytest.mark.parametrize("event", [Event.APPROVE, Event.COMPLETE])
async def test_an_approval_pays_and_asks_both_sides_for_a_rating(running, event):
    job = running
    submission = await handed_in(job)

    rows = await job.take(event, job.poster)

    assert (rows.bounty.status, rows.submission.status) == ("completed", "approved")
    assert (rows.escrow.state, await job.market.available(job.hunter)) == ("released", PAID_CENTS)
    [told] = await job.told("completion.reviewed")
    assert told == {"bountyId": job.id, "submissionId": submission.id, "status": "approved"}
    notices = await job.notices()
    assert notices[f"apr:{job.id}"]["recipients"] == [job.hunter]
    assert notices[f"pay:{job.id}"]["recipients"] == [job.hunter]
    for user in (job.poster, job.hunter):
        prompt = notices[f"rate:{job.id}:{user}"]
        assert (prompt["kind"], prompt["recipients"]) == ("rating_prompt", [user])
        assert prompt["data"] == {"bountyId": job.id}
    shown = await moments(job)
    assert shown[job.poster, "bounty_completed_followup"] == "pending"
    assert shown[job.hunter, "rate_completed_bounty"] == "pending"
    assert (await job.db.fetch(SAID))[-1]["client_message_id"] == f"sys:complete:{job.id}"


async def test_a_rating_that_comes_with_the_approval_needs_no_prompt(running):
    job = running
    await handed_in(job)

    rows = await job.take(Event.APPROVE, job.poster, rating_tenths=45, comment="Fine.")

    rating = await job.one("select * from ratings")
    assert (rating["from_user_id"], rating["to_user_id"]) == (job.poster, job.hunter)
    assert (rating["rating_tenths"], rating["comment"]) == (45, "Fine.")
    assert rows.rated_by == {job.poster}
    assert tuple((await job.one(STATS, job.hunter)).values()) == (45, 1)
    shown = await moments(job)
    assert shown[job.poster, "rate_completed_bounty"] == "completed"
    assert shown[job.hunter, "rate_completed_bounty"] == "pending"
    prompts = [key for key in await job.notices() if key.startswith("rate:")]
    assert prompts == [f"rate:{job.id}:{job.hunter}"]


async def test_each_side_rates_the_other(running):
    job = running
    await handed_in(job)
    await job.take(Event.APPROVE, job.poster, rating_tenths=50)

    rows = await job.take(Event.RATE, job.hunter, rating_tenths=30)

    assert rows.rated_by == {job.poster, job.hunter}
    assert tuple((await job.one(STATS, job.poster)).values()) == (30, 1)
    assert (await moments(job))[job.hunter, "rate_completed_bounty"] == "completed"


async def test_the_first_bounty_of_poster_and_hunter_is_a_moment(running):
    job = running

    assert await moments(job) == {
        (job.poster, "post_first_bounty"): "completed",
        (job.hunter, "accept_first_bounty"): "completed",
    }


@pytest.mark.parametrize("was_handed_in", [True, False])
async def test_work_is_rejected_with_the_bounty_that_ends_without_it(running, was_handed_in):
    job = running
    if was_handed_in:
        await handed_in(job)
    await job.take(Event.HUNTER_GONE, None, Role.SYSTEM)

    rows = await job.take(Event.STALE_CANCEL, job.poster)

    assert (rows.bounty.status, rows.bounty.is_stale) == ("cancelled", False)
    assert (rows.escrow.state, await job.market.available(job.poster)) == ("refunded", 30_000)
    reviewed = [told["status"] for told in await job.told("completion.reviewed")]
    assert reviewed == (["rejected"] if was_handed_in else [])
    assert (rows.submission is not None) is was_handed_in
