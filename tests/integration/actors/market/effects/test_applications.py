"""What becomes of applications, and who is told."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.persistence.market.requests import Wish

from tests.integration.actors.market.effects.steps import a_job

ROWS = "select id, hunter_id, status, message, decided_by from bounty_requests where bounty_id = %s"


async def stored(job):
    return {row.pop("hunter_id"): row for row in await job.db.fetch(ROWS, (job.id,))}


@pytest.mark.parametrize("event", [Event.APPLY, Event.DIRECT_ACCEPT])
async def test_an_application_is_kept_and_the_poster_is_told(job, event):
    rows = await job.take(event, job.hunter, wish=Wish(message="I can."))

    kept = (await stored(job))[job.hunter]
    assert (kept["status"], kept["message"], kept["decided_by"]) == ("pending", "I can.", None)
    [told] = await job.market.events(job.id, "request.new")
    assert set(told.users) == {job.poster, job.hunter}
    assert told.private
    notice = (await job.notices())[f"app:{job.id}:{job.hunter}"]
    assert (notice["kind"], notice["recipients"]) == ("application", [job.poster])
    request_id = rows.application_of(job.hunter).id
    about = {"bountyId": job.id, "requestId": request_id, "hunterId": job.hunter}
    assert notice["data"] == about


async def test_an_application_is_withdrawn_and_made_again_in_its_row(job):
    first = await job.take(Event.APPLY, job.hunter, wish=Wish(message="first"))

    await job.take(Event.WITHDRAW_APPLICATION, job.hunter)
    assert (await stored(job))[job.hunter]["status"] == "withdrawn"
    assert [told["status"] for told in await job.told("request.updated")] == ["withdrawn"]

    again = await job.take(Event.APPLY, job.hunter, wish=Wish(message="second"))
    assert again.applications.keys() == first.applications.keys()
    assert (await stored(job))[job.hunter]["message"] == "second"
    assert [key for key in await job.notices() if key.startswith("app:")] == [
        f"app:{job.id}:{job.hunter}"
    ]


async def test_a_rejected_hunter_is_told_once(job):
    rows = await job.take(Event.APPLY, job.hunter)
    request_id = rows.application_of(job.hunter).id

    await job.take(Event.REJECT_APPLICATION, job.poster)

    kept = (await stored(job))[job.hunter]
    assert (kept["status"], kept["decided_by"]) == ("rejected", job.poster)
    notice = (await job.notices())[f"rej:{request_id}"]
    assert (notice["kind"], notice["recipients"]) == ("rejection", [job.hunter])
    assert notice["data"] == {"bountyId": job.id, "requestId": request_id}


@pytest.mark.parametrize("event", [Event.ACCEPT, Event.DIRECT_ACCEPT])
async def test_an_acceptance_chooses_one_and_closes_the_rest(job, event):
    other, gone = await job.market.person(), await job.market.person()
    for hunter in (job.hunter, other, gone):
        rows = await job.take(Event.APPLY, hunter, about=hunter)
    await job.take(Event.WITHDRAW_APPLICATION, gone, about=gone)

    rows = await job.take(event, job.poster)

    kept = await stored(job)
    assert {hunter: row["status"] for hunter, row in kept.items()} == {
        job.hunter: "accepted",
        other: "rejected",
        gone: "withdrawn",
    }
    assert (kept[job.hunter]["decided_by"], kept[other]["decided_by"]) == (job.poster, None)
    assert (rows.bounty.hunter_id, rows.escrow.hunter_id) == (job.hunter, job.hunter)
    ids = {each: row["id"] for each, row in kept.items()}
    notices = await job.notices()
    won, lost = notices[f"acc:{job.id}:{job.hunter}"], notices[f"rej:{ids[other]}"]
    assert (won["kind"], won["recipients"]) == ("acceptance", [job.hunter])
    assert (lost["kind"], lost["recipients"]) == ("rejection", [other])
    assert f"rej:{ids[gone]}" not in notices
    [_, status] = await job.market.events(job.id, "bounty.status")
    assert status.payload["version"] == rows.bounty.version
    assert set(status.users) == {job.poster, job.hunter, other}


async def test_the_end_of_an_open_bounty_rejects_who_waited(job):
    rows = await job.take(Event.APPLY, job.hunter)

    await job.take(Event.ARCHIVE, job.poster)

    assert (await stored(job))[job.hunter]["status"] == "rejected"
    assert f"rej:{rows.application_of(job.hunter).id}" in await job.notices()


async def test_a_hunter_who_vanished_is_let_go_with_their_work(running):
    job = running
    await job.take(Event.READY, job.hunter)
    submission = await job.market.submit(job.hunter, job.id)
    await job.take(Event.HUNTER_GONE, None, Role.SYSTEM)

    rows = await job.take(Event.STALE_REPOST, job.poster)

    bounty = rows.bounty
    assert (bounty.status, bounty.hunter_id, bounty.accepted_request_id) == ("open", None, None)
    assert (bounty.is_stale, bounty.stale_reason, rows.ready_at) == (False, None, None)
    assert (await stored(job))[job.hunter]["status"] == "withdrawn"
    assert (rows.submission.id, rows.submission.status) == (submission.id, "rejected")
    assert rows.escrow.state == "held"


async def test_the_next_hunter_is_told_in_a_conversation_of_their_own(running):
    job, next_one = running, await running.market.person()
    await job.take(Event.HUNTER_GONE, None, Role.SYSTEM)
    await job.take(Event.STALE_REPOST, job.poster)
    await job.take(Event.APPLY, next_one, about=next_one)

    rows = await job.take(Event.ACCEPT, job.poster, about=next_one)

    assert (rows.bounty.hunter_id, rows.escrow.hunter_id) == (next_one, next_one)
    said = await job.db.fetch(
        """select m.client_message_id, c.bounty_id, p.user_id
           from messages m join conversations c on c.id = m.conversation_id
           join conversation_participants p on p.conversation_id = c.id
           where p.user_id <> %s order by m.created_at""",
        (job.poster,),
    )
    codes = [(row["user_id"], row["client_message_id"]) for row in said]
    assert codes == [
        (job.hunter, f"sys:accept:{job.id}"),
        (next_one, f"sys:accept:{job.id}:{rows.bounty.accepted_request_id}"),
    ]


async def test_nobody_near_is_told_of_work_without_a_place(market):
    near = await a_job(market, zip_code="94103")
    far = await a_job(market)

    notices = await near.notices()

    told = notices[f"near:{near.id}"]
    assert (told["kind"], told["audience"], told["recipients"]) == ("bounty_nearby", "nearby", [])
    assert told["data"] == {"bountyId": near.id, "zipCode": "94103"}
    assert f"near:{far.id}" not in notices
