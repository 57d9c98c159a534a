"""What people are told of their own money: each row of the wallet's list, and each deposit."""

from __future__ import annotations

import pytest
from bountyexpo.actors.money.payment_messages import ConfirmIntent
from bountyexpo.errors import CardRefused
from bountyexpo.persistence.chat import message_stream


async def news(market, user_id, prefix):
    found = await message_stream.read_after(market.db, f"user:{user_id}", 0, 1_000)
    return [(each.type, each.payload) for each in found if each.type.startswith(prefix)]


async def rows(market, user_id):
    return [
        (told["transactionType"], told["amountCents"], told["status"])
        for _, told in await news(market, user_id, "wallet.transaction")
    ]


async def test_each_row_of_the_wallet_is_told_to_its_owner_only(market):
    poster, hunter = await market.person(cents=15_000), await market.person()
    bounty_id = await market.bounty(poster, cents=10_000)
    request = await market.apply(hunter, bounty_id)
    await market.accept(poster, bounty_id, request.id)
    submission = await market.submit(hunter, bounty_id)
    await market.approve(poster, bounty_id, submission.id)

    assert await rows(market, poster) == [
        ("deposit", 15_000, "completed"),
        ("escrow", -10_000, "completed"),
    ]
    assert await rows(market, hunter) == [("release", 9_500, "completed")]
    [(_, told)] = await news(market, hunter, "wallet.transaction")
    assert told["bountyId"] == bounty_id


async def test_a_card_that_asks_for_its_owner_is_told_once(market):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    intent_id = (await market.payment(payment_id)).stripe_payment_intent_id
    market.provider.change(intent_id, status="requires_action")
    confirm = ConfirmIntent(user_id=payer, payment_method=None)

    for _ in range(2):
        await market.actors.payment(payment_id).ask(confirm)

    [(kind, told)] = await news(market, payer, "payment.")
    assert kind == "payment.action_required"
    assert told == {
        "paymentId": payment_id,
        "paymentIntentId": intent_id,
        "amountCents": 500,
        "status": "action_required",
    }


async def test_a_refused_card_is_told_with_its_reason(market):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    market.provider.failure = CardRefused(code="card_declined")
    with pytest.raises(CardRefused):
        await market.actors.payment(payment_id).ask(
            ConfirmIntent(user_id=payer, payment_method="pm_card_chargeDeclined")
        )

    [(kind, told)] = await news(market, payer, "payment.")
    assert (kind, told["reason"]) == ("payment.failed", "card_declined")


async def test_a_payment_that_fails_later_is_told_with_its_reason(market):
    payer = await market.person()
    payment_id = await market.deposit(payer)
    intent_id = (await market.payment(payment_id)).stripe_payment_intent_id
    confirm = ConfirmIntent(user_id=payer, payment_method=None)
    market.provider.change(intent_id, status="processing")
    await market.actors.payment(payment_id).ask(confirm)
    market.provider.change(intent_id, status="requires_payment_method", error_code="expired_card")

    for _ in range(2):
        await market.actors.payment(payment_id).ask(confirm)

    [(kind, told)] = await news(market, payer, "payment.")
    assert (kind, told["reason"]) == ("payment.failed", "expired_card")
