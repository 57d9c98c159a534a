"""What time does to bounties: by a clock that the tests turn, found by the jobs that run by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trio
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.policy import Quiet
from bountyexpo.jobs.market.expiry import tell_expired, tell_left, tell_quiet

from tests.fixed_clock import FixedClock
from tests.integration.actors.conftest import Market

DAY_S = 86_400.0
PRICE = 10_000
NEVER = Quiet(notice_days=0, end_days=0)


@pytest.fixture
async def clock():
    return FixedClock(datetime.now(UTC))


@pytest.fixture
async def market(database, clock):
    async with trio.open_nursery() as nursery:
        found = Market(database, clock=clock)
        await nursery.start(found.run_pools)
        yield found
        nursery.cancel_scope.cancel()


async def days(market, count, *jobs):
    """Let days pass, with the jobs run twice in each of them."""
    for _ in range(int(count)):
        market.clock.advance(DAY_S)
        for job in jobs:
            await job(await market.job_run())
            await job(await market.job_run())


async def notices(market, kind=None):
    rows = await market.db.fetch("select kind, recipients, data from notices order by id")
    return [(row["kind"], row["recipients"]) for row in rows if kind in {None, row["kind"]}]


async def posted(market, **terms):
    poster = await market.person(cents=PRICE)
    return poster, await market.bounty(poster, cents=PRICE, **terms)


async def begun(market, **terms):
    poster, bounty_id = await posted(market, **terms)
    hunter = await market.person()
    applied = await market.apply(hunter, bounty_id)
    await market.accept(poster, bounty_id, applied.id)
    await market.db.execute("delete from notices")
    # What the database has dated itself is in the past of the tests' clock.
    market.clock.advance(60.0)
    return poster, hunter, bounty_id


async def test_an_open_bounty_is_archived_two_weeks_after_its_end_date(market, clock):
    poster, bounty_id = await posted(market, end_date=clock.now() + timedelta(hours=1))

    await days(market, 14, tell_expired)
    assert (await market.stored(bounty_id)).status == "open"
    assert await notices(market, "bounty_expiry") == [("bounty_expiry", [poster])]
    await days(market, 1, tell_expired)

    assert (await market.stored(bounty_id)).status == "archived"
    assert (await market.escrow(bounty_id)).state == "refunded"
    assert await market.available(poster) == PRICE
    assert await notices(market, "update") == [("update", [poster])]


async def test_who_has_applications_to_answer_has_time(market, clock):
    poster, bounty_id = await posted(market, end_date=clock.now() + timedelta(hours=1))
    hunter = await market.person()
    await market.apply(hunter, bounty_id)

    await days(market, 60, tell_expired, tell_quiet)

    assert (await market.stored(bounty_id)).status == "open"
    assert await market.available(poster) == 0


async def test_work_is_never_settled_by_time(market, clock):
    *_, bounty_id = await begun(market, end_date=clock.now() + timedelta(hours=1))

    await days(market, 30, tell_expired)

    assert (await market.stored(bounty_id)).status == "in_progress"
    assert (await market.escrow(bounty_id)).state == "held"
    assert [kind for kind, _ in await notices(market)] == ["bounty_expiry"]


async def test_another_end_date_is_told_anew(market, clock):
    poster, bounty_id = await posted(market, end_date=clock.now() + timedelta(hours=1))
    await days(market, 1, tell_expired)
    later = clock.now() + timedelta(days=3)

    await market.change(bounty_id, poster, end_date=later)
    await days(market, 4, tell_expired)

    assert await notices(market, "bounty_expiry") == [("bounty_expiry", [poster])] * 2
    assert (await market.stored(bounty_id)).status == "open"


async def test_what_nobody_wants_is_told_of_after_a_month_and_archived_after_six_weeks(market):
    poster, bounty_id = await posted(market)

    await days(market, 29, tell_quiet)
    assert await notices(market, "update") == []
    await days(market, 1, tell_quiet)
    assert await notices(market, "update") == [("update", [poster])]
    await days(market, 14, tell_quiet)
    assert (await market.stored(bounty_id)).status == "open"
    await days(market, 1, tell_quiet)

    assert (await market.stored(bounty_id)).status == "archived"
    assert await market.available(poster) == PRICE
    assert await notices(market, "update") == [("update", [poster])] * 2


async def test_whoever_comes_late_is_told_first_all_the_same(market):
    poster, bounty_id = await posted(market)
    market.clock.advance(200 * DAY_S)

    await days(market, 15, tell_quiet)
    assert (await market.stored(bounty_id)).status == "open"
    await days(market, 1, tell_quiet)

    assert (await market.stored(bounty_id)).status == "archived"
    assert await market.available(poster) == PRICE


async def test_any_step_is_a_sign_of_life(market):
    poster, bounty_id = await posted(market)
    await days(market, 40, tell_quiet)

    await market.step(bounty_id, Event.HIDE, poster)
    assert (await market.stored(bounty_id)).quiet_notified_at is not None
    hunter = await market.person()
    applied = await market.apply(hunter, bounty_id)
    await market.step(bounty_id, Event.WITHDRAW_APPLICATION, hunter, application_id=applied.id)
    await days(market, 29, tell_quiet)

    assert (await market.stored(bounty_id)).status == "open"
    assert (await market.stored(bounty_id)).quiet_notified_at is None


async def test_silent_work_is_told_of_to_both_then_stale(market):
    poster, hunter, bounty_id = await begun(market)

    await days(market, 14, tell_quiet)
    assert sorted(await notices(market)) == sorted([("update", [poster]), ("update", [hunter])])
    assert not (await market.stored(bounty_id)).is_stale
    await days(market, 7, tell_quiet)

    bounty = await market.stored(bounty_id)
    assert (bounty.status, bounty.stale_reason) == ("in_progress", "inactive")
    assert await notices(market, "stale_bounty") == [("stale_bounty", [poster])]
    await days(market, 60, tell_quiet)
    assert len(await notices(market)) == 3


async def test_a_word_between_the_two_puts_it_off(market):
    *_, bounty_id = await begun(market)
    await days(market, 20, tell_quiet)

    await market.db.execute(
        "update conversations set last_message_at = %s where bounty_id = %s",
        (market.clock.now(), bounty_id),
    )
    await days(market, 13, tell_quiet)
    assert not (await market.stored(bounty_id)).is_stale
    told = len(await notices(market))
    await days(market, 1, tell_quiet)

    assert len(await notices(market)) == told + 2
    assert not (await market.stored(bounty_id)).is_stale


@pytest.mark.parametrize(
    ("event", "status", "kind", "cents"),
    [
        (Event.STALE_CANCEL, "cancelled", "stale_bounty_cancelled", PRICE),
        (Event.STALE_REPOST, "open", "stale_bounty_reposted", 0),
    ],
)
async def test_what_becomes_of_silent_work_is_told_to_both(market, event, status, kind, cents):
    poster, hunter, bounty_id = await begun(market)
    await days(market, 21, tell_quiet)
    await market.db.execute("delete from notices")

    await market.step(bounty_id, event, poster)

    assert (await market.stored(bounty_id)).status == status
    assert await market.available(poster) == cents
    told = [each for each in await notices(market) if each[0] != "escrow_receipt"]
    assert sorted(told) == sorted([(kind, [poster]), ("update", [hunter])])


@pytest.mark.parametrize(
    "policy", [{"expired_archive_days": 0}, {"unanswered": NEVER}, {"idle": NEVER}], ids=str
)
async def test_what_the_policy_turns_off_never_comes(database, clock, policy):
    async with trio.open_nursery() as nursery:
        market = Market(database, clock=clock, **policy)
        await nursery.start(market.run_pools)
        is_expiry = "expired_archive_days" in policy
        if "idle" in policy:
            *_, bounty_id = await begun(market)
        else:
            end = clock.now() + timedelta(hours=1) if is_expiry else None
            _, bounty_id = await posted(market, end_date=end)
        await days(market, 60, tell_expired if is_expiry else tell_quiet)

        bounty = await market.stored(bounty_id)
        assert (bounty.status in {"open", "in_progress"}, bounty.is_stale) == (True, False)
        nursery.cancel_scope.cancel()


async def gone(market, person):
    await market.db.execute(
        "update users set account_status = 'deleted', deleted_at = now() where id = %s", (person,)
    )


async def test_a_hunter_without_an_account_leaves_a_stale_bounty(market):
    poster, hunter, bounty_id = await begun(market)
    await gone(market, hunter)

    await days(market, 2, tell_left)

    bounty = await market.stored(bounty_id)
    assert (bounty.is_stale, bounty.stale_reason) == (True, "hunter_deleted")
    assert await notices(market) == [("stale_bounty", [poster])]


async def test_a_poster_without_an_account_leaves_work_to_an_admin(market):
    poster, hunter, _ = await begun(market)
    open_id = await market.bounty(poster, cents=0)
    [row] = await market.db.fetch("select id from bounties where hunter_id = %s", (hunter,))
    await market.submit(hunter, row["id"])
    await gone(market, poster)

    await days(market, 3, tell_left)

    assert (await market.stored(open_id)).status == "archived"
    assert (await market.stored(row["id"])).status == "in_progress"
    [dispute] = await market.db.fetch("select status from disputes")
    assert (dispute["status"], (await market.escrow(row["id"])).state) == ("open", "frozen")
