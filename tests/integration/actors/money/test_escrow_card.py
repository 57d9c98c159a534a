"""An escrow that is paid by card: what is booked, asked of the provider, and heard from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.money import escrow
from bountyexpo.actors.money.effects.escrow_step import About
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money import fees
from bountyexpo.domain.money.escrow import Event, Source, State
from bountyexpo.errors import Conflict, IllegalTransition, NotFound
from bountyexpo.persistence.money import escrows, withdrawals

from tests.integration.actors.money.conftest import PRICE

if TYPE_CHECKING:
    from bountyexpo.persistence.money.escrows import Escrow

    from tests.integration.actors.money.conftest import Money


async def ask(money: Money) -> Escrow:
    """Begin a round by card; nobody has paid yet."""
    async with money.db.transaction() as tx:
        return await escrow.hold(tx, money.funding(source=Source.CARD))


def key_of(known: Escrow) -> str:
    assert known.call is not None
    return known.call.key


async def release(money: Money) -> Escrow:
    return await money.do(escrow.release, await money.hold_by_card())


async def refund(money: Money) -> Escrow:
    return await money.do(escrow.refund, await money.hold_by_card())


def transferred(known: Escrow) -> About:
    return About(call_key=key_of(known), transfer_id="tr_1", stripe_account_id="acct_1")


async def test_funding_by_card_asks_for_an_intent_and_moves_nothing(money: Money) -> None:
    asked = await ask(money)

    assert (asked.state, asked.source) == (State.FUNDING, Source.CARD)
    [(kind, call)] = await money.calls()
    assert (kind, call["key"], call["amountCents"]) == (
        "escrow.make_intent",
        f"bp_create_{money.bounty}_1",
        PRICE,
    )
    assert await money.accounts() == {"stripe_platform": -30_000}
    # Asked for again, it is the same round.
    async with money.db.transaction() as tx:
        again = await escrow.hold(tx, money.funding(source=Source.CARD), after=asked)
    assert again == asked
    for deed, code in ((escrow.release, "not_captured"), (escrow.bind, "not_funded")):
        with pytest.raises(Conflict) as refusal:
            await money.do(deed, asked, *([money.hunter] if deed is escrow.bind else []))
        assert refusal.value.error_code == code


async def test_money_that_arrives_is_locked_once(money: Money) -> None:
    held = await money.hold_by_card()
    again = await money.hear(
        held, Event.PI_SUCCEEDED, About(intent_id="pi_1", received_cents=PRICE)
    )

    assert again == held
    assert (held.state, held.is_posted, held.intent_id) == (State.HELD, True, "pi_1")
    assert await money.accounts() == {"stripe_platform": -40_000, "bounty_escrow": PRICE}
    assert await money.told(money.poster) == [("escrow.held", PRICE)]


async def test_less_than_the_price_is_given_back_by_itself(money: Money) -> None:
    short = await money.hear(
        await ask(money), Event.PI_SUCCEEDED, About(intent_id="pi_1", received_cents=9_999)
    )

    assert (short.state, short.amount_cents) == (State.REFUNDING, 9_999)
    assert await money.told(money.poster) == []
    [_, (kind, call)] = await money.calls()
    assert (kind, call["amountCents"], call["intentId"]) == ("escrow.make_refund", 9_999, "pi_1")
    [(kind, _)] = await money.notices()
    assert kind == "escrow_receipt"
    assert (await money.accounts())["bounty_escrow"] == await money.reserved() == 9_999


@pytest.mark.parametrize("event", [Event.PI_FAILED, Event.PI_CANCELED])
async def test_a_card_that_fails_may_be_tried_again(money: Money, event: Event) -> None:
    failed = await money.hear(await ask(money), event, About(intent_id="pi_1"))
    assert failed.state is State.NONE
    assert [kind for kind, _ in await money.notices()] == ["escrow_receipt"]

    async with money.db.transaction() as tx:
        again = await escrow.hold(tx, money.funding(source=Source.CARD), after=failed)

    assert (again.state, again.round) == (State.FUNDING, 2)


async def test_a_round_that_is_canceled_asks_that_nobody_pays(money: Money) -> None:
    canceled = await money.do(escrow.refund, await ask(money))

    assert canceled.state is State.REFUNDED
    assert [kind for kind, _ in await money.calls()] == [
        "escrow.make_intent",
        "escrow.cancel_intent",
    ]
    assert await money.told(money.poster) == []

    late = await money.hear(
        canceled, Event.PI_SUCCEEDED, About(intent_id="pi_1", received_cents=PRICE)
    )
    assert late.state is State.REFUNDING
    assert (await money.calls())[-1][0] == "escrow.make_refund"


async def test_money_of_an_earlier_round_is_sent_back_and_not_booked(money: Money) -> None:
    canceled = await money.do(escrow.refund, await ask(money))
    async with money.db.transaction() as tx:
        held = await escrow.hold(tx, money.funding(), after=canceled)

    heard = await money.hear(
        held, Event.PI_SUCCEEDED, About(intent_id="pi_1", received_cents=PRICE)
    )

    assert (heard.state, heard.is_posted) == (State.HELD, False)
    kind, call = (await money.calls())[-1]
    assert (kind, call["key"]) == ("escrow.refund_stray_intent", "stray_refund_pi_1")
    assert (await money.accounts())["stripe_platform"] == -30_000


async def test_a_release_waits_for_the_transfer(money: Money) -> None:
    releasing = await release(money)
    assert releasing.state is State.RELEASING
    kind, call = (await money.calls())[-1]
    assert (kind, call["amountCents"]) == ("escrow.make_transfer", 9_500)
    assert call["key"] == f"bounty_release_{money.bounty}_1"
    assert call["withdrawalId"] == releasing.withdrawal_id
    assert (await money.accounts())["withdrawal_in_flight"] == 9_500

    released = await money.hear(releasing, Event.SETTLED, transferred(releasing))
    again = await money.hear(released, Event.SETTLED, transferred(releasing))

    assert (released.state, again) == (State.RELEASED, released)
    assert await money.accounts() == {
        "stripe_platform": -30_500,
        "stripe_connect": -9_500,
        "withdrawal_in_flight": 9_500,
        "platform_fees": 500,
    }
    assert await money.told(money.hunter) == [("escrow.released", PRICE)]
    # A withdrawal goes on with the money, to the hunter's bank.
    taken = await withdrawals.get(money.db, str(released.withdrawal_id))
    assert taken is not None
    assert (taken.status, taken.source, taken.user_id) == ("transferred", "escrow", money.hunter)
    assert "withdrawal.make_payout" in [kind for kind, _ in await money.calls()]
    # The bounty's owner finds it in the outbox.
    rows = await money.db.fetch(
        "select aggregate_type, aggregate_id from outbox where type = 'escrow.released'"
    )
    assert rows == [{"aggregate_type": "bounty", "aggregate_id": money.bounty}]


async def test_a_release_that_is_refused_is_taken_back_and_looked_at(money: Money) -> None:
    releasing = await release(money)

    held = await money.hear(releasing, Event.REFUSED, About(call_key=key_of(releasing)))

    assert (held.state, held.round, held.settlement_round) == (State.HELD, 1, 2)
    assert await money.accounts() == {"stripe_platform": -40_000, "bounty_escrow": PRICE}
    assert await money.findings() == [("escrow_refused", 1)]
    # It can be done again, under the next key, and the old outcome says nothing any more.
    again = await money.do(escrow.release, held)
    assert key_of(again) == f"bounty_release_{money.bounty}_2"
    assert await money.hear(again, Event.REFUSED, About(call_key=key_of(releasing))) == again
    done = await money.hear(again, Event.SETTLED, transferred(again))
    assert done.state is State.RELEASED


async def test_an_unknown_outcome_is_asked_for_again_word_for_word(money: Money) -> None:
    releasing = await release(money)
    first = (await money.calls())[-1]

    unknown = await money.hear(releasing, Event.UNKNOWN, About(call_key=key_of(releasing)))

    assert (unknown.state, unknown.call) == (State.RELEASING, releasing.call)
    assert (await money.calls())[-1] == first
    [row] = await money.db.fetch(
        "select extract(epoch from due_at - updated_at)::int as due_s from escrows"
    )
    assert row["due_s"] == 60
    async with money.db.transaction() as tx:
        timer = About(call_key=key_of(releasing))
        await escrow.hear(tx, unknown, Event.UNKNOWN, timer, role=Role.TIMER)
    assert [call for call in await money.calls() if call == first] == [first] * 3


async def test_a_refund_is_reserved_until_it_has_arrived(money: Money) -> None:
    refunding = await refund(money)
    assert refunding.state is State.REFUNDING
    assert (await money.accounts())["bounty_escrow"] == await money.reserved() == PRICE
    kind, call = (await money.calls())[-1]
    assert (kind, call["key"]) == ("escrow.make_refund", f"bounty_refund_{money.bounty}_1")

    about = About(call_key=key_of(refunding), refund_id="re_1")
    refunded = await money.hear(refunding, Event.SETTLED, about)

    assert (refunded.state, refunded.refund_id) == (State.REFUNDED, "re_1")
    assert await money.accounts() == {"stripe_platform": -30_000}
    assert await money.reserved() == 0
    assert (await money.told(money.poster))[-1] == ("escrow.refunded", PRICE)


@pytest.mark.parametrize("has_arrived", [False, True])
async def test_a_refund_that_comes_back_is_locked_again_once(
    money: Money, has_arrived: bool
) -> None:
    known = await refund(money)
    if has_arrived:
        about = About(call_key=key_of(known), refund_id="re_1")
        known = await money.hear(known, Event.SETTLED, about)

    failed = await money.hear(known, Event.REFUND_FAILED, About(refund_id="re_1"))
    again = await money.hear(failed, Event.REFUND_FAILED, About(refund_id="re_1"))

    assert (failed.state, again) == (State.HELD, failed)
    assert failed.failed_refund_ids == ["re_1"]
    assert await money.accounts() == {"stripe_platform": -40_000, "bounty_escrow": PRICE}
    assert await money.reserved() == 0
    assert len([kind for kind, _ in await money.notices() if kind == "escrow_receipt"]) >= 2
    second = await money.do(escrow.refund, failed)
    assert key_of(second) == f"bounty_refund_{money.bounty}_2"


async def test_a_refund_that_we_never_made_is_looked_at(money: Money) -> None:
    held = await money.hold_by_card()

    for _ in range(2):
        held = await money.hear(held, Event.REFUND_FAILED, About(refund_id="re_9"))

    assert held.state is State.HELD
    assert await money.findings() == [("unknown_refund", 2)]


async def test_a_split_of_a_card_payment_goes_into_the_wallets(money: Money) -> None:
    parts = fees.partial(PRICE, refund_cents=5_000, fee_bps=500)

    settled = await money.do(escrow.split, await money.hold_by_card(), parts)

    assert settled.state is State.REFUNDED
    assert await money.wallets() == (35_000, 4_750)
    assert [kind for kind, _ in await money.calls()] == ["escrow.make_intent"]
    # Nothing was asked back from the card, so nothing of it can fail.
    heard = await money.hear(settled, Event.REFUND_FAILED, About(refund_id="re_1"))
    assert heard.state is State.REFUNDED
    assert await money.findings() == [("unknown_refund", 1)]


async def test_a_price_on_its_way_to_a_card_cannot_be_changed(money: Money) -> None:
    held = await money.hold_by_card()

    with pytest.raises(IllegalTransition):
        async with money.db.transaction() as tx:
            await escrow.adjust(tx, held, money.funding(5_000, Source.CARD))

    assert held == await escrows.newest(money.db, money.bounty)
    assert await money.reserved() == 0


async def test_a_word_that_came_too_early_is_told_again(money: Money) -> None:
    failed = await money.hear(await ask(money), Event.PI_FAILED, About(intent_id="pi_1"))

    with pytest.raises(NotFound):
        await money.hear(failed, Event.PI_SUCCEEDED, About(intent_id="pi_1", received_cents=PRICE))


@pytest.mark.parametrize("outcome", [Event.SETTLED, Event.REFUSED, Event.UNKNOWN])
async def test_an_outcome_without_its_call_says_nothing(money: Money, outcome: Any) -> None:
    releasing = await release(money)

    assert await money.hear(releasing, outcome, About(call_key="another")) == releasing
