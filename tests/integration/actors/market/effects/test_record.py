"""What is written on a bounty itself, and who is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event, Status
from bountyexpo.errors import InsufficientBalance
from bountyexpo.persistence.market.bounties import Terms

from tests.integration.actors.market.effects.steps import PRICE, a_job

AUDITED = """
    select action, actor_id, actor_role, severity, reason from audit_log
    where category = 'bounty' order by id desc limit 1
"""
HISTORY = """
    select from_status, to_status, actor_id, actor_role, reason, aggregate_version
    from bounty_status_history where bounty_id = %s order by aggregate_version
"""


async def terms_of(job, **changed):
    bounty = (await job.rows()).bounty
    kept = {name: getattr(bounty, name) for name in Terms.__struct_fields__}
    return Terms(**kept | changed)


async def audited(job):
    return tuple((await job.one(AUDITED)).values())


async def test_new_terms_are_kept_and_told(job):
    end = datetime(2030, 1, 1, tzinfo=UTC)
    terms = await terms_of(job, title="Carry two sofas", end_date=end, attachments=[{"id": "a"}])

    rows = await job.take(Event.EDIT_TERMS, job.poster, terms=terms)

    assert (rows.bounty.title, rows.bounty.end_date) == ("Carry two sofas", end)
    assert rows.bounty.attachments == [{"id": "a"}]
    assert (rows.escrow.state, rows.escrow.round) == ("held", 1)
    [told] = await job.told("bounty.updated")
    assert (told["status"], told["version"]) == ("open", rows.bounty.version)


@pytest.mark.parametrize(
    ("cents", "left_cents", "state", "rounds"),
    [(15_000, 15_000, "held", 2), (5_000, 25_000, "held", 2), (0, 30_000, "refunded", 1)],
)
async def test_another_price_is_locked_in_the_place_of_the_old_one(
    job, cents, left_cents, state, rounds
):
    terms = await terms_of(job, amount_cents=cents, is_for_honor=not cents)

    rows = await job.take(Event.EDIT_TERMS, job.poster, terms=terms)

    assert (rows.bounty.amount_cents, rows.bounty.is_for_honor) == (cents, not cents)
    assert (rows.escrow.state, rows.escrow.round) == (state, rounds)
    assert await job.market.available(job.poster) == left_cents
    assert not cents or rows.escrow.amount_cents == cents


async def test_a_bounty_for_honor_gets_a_price_and_loses_it_and_gets_one_again(honor):
    job, left = honor, 3 * PRICE

    for cents, locked in ((5_000, 5_000), (0, 0), (7_000, 7_000)):
        terms = await terms_of(job, amount_cents=cents, is_for_honor=not cents)
        await job.take(Event.EDIT_TERMS, job.poster, terms=terms)
        assert await job.market.available(job.poster) == left - locked


async def test_a_price_that_the_wallet_does_not_cover_changes_nothing(job):
    terms = await terms_of(job, title="Carry the house", amount_cents=5 * PRICE)

    with pytest.raises(InsufficientBalance):
        await job.take(Event.EDIT_TERMS, job.poster, terms=terms)

    rows = await job.rows()
    assert (rows.bounty.amount_cents, rows.bounty.version) == (PRICE, 1)
    assert (rows.escrow.state, rows.escrow.round) == ("held", 1)


async def test_notes_may_change_while_the_work_goes_on(running):
    job = running
    terms = await terms_of(job, attachments=[{"id": "b"}], conditional_end_note="If it rains.")

    rows = await job.take(Event.ATTACH, job.poster, terms=msgspec.structs.replace(terms, title="N"))

    assert rows.bounty.attachments == [{"id": "b"}]
    assert rows.bounty.conditional_end_note == "If it rains."
    assert rows.bounty.title != "N"


async def test_a_hunter_who_vanishes_leaves_a_stale_bounty(running):
    job = running

    rows = await job.take(Event.HUNTER_GONE, None, Role.SYSTEM)

    bounty = rows.bounty
    assert (bounty.status, bounty.is_stale, bounty.stale_reason) == (
        "in_progress",
        True,
        "hunter_deleted",
    )
    assert bounty.stale_detected_at is not None
    [told] = await job.told("bounty.updated")
    assert told["isStale"] is True
    episode = int(bounty.stale_detected_at.timestamp())
    notice = (await job.notices())[f"stale_bounty:{job.id}:{episode}"]
    assert (notice["kind"], notice["recipients"]) == ("stale_bounty", [job.poster])


async def test_the_end_date_is_told_once(market):
    end = datetime.now(UTC) - timedelta(days=1)
    job = await a_job(market, end_date=end)

    rows = await job.take(Event.EXPIRY_TICK, None, Role.TIMER)

    assert rows.bounty.expiry_notified_at is not None
    notice = (await job.notices())[f"exp:{job.id}:{int(end.timestamp())}"]
    assert (notice["kind"], notice["recipients"]) == ("bounty_expiry", [job.poster])
    assert await audited(job) == ("expiry_tick", None, "timer", "info", None)


async def test_each_side_hides_it_for_themselves(running):
    job = running

    hidden = await job.take(Event.HIDE, job.hunter)
    assert hidden.hidden_by == {job.hunter}
    both = await job.take(Event.HIDE, job.poster)
    assert both.hidden_by == {job.hunter, job.poster}
    shown = await job.take(Event.UNHIDE, job.hunter)
    assert shown.hidden_by == {job.poster}


@pytest.mark.parametrize(
    ("wanted", "column"), [(Status.ARCHIVED, "archived_at"), (Status.DELETED, "deleted_at")]
)
async def test_an_admin_puts_a_bounty_away_and_says_why(job, wanted, column):
    rows = await job.take(
        Event.ADMIN_SET_STATUS, job.admin, Role.ADMIN, wanted=wanted, text="It is spam."
    )

    assert rows.bounty.status == wanted
    stamped = await job.one(f"select {column} as at from bounties where id = %s", job.id)
    assert stamped["at"] is not None
    assert (rows.escrow.state, await job.market.available(job.poster)) == ("refunded", 3 * PRICE)
    assert await audited(job) == (
        "admin_set_status",
        job.admin,
        "admin",
        "warning",
        "It is spam.",
    )
    assert (await job.db.fetch(HISTORY, (job.id,)))[-1] == {
        "from_status": "open",
        "to_status": wanted.value,
        "actor_id": job.admin,
        "actor_role": "admin",
        "reason": "It is spam.",
        "aggregate_version": 2,
    }
    [notice] = [row for key, row in (await job.notices()).items() if key.startswith("st:")]
    assert (notice["kind"], notice["recipients"]) == ("update", [job.poster])
    assert notice["data"] == {"bountyId": job.id, "status": wanted.value}


async def test_a_bounty_that_breaks_the_rules_is_removed_with_a_warning(running):
    job = running

    rows = await job.take(Event.ADMIN_REMOVE, job.admin, Role.ADMIN, text="It is not allowed.")

    assert (rows.bounty.status, rows.escrow.state) == ("archived", "refunded")
    notices = await job.notices()
    warned = notices[f"removed:{job.id}"]
    assert (warned["kind"], warned["recipients"]) == ("bounty_removed", [job.poster])
    assert warned["data"] == {"bountyId": job.id, "reason": "It is not allowed."}
    [told] = [row["recipients"] for key, row in notices.items() if key.startswith("st:")]
    assert told == [job.hunter]


async def test_the_service_itself_stands_in_the_history(running):
    job = running

    rows = await job.take(Event.POSTER_GONE, None, Role.SYSTEM)

    assert (rows.bounty.status, rows.escrow.state) == ("archived", "refunded")
    moves = [tuple(row.values()) for row in await job.db.fetch(HISTORY, (job.id,))]
    assert moves == [
        (None, "open", job.poster, "poster", None, 1),
        ("open", "in_progress", job.poster, "poster", None, 3),
        ("in_progress", "archived", None, "system", None, 4),
    ]
    [notice] = [row for key, row in (await job.notices()).items() if key.startswith("st:")]
    assert (notice["recipients"], notice["data"]["status"]) == ([job.hunter], "archived")
