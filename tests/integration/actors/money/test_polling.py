"""A deposit whose bank takes its time is asked for until it ends, less and less often."""

from __future__ import annotations

from typing import Any

import pytest
from bountyexpo.actors.money.payment_messages import ConfirmIntent
from bountyexpo.domain.money.payment import POLL_FIRST_S, POLL_MAX_S
from bountyexpo.errors import ProviderFailed
from bountyexpo.jobs.money import deposits

DUE = """
    select extract(epoch from poll_at - now())::float8 as due_s from payments
    where poll_at is not null
"""
MAKE_DUE = "update payments set poll_at = now() where poll_at is not null"


class Polled:
    """Deposits that are under way at the bank."""

    def __init__(self, market: Any) -> None:
        self.market = market
        self.asked: list[str] = []
        retrieve = market.provider.intents.retrieve

        async def counted(intent_id: str) -> Any:
            self.asked.append(intent_id)
            return await retrieve(intent_id)

        market.provider.intents.retrieve = counted

    async def deposit(self) -> tuple[str, str, str]:
        payer = await self.market.person()
        payment_id = await self.market.deposit(payer, 500)
        intent_id = (await self.market.payment(payment_id)).stripe_payment_intent_id
        self.market.provider.change(intent_id, status="processing")
        await self.market.actors.payment(payment_id).ask(
            ConfirmIntent(user_id=payer, payment_method=None)
        )
        self.asked.clear()
        return payer, payment_id, intent_id

    async def run(self) -> None:
        await deposits.poll_processing(await self.market.job_run())

    async def run_due(self) -> None:
        await self.market.db.execute(MAKE_DUE)
        await self.run()

    async def pauses(self) -> list[float]:
        return [row["due_s"] for row in await self.market.db.fetch(DUE)]


@pytest.fixture
def polled(market: Any) -> Polled:
    return Polled(market)


async def test_it_is_asked_for_less_and_less_often(polled: Polled) -> None:
    await polled.deposit()
    await polled.run()
    assert polled.asked == []
    assert await polled.pauses() == pytest.approx([POLL_FIRST_S], abs=5)
    pauses = []

    for _ in range(9):
        await polled.run_due()
        pauses += await polled.pauses()

    assert len(polled.asked) == 9
    expected = [min(POLL_FIRST_S * 2.0**number, POLL_MAX_S) for number in range(1, 10)]
    assert pauses == pytest.approx(expected, abs=5)


@pytest.mark.parametrize(
    ("said", "status", "cents"),
    [
        ({"status": "succeeded", "amount_received_cents": 500}, "credited", 500),
        ({"status": "canceled"}, "canceled", 0),
        ({"status": "requires_payment_method", "error_code": "expired_card"}, "intent", 0),
        (
            {
                "status": "requires_payment_method",
                "error_code": "no_account",
                "method_types": ("us_bank_account",),
            },
            "failed",
            0,
        ),
    ],
)
async def test_it_is_asked_for_until_it_ends(
    polled: Polled, said: dict[str, Any], status: str, cents: int
) -> None:
    payer, payment_id, intent_id = await polled.deposit()
    polled.market.provider.change(intent_id, **said)

    await polled.run_due()
    await polled.run_due()

    assert polled.asked == [intent_id]
    ended = await polled.market.payment(payment_id)
    assert (ended.status, ended.poll_at) == (status, None)
    assert await polled.market.available(payer) == cents


async def test_a_provider_that_does_not_answer_is_asked_again(
    polled: Polled, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, _, intent_id = await polled.deposit()
    polled.market.provider.change(intent_id, status="succeeded", amount_received_cents=500)
    whole = polled.market.provider.intents.retrieve

    async def lost(_intent_id: str) -> None:
        raise ProviderFailed

    monkeypatch.setattr(polled.market.provider.intents, "retrieve", lost)
    await polled.run_due()
    assert await polled.market.available(payer) == 0
    monkeypatch.setattr(polled.market.provider.intents, "retrieve", whole)

    await polled.run_due()

    assert await polled.market.available(payer) == 500


async def test_a_run_asks_for_so_many_and_the_next_for_the_others(
    polled: Polled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deposits, "BATCH", 2)
    for _ in range(3):
        await polled.deposit()
    polled.asked.clear()

    await polled.run_due()
    assert len(polled.asked) == 2
    await polled.run()

    assert len(polled.asked) == len(set(polled.asked)) == 3
