"""What a deposit asks the provider, over the real SDK: it may all have happened already."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.money.effects.payment_calls import CALLS, Question
from bountyexpo.actors.money.payment_messages import ConfirmIntent, CreateIntent, ResumePayment
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.payment import Effect
from bountyexpo.errors import CardRefused, ProviderFailed
from bountyexpo.persistence.money import customers

from tests.integration.actors.money.payee_stage import KEY

if TYPE_CHECKING:
    import httpx

    from tests.integration.actors.conftest import Market

# How an intent comes to each state without us: the native SDK's steps and the bank's, in order.
ELSEWHERE: dict[str, tuple[tuple[str, str, dict[str, str]], ...]] = {
    "requires_payment_method": (),
    "succeeded": (("/v1", "confirm", {"payment_method": "pm_card_visa"}),),
    "processing": (("/v1", "confirm", {"payment_method": "pm_usBankAccount"}),),
    "requires_action": (("/v1", "confirm", {"payment_method": "pm_card_authenticationRequired"}),),
    "canceled": (("/v1", "cancel", {}),),
}


class Payer:
    """A person with deposits at a market whose provider is the emulator, over the real SDK."""

    def __init__(self, market: Market, url: str, http: httpx.AsyncClient) -> None:
        self.market, self.url, self.http = market, url, http
        self.id = ""

    @property
    def stripe(self) -> Any:
        return self.market.provider

    async def create(self, payment_id: str, email: str | None = "a@example.test") -> Any:
        message = CreateIntent(
            user_id=self.id,
            email=email,
            amount_cents=2_500,
            description=None,
            idempotency_key=None,
            request_hash="",
        )
        return await self.market.actors.payment(payment_id).ask(message)

    async def confirm(self, payment_id: str, card: str | None = "pm_card_visa") -> Any:
        message = ConfirmIntent(user_id=self.id, payment_method=card)
        return await self.market.actors.payment(payment_id).ask(message)

    async def elsewhere(self, intent_id: str, state: str) -> None:
        for root, step, form in ELSEWHERE[state]:
            url = f"{self.url}{root}/payment_intents/{intent_id}/{step}"
            await self.http.post(url, data=form, headers={"Authorization": f"Bearer {KEY}"})
        assert (await self.stripe.intents.retrieve(intent_id)).status == state

    async def fault(self, **fault: Any) -> None:
        done = await self.http.post(f"{self.url}/sandbox/faults", json=fault)
        assert done.status_code == 200


@pytest.fixture
async def payer(emulated: tuple[Market, str, httpx.AsyncClient]) -> Payer:
    found = Payer(*emulated)
    found.id = await found.market.person()
    return found


@pytest.mark.parametrize("card", ["pm_card_visa", None])
async def test_what_the_native_sdk_has_confirmed_is_credited_once(payer: Payer, card: Any) -> None:
    payment_id = new_id()
    intent = (await payer.create(payment_id)).intent
    await payer.elsewhere(intent.id, "succeeded")

    for _ in range(2):
        answer = await payer.confirm(payment_id, card)
        assert (answer.intent.status, answer.status) == ("succeeded", "credited")

    assert await payer.market.available(payer.id) == 2_500


@pytest.mark.parametrize("state", ELSEWHERE)
@pytest.mark.parametrize("effect", [each for each in CALLS if each is not Effect.MAKE_INTENT])
async def test_whatever_is_true_already_is_the_answer(
    payer: Payer, effect: Any, state: str
) -> None:
    payment_id = new_id()
    intent = (await payer.create(payment_id)).intent
    await payer.elsewhere(intent.id, state)
    question = Question(
        payment=await payer.market.payment(payment_id), payment_method="pm_card_visa"
    )

    ports = SimpleNamespace(db=payer.market.db, stripe=payer.stripe)
    answers = [await CALLS[effect](ports, question) for _ in range(2)]

    moved = {
        (Effect.CONFIRM_INTENT, "requires_payment_method"): "succeeded",
        (Effect.CANCEL_INTENT, "requires_payment_method"): "canceled",
        (Effect.CANCEL_INTENT, "requires_action"): "canceled",
    }
    assert {answer.status for answer in answers} == {moved.get((effect, state), state)}


async def test_a_confirmation_in_the_midst_of_ours_is_no_refusal(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = new_id()
    intent = (await payer.create(payment_id)).intent
    real = payer.stripe.intents.retrieve

    async def overtaken(intent_id: str) -> Any:
        found = await real(intent_id)
        monkeypatch.undo()
        await payer.elsewhere(intent_id, "succeeded")
        return found

    monkeypatch.setattr(payer.stripe.intents, "retrieve", overtaken)

    answer = await payer.confirm(payment_id)

    assert (answer.intent.id, answer.status) == (intent.id, "credited")
    assert await payer.market.available(payer.id) == 2_500


async def test_another_card_after_an_unknown_outcome_is_another_request(payer: Payer) -> None:
    payment_id = new_id()
    await payer.create(payment_id)
    await payer.fault(kind="server_error_after", path="/v1/payment_intents/", times=4)
    with pytest.raises(ProviderFailed):
        await payer.confirm(payment_id, "pm_card_chargeDeclined")
    await payer.http.delete(f"{payer.url}/sandbox/faults")

    assert (await payer.confirm(payment_id, "pm_card_visa")).status == "credited"


async def test_a_declined_card_is_told_again_for_the_same_request(payer: Payer) -> None:
    payment_id = new_id()
    await payer.create(payment_id)

    for _ in range(2):
        with pytest.raises(CardRefused):
            await payer.confirm(payment_id, "pm_card_chargeDeclined")

    assert (await payer.confirm(payment_id)).status == "credited"


async def test_a_customer_is_asked_for_in_the_same_words_after_a_crash(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id, asked = new_id(), []
    real_create, real_keep = payer.stripe.customers.create, customers.keep

    async def create(**wanted: Any) -> str:
        asked.append(wanted)
        return await real_create(**wanted)

    async def crash(*_: Any) -> str:
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(payer.stripe.customers, "create", create)
    monkeypatch.setattr(customers, "keep", crash)
    with pytest.raises(Exception, match="wrong on our side"):
        await payer.create(payment_id, "first@example.test")
    monkeypatch.setattr(customers, "keep", real_keep)

    await payer.market.actors.payment(payment_id).ask(ResumePayment())
    await payer.create(new_id(), "second@example.test")

    assert asked[0] == asked[1]
    assert asked[0]["email"] == "first@example.test"
    assert len(asked) == 2
    kept = await customers.of_user(payer.market.db, payer.id)
    assert kept is not None
    assert (kept.customer_id is not None, kept.customer_email) == (True, None)


async def test_an_address_that_the_provider_does_not_take_is_left_out(payer: Payer) -> None:
    answer = await payer.create(new_id(), "nobody")

    assert answer.status == "intent"
    kept = await customers.of_user(payer.market.db, payer.id)
    assert kept is not None
    found = await payer.http.get(
        f"{payer.url}/v1/customers/{kept.customer_id}", headers={"Authorization": f"Bearer {KEY}"}
    )
    assert (found.json()["email"], found.json()["metadata"]) == (None, {"user_id": payer.id})


async def test_the_first_customer_stays(payer: Payer) -> None:
    await customers.claim(payer.market.db, payer.id, None)

    kept = [await customers.keep(payer.market.db, payer.id, each) for each in ("cus_1", "cus_2")]

    assert kept == ["cus_1", "cus_1"]
