"""What falls due by time: the table names the timer, a job tells whoever waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bountyexpo.actors.money.payment_messages import ConfirmIntent
from bountyexpo.domain.money.payment import GIVE_UP_S
from bountyexpo.errors import ProviderFailed, Unavailable
from bountyexpo.jobs.market.expiry import tell_expired
from bountyexpo.jobs.money.deposits import GIVE_UP_AGAIN_S, give_up_unpaid

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


async def let_a_day_pass(market, payment_id):
    await market.db.execute(
        "update payments set give_up_at = give_up_at - make_interval(secs => %s) where id = %s",
        (float(GIVE_UP_S), payment_id),
    )


async def unpaid(market, payer):
    """A deposit that fell due, as its actor finds it when the job comes."""
    payment_id = await market.deposit(payer)
    await let_a_day_pass(market, payment_id)
    return payment_id


async def test_a_poster_is_told_once_that_the_end_date_has_passed(market):
    poster = await market.person()
    bounty_id = await market.bounty(poster, cents=0, end_date=YESTERDAY)

    await tell_expired(await market.job_run())
    await tell_expired(await market.job_run())

    (told,) = await market.events(bounty_id, "bounty.updated")
    assert (told.users, told.private) == ((poster,), True)
    assert told.payload["isExpired"] is True
    bounty = await market.stored(bounty_id)
    assert (bounty.status, bounty.version, told.payload["version"]) == ("open", 2, 2)
    assert bounty.expiry_notified_at is not None


async def test_an_end_date_to_come_is_not_told(market):
    poster = await market.person()
    bounty_id = await market.bounty(poster, cents=0, end_date=TOMORROW)
    without = await market.bounty(poster, cents=0)

    await tell_expired(await market.job_run())

    for one in (bounty_id, without):
        assert await market.events(one, "bounty.updated") == []
        assert (await market.stored(one)).version == 1


async def test_the_end_date_of_finished_work_is_no_news(market):
    poster, hunter = await market.person(), await market.person()
    bounty_id = await market.bounty(poster, cents=0, end_date=TOMORROW)
    applied = await market.apply(hunter, bounty_id)
    await market.accept(poster, bounty_id, applied.id)
    submission = await market.submit(hunter, bounty_id)
    await market.approve(poster, bounty_id, submission.id)
    await market.db.execute("update bounties set end_date = %s", (YESTERDAY,))

    await tell_expired(await market.job_run())

    assert await market.events(bounty_id, "bounty.updated") == []


async def test_a_bounty_that_cannot_be_told_does_not_hold_up_the_others(market, monkeypatch):
    poster = await market.person()
    first = await market.bounty(poster, cents=0, end_date=YESTERDAY - timedelta(days=1))
    second = await market.bounty(poster, cents=0, end_date=YESTERDAY)
    find = market.actors.bounties.ref

    def without_the_first(bounty_id):
        if bounty_id == first:
            raise Unavailable
        return find(bounty_id)

    monkeypatch.setattr(market.actors.bounties, "ref", without_the_first)
    await tell_expired(await market.job_run())

    assert await market.events(first, "bounty.updated") == []
    assert len(await market.events(second, "bounty.updated")) == 1


async def test_a_deposit_that_nobody_pays_is_given_up_after_a_day(market):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    made = await market.payment(payment_id)
    left_s = (made.give_up_at - datetime.now(UTC)).total_seconds()
    assert GIVE_UP_S - 60 < left_s <= GIVE_UP_S
    await give_up_unpaid(await market.job_run())
    assert (await market.payment(payment_id)).status == "intent"

    await let_a_day_pass(market, payment_id)
    await give_up_unpaid(await market.job_run())

    ended = await market.payment(payment_id)
    assert (ended.status, ended.give_up_at) == ("canceled", None)
    assert market.provider.made[made.stripe_payment_intent_id].status == "canceled"
    assert market.provider.keys[-1] == f"cancel_{payment_id}_{made.version}"


async def test_money_that_came_at_the_last_moment_is_credited(market):
    payer = await market.person()
    payment_id = await unpaid(market, payer)
    intent_id = (await market.payment(payment_id)).stripe_payment_intent_id
    market.provider.change(intent_id, status="succeeded", amount_received_cents=500)

    await give_up_unpaid(await market.job_run())

    assert (await market.payment(payment_id)).status == "credited"
    assert await market.available(payer) == 500


async def test_a_deposit_that_was_paid_is_not_given_up(market):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    intent_id = (await market.payment(payment_id)).stripe_payment_intent_id
    market.provider.change(intent_id, status="succeeded", amount_received_cents=500)
    await market.actors.payment(payment_id).ask(ConfirmIntent(user_id=payer, payment_method=None))
    keys = list(market.provider.keys)

    assert (await market.payment(payment_id)).give_up_at is None
    await give_up_unpaid(await market.job_run())

    assert market.provider.keys == keys


async def test_while_the_provider_works_a_deposit_waits_without_end_and_a_failure_begins_anew(
    market,
):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    intent_id = (await market.payment(payment_id)).stripe_payment_intent_id
    confirm = ConfirmIntent(user_id=payer, payment_method=None)
    market.provider.change(intent_id, status="processing")
    await market.actors.payment(payment_id).ask(confirm)
    assert (await market.payment(payment_id)).give_up_at is None

    market.provider.change(intent_id, status="requires_payment_method", error_code="card_declined")
    await market.actors.payment(payment_id).ask(confirm)

    failed = await market.payment(payment_id)
    assert failed.status == "intent"
    assert failed.give_up_at > datetime.now(UTC)


@pytest.mark.parametrize("failure", [ProviderFailed(), Unavailable()])
async def test_a_deposit_that_cannot_be_given_up_lets_others_go_before(market, failure):
    payer = await market.person()
    payment_id = await unpaid(market, payer)
    market.provider.failure = failure

    await give_up_unpaid(await market.job_run())

    waiting = await market.payment(payment_id)
    left_s = (waiting.give_up_at - datetime.now(UTC)).total_seconds()
    assert waiting.status == "intent"
    assert GIVE_UP_AGAIN_S - 60 < left_s <= GIVE_UP_AGAIN_S
