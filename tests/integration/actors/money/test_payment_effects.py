"""What a deposit leaves in the database: the row, the books, and who is told of it, once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.money.effects import payment as payment_effects
from bountyexpo.actors.money.effects.payment import HANDLERS, Said
from bountyexpo.actors.money.payment_facts import Move, Told
from bountyexpo.actors.money.payment_messages import ApplyProviderEvent, ConfirmIntent
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money.payment import MACHINE, Effect, Event, Facts, PaymentStatus
from bountyexpo.errors import CardRefused
from bountyexpo.persistence.money import ledger, payments

if TYPE_CHECKING:
    from bountyexpo.integrations.stripe.intents import Intent
    from bountyexpo.persistence.money.payments import Payment

NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def deposit(market: Any) -> tuple[str, Payment]:
    payer = await market.person()
    payment_id = await market.deposit(payer, 500)
    return payer, await market.payment(payment_id)


async def hear(market: Any, payment: Payment, inbox_id: int = 1, **said: Any) -> Intent:
    intent: Intent = market.provider.change(payment.stripe_payment_intent_id, **said)
    message = ApplyProviderEvent(intent=intent, inbox_id=inbox_id)
    await market.actors.payment(payment.id).ask(message)
    return intent


async def notices(market: Any) -> list[tuple[str, str, dict[str, Any]]]:
    rows = await market.db.fetch("select kind, dedupe_key, data from notices order by id")
    return [(row["kind"], row["dedupe_key"], row["data"]) for row in rows]


async def credited(market: Any) -> Payment:
    _, payment = await deposit(market)
    await hear(market, payment, status="succeeded", amount_received_cents=500)
    found: Payment = await market.payment(payment.id)
    return found


async def apply(market: Any, payment: Payment, event: Event, said: Said) -> Payment:
    """Carry out what the machine says of money that went back."""
    status = PaymentStatus(payment.status)
    decision = MACHINE.decide(status, event, Role.PROVIDER, Facts())
    told = Told(status=decision.state, moves=(Move(event, decision),))
    async with market.db.transaction() as tx:
        return await payment_effects.carry_out(tx, payment, told, said, now=NOW)


async def test_money_that_arrives_is_told_once(market: Any) -> None:
    payer, payment = await deposit(market)

    for inbox_id in (1, 2):
        intent = await hear(
            market, payment, inbox_id, status="succeeded", amount_received_cents=500
        )

    assert await market.available(payer) == 500
    data = {"paymentId": payment.id, "amountCents": 500}
    assert await notices(market) == [("balance_update", f"dep:{intent.id}", data)]


async def test_an_attempt_that_fails_later_reaches_the_payer_once(market: Any) -> None:
    _, payment = await deposit(market)
    await hear(market, payment, status="processing")

    for inbox_id in (1, 2):
        await hear(
            market,
            payment,
            inbox_id,
            status="requires_payment_method",
            error_code="expired_card",
        )

    [(kind, _, data)] = await notices(market)
    assert (kind, data["reason"]) == ("deposit_failed", "expired_card")
    assert (await market.payment(payment.id)).failure_code == "expired_card"


async def test_a_bank_debit_that_fails_is_over(market: Any) -> None:
    _, payment = await deposit(market)
    market.provider.change(payment.stripe_payment_intent_id, method_types=("us_bank_account",))
    await hear(market, payment, status="processing")

    await hear(market, payment, status="requires_payment_method", error_code="no_account")

    failed = await market.payment(payment.id)
    assert (failed.status, failed.give_up_at) == ("failed", None)
    [(kind, _, data)] = await notices(market)
    assert (kind, data["reason"]) == ("deposit_failed", "no_account")


async def test_a_card_that_is_refused_at_once_needs_no_notice(market: Any) -> None:
    payer, payment = await deposit(market)
    market.provider.failure = CardRefused(code="card_declined")

    with pytest.raises(CardRefused):
        await market.actors.payment(payment.id).ask(
            ConfirmIntent(user_id=payer, payment_method="pm_card_chargeDeclined")
        )

    assert await notices(market) == []
    assert (await market.payment(payment.id)).failure_code == "card_declined"


async def test_what_went_back_to_the_card_is_taken_and_told_once(market: Any) -> None:
    payment = await credited(market)
    said = Said(refund_id="re_1", amount_cents=300)

    for _ in range(2):
        payment = await apply(market, payment, Event.REFUNDED, said)

    assert await market.available(payment.user_id) == 200
    kinds = [(kind, key) for kind, key, _ in await notices(market)]
    assert kinds[1:] == [("deposit_refunded", "ref:re_1")]


async def test_a_disputed_deposit_is_held_and_nothing_else_goes_out(market: Any) -> None:
    payment = await credited(market)

    await apply(market, payment, Event.CHARGEBACK, Said(chargeback_id="dp_1", amount_cents=700))

    wallet = await ledger.wallet(market.db, payment.user_id)
    assert (wallet.available_cents, wallet.held_cents) == (0, 500)
    kinds = [(kind, key) for kind, key, _ in await notices(market)]
    assert kinds[1:] == [("chargeback", "sd:dp_1:opened")]
    [row] = await market.db.fetch("select frozen from ledger_accounts where kind='user_available'")
    assert row["frozen"]


@pytest.mark.parametrize("effect", [Effect.POST_DEPOSIT, Effect.NOTIFY_PAYER])
async def test_a_crash_in_a_handler_leaves_nothing(
    market: Any, monkeypatch: Any, effect: Effect
) -> None:
    payer, payment = await deposit(market)
    usual = HANDLERS[effect]

    async def broken(tx: Any, step: Any) -> None:
        await usual(tx, step)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setitem(HANDLERS, effect, broken)
        with pytest.raises(ZeroDivisionError):
            await apply_succeeded(market, payment)

    assert await market.payment(payment.id) == payment
    assert (await market.available(payer), await notices(market)) == (0, [])
    await apply_succeeded(market, payment)
    assert await market.available(payer) == 500


async def apply_succeeded(market: Any, payment: Payment) -> None:
    intent = market.provider.change(
        payment.stripe_payment_intent_id, status="succeeded", amount_received_cents=500
    )
    await apply(market, payment, Event.SUCCEEDED, Said(intent=intent))


async def test_what_was_just_written_is_not_read_again(market: Any, monkeypatch: Any) -> None:
    reads, usual = [], payments.get

    async def counted(db: Any, payment_id: str) -> Any:
        reads.append(payment_id)
        return await usual(db, payment_id)

    monkeypatch.setattr(payments, "get", counted)
    payer = await market.person()
    payment_id = await market.deposit(payer)
    intent_id = f"pi_intent_{payment_id}_1"
    market.provider.change(intent_id, status="succeeded", amount_received_cents=500)
    await market.actors.payment(payment_id).ask(
        ConfirmIntent(user_id=payer, payment_method="pm_card_visa")
    )

    assert await market.available(payer) == 500
    assert reads == [payment_id]
