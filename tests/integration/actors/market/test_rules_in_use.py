"""The actors decide nothing themselves: what they store is what the tables of the domain say."""

from __future__ import annotations

import pytest
from bountyexpo.actors.money.payment_messages import ResumePayment
from bountyexpo.domain.money.escrow import State as Escrow
from bountyexpo.domain.money.payment import RESUME_S
from bountyexpo.errors import (
    Conflict,
    IllegalTransition,
    InsufficientBalance,
    NotAllowed,
    NotFound,
    ProviderFailed,
)


async def in_progress(market, *, cents=10_000):
    poster, hunter = await market.person(cents=cents), await market.person()
    bounty_id = await market.bounty(poster, cents=cents)
    applied = await market.apply(hunter, bounty_id)
    await market.accept(poster, bounty_id, applied.id)
    return poster, hunter, bounty_id


async def test_the_escrow_of_a_bounty_goes_its_own_machines_way(market):
    poster, hunter, bounty_id = await in_progress(market)
    assert (await market.escrow(bounty_id)).state is Escrow.HELD
    submission = await market.submit(hunter, bounty_id)

    await market.approve(poster, bounty_id, submission.id)

    assert (await market.escrow(bounty_id)).state is Escrow.RELEASED
    assert (await market.available(poster), await market.available(hunter)) == (0, 9_500)


async def test_a_bounty_for_honor_has_no_escrow(market):
    poster, hunter, bounty_id = await in_progress(market, cents=0)
    submission = await market.submit(hunter, bounty_id)

    await market.approve(poster, bounty_id, submission.id)

    assert await market.escrow(bounty_id) is None


async def test_a_price_that_the_wallet_does_not_cover_leaves_no_bounty(market):
    poster = await market.person(cents=9_999)

    with pytest.raises(InsufficientBalance):
        await market.bounty(poster, cents=10_000)

    assert await market.db.fetch("select 1 from bounties") == []


@pytest.mark.parametrize("state", [Escrow.NONE, Escrow.FUNDING, Escrow.FROZEN, Escrow.REFUNDED])
async def test_a_bounty_whose_price_is_not_held_is_not_given_away(market, state):
    poster, hunter = await market.person(cents=10_000), await market.person()
    bounty_id = await market.bounty(poster)
    applied = await market.apply(hunter, bounty_id)
    await market.db.execute("update escrows set state = %s, version = 9", (state.value,))
    await market.db.execute("update bounties set version = 9")

    with pytest.raises(Conflict) as refusal:
        await market.accept(poster, bounty_id, applied.id)
    assert refusal.value.error_code == "not_funded"


async def test_frozen_money_is_not_released_by_an_approval(market):
    poster, hunter, bounty_id = await in_progress(market)
    submission = await market.submit(hunter, bounty_id)
    await market.db.execute("update escrows set state = 'frozen', version = 9")
    await market.db.execute("update bounties set version = 9")

    with pytest.raises(Conflict) as refusal:
        await market.approve(poster, bounty_id, submission.id)

    assert refusal.value.error_code == "escrow_disputed"
    assert (await market.stored(bounty_id)).status == "in_progress"
    assert await market.available(hunter) == 0


async def test_an_acceptance_decides_every_waiting_application(market):
    poster = await market.person()
    hunters = [await market.person() for _ in range(3)]
    bounty_id = await market.bounty(poster, cents=0)
    applied = [await market.apply(hunter, bounty_id) for hunter in hunters]

    await market.accept(poster, bounty_id, applied[1].id)

    rows = await market.db.fetch("select id, status, decided_at from bounty_requests")
    outcomes = {row["id"]: row["status"] for row in rows}
    assert [outcomes[row.id] for row in applied] == ["rejected", "accepted", "rejected"]
    assert all(row["decided_at"] for row in rows)
    told = await market.events(bounty_id, "request.updated")
    assert {event.payload["requestId"] for event in told} == {row.id for row in applied}


async def test_an_application_of_another_bounty_does_not_exist_here(market):
    poster, hunter = await market.person(), await market.person()
    here, there = await market.bounty(poster, cents=0), await market.bounty(poster, cents=0)
    elsewhere = await market.apply(hunter, there)

    with pytest.raises(NotFound, match="This application does not exist"):
        await market.accept(poster, here, elsewhere.id)


async def test_a_submission_that_a_newer_one_has_replaced_is_not_approved(market):
    poster, hunter, bounty_id = await in_progress(market)
    first = await market.submit(hunter, bounty_id)
    await market.db.execute("update completion_submissions set status = 'revision_requested'")
    await market.db.execute("update bounties set version = 9")
    # What the rows say is read anew after the refused attempt.
    with pytest.raises(Conflict):
        await market.approve(poster, bounty_id, first.id)
    second = await market.submit(hunter, bounty_id, "Done better.")

    with pytest.raises(Conflict) as refusal:
        await market.approve(poster, bounty_id, first.id)
    assert refusal.value.error_code == "SUBMISSION_REPLACED"
    with pytest.raises(NotAllowed):
        await market.approve(hunter, bounty_id, first.id)
    await market.approve(poster, bounty_id, second.id)

    assert (await market.approve(poster, bounty_id, second.id)).status == "approved"
    with pytest.raises(IllegalTransition):
        await market.submit(hunter, bounty_id)


async def test_a_payment_that_went_on_is_not_resumed(market):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    keys = list(market.provider.keys)

    await market.actors.payment(payment_id).ask(ResumePayment())

    assert market.provider.keys == keys


async def test_a_deposit_that_was_cut_off_is_resumed_with_the_same_key(market):
    payer = await market.person()
    market.provider.failure = ProviderFailed()
    with pytest.raises(ProviderFailed):
        await market.deposit(payer)
    (cut_off,) = await market.db.fetch("select id, status from payments")
    (effect,) = await market.db.fetch(
        """select extract(epoch from available_at - created_at)::int as due_after_s
           from outbox where type = 'payment.resume'"""
    )
    assert (cut_off["status"], effect["due_after_s"]) == ("creating", RESUME_S)

    market.provider.failure = None
    await market.actors.payment(cut_off["id"]).ask(ResumePayment())

    assert (await market.payment(cut_off["id"])).status == "intent"
    assert market.provider.keys == [f"intent_{cut_off['id']}_1"] * 2
