"""A card network takes a price back: from the escrow while it is there, else from the poster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bountyexpo.actors.money import escrow
from bountyexpo.actors.money.effects.escrow_step import About
from bountyexpo.domain.money.escrow import Event, State
from bountyexpo.errors import Conflict

from tests.integration.actors.money.conftest import PRICE

if TYPE_CHECKING:
    from bountyexpo.persistence.money.escrows import Escrow

    from tests.integration.actors.money.conftest import Money

ABOUT = About(intent_id="pi_1", chargeback_id="dp_1", chargeback_cents=PRICE)


async def released(money: Money) -> Escrow:
    """Pay the hunter of a card-funded escrow."""
    releasing = await money.do(escrow.release, await money.hold_by_card())
    assert releasing.call is not None
    about = About(call_key=releasing.call.key, transfer_id="tr_1", stripe_account_id="acct_1")
    return await money.hear(releasing, Event.SETTLED, about)


async def refused(money: Money, known: Escrow) -> Escrow:
    assert known.call is not None
    return await money.hear(known, Event.REFUSED, About(call_key=known.call.key))


async def is_frozen(money: Money) -> bool:
    [row] = await money.db.fetch(
        "select frozen from ledger_accounts where kind = 'user_available' and user_id = %s",
        (money.poster,),
    )
    return bool(row["frozen"])


async def test_money_in_escrow_is_frozen_and_thaws_when_it_is_won(money: Money) -> None:
    frozen = await money.hear(await money.hold_by_card(), Event.CHARGEBACK_OPEN, ABOUT)
    assert (frozen.state, frozen.has_chargeback) == (State.FROZEN, True)
    assert (await money.accounts())["bounty_escrow_frozen"] == PRICE
    assert await money.findings() == [("escrow_chargeback", 1)]
    assert await money.hear(frozen, Event.CHARGEBACK_OPEN, ABOUT) == frozen

    held = await money.hear(frozen, Event.CHARGEBACK_WON, ABOUT)

    assert (held.state, held.has_chargeback) == (State.HELD, False)
    assert (await money.accounts())["bounty_escrow"] == PRICE


@pytest.mark.parametrize("is_known", [False, True])
async def test_money_in_escrow_is_lost_with_it(money: Money, is_known: bool) -> None:
    known = await money.hold_by_card()
    if is_known:
        known = await money.hear(known, Event.CHARGEBACK_OPEN, ABOUT)

    lost = await money.hear(known, Event.CHARGEBACK_LOST, ABOUT)

    assert (lost.state, lost.is_chargeback_lost) == (State.CHARGED_BACK, True)
    assert await money.accounts() == {"stripe_platform": -30_000}
    assert (await money.calls())[-1][0] == "escrow.charged_back"
    assert await money.hear(lost, Event.CHARGEBACK_LOST, ABOUT) == lost


async def test_what_the_network_does_not_want_goes_back_to_the_poster(money: Money) -> None:
    about = About(intent_id="pi_1", chargeback_id="dp_1", chargeback_cents=7_500)

    await money.hear(await money.hold_by_card(), Event.CHARGEBACK_LOST, about)

    assert await money.wallets() == (32_500, 0)
    assert "bounty_escrow_frozen" not in await money.accounts()


async def test_money_frozen_for_two_reasons_thaws_when_both_are_gone(money: Money) -> None:
    frozen = await money.do(escrow.freeze, await money.hold_by_card(), "d1")
    both = await money.hear(frozen, Event.CHARGEBACK_OPEN, ABOUT)

    with pytest.raises(Conflict) as refusal:
        await money.do(escrow.release, both, is_verdict=True)
    assert refusal.value.error_code == "chargeback_open"
    closed = await money.do(escrow.thaw, both)
    assert (closed.state, closed.has_dispute) == (State.FROZEN, False)
    held = await money.hear(closed, Event.CHARGEBACK_WON, ABOUT)

    assert held.state is State.HELD
    assert (await money.accounts())["bounty_escrow"] == PRICE


async def test_the_other_reason_may_go_first(money: Money) -> None:
    frozen = await money.hear(await money.hold_by_card(), Event.CHARGEBACK_OPEN, ABOUT)
    both = await money.do(escrow.freeze, frozen, "d1")

    won = await money.hear(both, Event.CHARGEBACK_WON, ABOUT)
    assert won.state is State.FROZEN
    held = await money.do(escrow.thaw, won)

    assert held.state is State.HELD
    assert (await money.accounts())["bounty_escrow"] == PRICE


async def test_a_price_that_was_paid_out_is_held_in_the_wallet(money: Money) -> None:
    await money.hear(await released(money), Event.CHARGEBACK_OPEN, ABOUT)

    assert await money.wallets() == (20_000, 0)
    assert (await money.accounts())["user_held"] == PRICE
    assert await is_frozen(money)


async def test_a_chargeback_that_is_won_frees_the_wallet(money: Money) -> None:
    opened = await money.hear(await released(money), Event.CHARGEBACK_OPEN, ABOUT)

    won = await money.hear(opened, Event.CHARGEBACK_WON, ABOUT)

    assert (won.state, won.has_chargeback) == (State.RELEASED, False)
    assert await money.wallets() == (30_000, 0)
    assert "user_held" not in await money.accounts()
    assert not await is_frozen(money)


@pytest.mark.parametrize("is_held", [False, True])
async def test_a_chargeback_that_is_lost_is_owed_where_it_is_not_held(
    money: Money, is_held: bool
) -> None:
    known = await released(money)
    if is_held:
        known = await money.hear(known, Event.CHARGEBACK_OPEN, ABOUT)

    lost = await money.hear(known, Event.CHARGEBACK_LOST, ABOUT)

    assert lost.state is State.RELEASED
    # What is owed is paid at once out of what is there.
    assert await money.wallets() == (20_000, 0)
    assert not {"stripe_dispute_withheld", "user_debt"} & (await money.accounts()).keys()
    assert ("escrow_chargeback", 1) in await money.findings()
    assert await money.hear(lost, Event.CHARGEBACK_OPEN, ABOUT) == lost


async def test_a_transfer_refused_after_the_loss_pays_what_is_owed(money: Money) -> None:
    releasing = await money.do(escrow.release, await money.hold_by_card())
    lost = await money.hear(releasing, Event.CHARGEBACK_LOST, ABOUT)
    assert (lost.state, lost.is_chargeback_lost) == (State.RELEASING, True)
    assert await money.wallets() == (20_000, 0)

    over = await refused(money, lost)

    assert over.state is State.CHARGED_BACK
    assert await money.wallets() == (30_000, 0)
    assert await money.accounts() == {"stripe_platform": -30_000}


async def test_a_transfer_refused_while_it_is_open_is_frozen(money: Money) -> None:
    releasing = await money.do(escrow.release, await money.hold_by_card())
    opened = await money.hear(releasing, Event.CHARGEBACK_OPEN, ABOUT)

    frozen = await refused(money, opened)

    assert (frozen.state, frozen.chargeback_id) == (State.FROZEN, "dp_1")
    assert (await money.accounts())["bounty_escrow_frozen"] == PRICE


async def test_a_refund_is_stopped_and_the_loss_is_paid_when_it_comes_back(money: Money) -> None:
    refunding = await money.do(escrow.refund, await money.hold_by_card())
    opened = await money.hear(refunding, Event.CHARGEBACK_OPEN, ABOUT)
    assert (await money.calls())[-1][0] == "escrow.stop_refund"
    lost = await money.hear(opened, Event.CHARGEBACK_LOST, ABOUT)
    assert lost.state is State.REFUNDING

    over = await money.hear(lost, Event.REFUND_FAILED, About(refund_id="re_1"))

    assert over.state is State.CHARGED_BACK
    assert await money.wallets() == (30_000, 0)
    assert await money.accounts() == {"stripe_platform": -30_000}


async def test_what_was_given_back_is_shown_to_the_network(money: Money) -> None:
    refunding = await money.do(escrow.refund, await money.hold_by_card())
    assert refunding.call is not None
    about = About(call_key=refunding.call.key, refund_id="re_1")
    refunded = await money.hear(refunding, Event.SETTLED, about)

    await money.hear(refunded, Event.CHARGEBACK_OPEN, ABOUT)

    kind, call = (await money.calls())[-1]
    assert (kind, call["key"]) == ("escrow.send_evidence", "evidence_dp_1")


@pytest.mark.parametrize(
    "event", [Event.CHARGEBACK_OPEN, Event.CHARGEBACK_WON, Event.CHARGEBACK_LOST]
)
async def test_a_chargeback_of_an_earlier_round_leaves_this_one_alone(
    money: Money, event: Event
) -> None:
    held = await money.hold()

    heard = await money.hear(held, event, ABOUT)

    assert (heard.state, heard.chargeback_id) == (State.HELD, None)
    assert await money.findings() == [("escrow_chargeback", 1)]
