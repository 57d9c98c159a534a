"""Money out, over the real SDK against the emulator: to the bank, back, and never twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.actors.money import withdrawal_saga
from bountyexpo.actors.money.payee_messages import (
    BeginRetry,
    CarryOut,
    HearOfAccount,
    HearOfPayout,
    HearOfTransfer,
    ListDestinations,
    LookAgain,
    LookAtAccount,
    OpenLink,
    OpenLogin,
    RetryWithdrawal,
)
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import BountyExpoError, Conflict
from bountyexpo.jobs.money.withdrawals import look_at_due

from tests.integration.actors.money.payee_stage import CENTS, KEY

if TYPE_CHECKING:
    from tests.integration.actors.money.payee_stage import Payee


async def test_an_account_is_made_once_whoever_asks_at_once(payee: Payee) -> None:
    opened = []
    urls = {"return_url": "https://a.test/1", "refresh_url": "https://a.test/2"}

    async def link() -> None:
        opened.append(await payee.ask(OpenLink(**urls)))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(link)

    assert len({each.account_id for each in opened}) == 1
    assert len({each.link.url for each in opened}) == 1, "the emulator's link names the account"
    with pytest.raises(BountyExpoError):
        await payee.ask(OpenLogin())
    assert (await payee.onboard()).are_payouts_enabled
    assert (await payee.ask(OpenLogin())).startswith("https://")
    found = await payee.ask(ListDestinations())
    assert (len(found.banks), len(found.cards), found.instant_cents) == (1, 1, 0)


async def test_an_account_of_which_nothing_is_known_says_so(payee: Payee) -> None:
    assert (await payee.ask(LookAtAccount())).stripe_account_id is None
    with pytest.raises(BountyExpoError) as refused:
        await payee.withdraw()
    assert refused.value.error_code == "connect_not_onboarded"


async def test_money_goes_to_the_bank(payee: Payee) -> None:
    account = await payee.onboard()

    found = await payee.withdraw()

    assert (found.status, found.stripe_account_id) == ("payout_pending", account.stripe_account_id)
    assert await payee.available() == 500
    await payee.relay()
    assert (await payee.sent(), await payee.payouts()) == (9_500, ["pending"])
    await payee.bank(found)
    await payee.ask(CarryOut(withdrawal_id=found.id, is_look=True))
    paid = await payee.stored(found.id)
    assert (paid.status, await payee.available()) == ("paid", 500)
    again = await payee.ask(CarryOut(withdrawal_id=found.id, is_look=True))
    assert again.withdrawal == paid


async def test_haste_costs_one_percent_on_top_and_falls_back_without(payee: Payee) -> None:
    await payee.onboard()

    fast = await payee.withdraw(5_000, is_instant=True)

    assert (fast.status, fast.is_instant, fast.fee_cents) == ("payout_pending", True, 50)
    assert await payee.available() == 4_950
    with pytest.raises(BountyExpoError) as short:
        await payee.withdraw(4_950, is_instant=True)
    assert short.value.error_code == "withdrawal_in_progress"


async def test_the_fee_counts_when_the_balance_is_looked_at(payee: Payee) -> None:
    await payee.onboard()

    with pytest.raises(BountyExpoError) as short:
        await payee.withdraw(CENTS, is_instant=True)

    assert short.value.error_code == "insufficient_balance"
    assert await payee.available() == CENTS


@pytest.mark.parametrize("was_paid", [False, True])
async def test_a_payout_that_fails_comes_back_once(payee: Payee, was_paid: bool) -> None:
    await payee.onboard()
    found = await payee.withdraw()
    if was_paid:
        await payee.bank(found)
        await payee.ask(CarryOut(withdrawal_id=found.id, is_look=True))
    await payee.bank(found, "?outcome=fail")

    for inbox_id in (1, 2):
        payout = HearOfPayout(
            withdrawal_id=found.id, payout_id=found.payout_id or "", inbox_id=inbox_id
        )
        await payee.ask(payout)
    await payee.relay()

    back = await payee.stored(found.id)
    assert (back.status, back.failure_code) == ("reversed", "account_closed")
    assert (await payee.available(), await payee.sent()) == (CENTS, 0)


async def test_what_came_back_is_tried_again_at_most_three_times(payee: Payee) -> None:
    await payee.onboard()
    found = await payee.withdraw()
    for number in range(1, 4):
        await payee.bank(found, "?outcome=fail")
        await payee.ask(
            HearOfPayout(withdrawal_id=found.id, payout_id=found.payout_id or "", inbox_id=1)
        )
        retry = RetryWithdrawal(retry_id=new_id(), withdrawal_id=found.id, destination_id=None)
        again = (await payee.ask(retry)).withdrawal
        assert (again.retry_of, again.retries) == (found.id, number)
        await payee.relay()
        found = again
    await payee.bank(found, "?outcome=fail")
    await payee.ask(
        HearOfPayout(withdrawal_id=found.id, payout_id=found.payout_id or "", inbox_id=1)
    )

    with pytest.raises(Conflict) as refused:
        await payee.ask(
            RetryWithdrawal(retry_id=new_id(), withdrawal_id=found.id, destination_id=None)
        )

    assert refused.value.error_code == "max_retries_reached"
    assert await payee.available() == CENTS


async def test_a_retry_that_was_cut_off_is_made_once(payee: Payee) -> None:
    await payee.onboard()
    found = await payee.withdraw()
    await payee.bank(found, "?outcome=fail")
    await payee.ask(
        HearOfPayout(withdrawal_id=found.id, payout_id=found.payout_id or "", inbox_id=1)
    )
    begin = BeginRetry(retry_id=new_id(), withdrawal_id=found.id)

    first = await payee.ask(begin)
    again = await payee.ask(begin)

    assert first.withdrawal == again.withdrawal
    assert await payee.ask(BeginRetry(retry_id=new_id(), withdrawal_id=found.id)) is None
    assert await payee.sent() == 9_500


async def test_a_platform_without_money_takes_nothing(payee: Payee) -> None:
    await payee.onboard()
    await payee.db.execute("update sandbox.stripe_balances set cents = 0 where account = ''")

    with pytest.raises(BountyExpoError) as refused:
        await payee.withdraw(key="k")
    with pytest.raises(BountyExpoError) as again:
        await payee.withdraw(key="k")

    assert refused.value.error_code == again.value.error_code == "platform_balance_insufficient"
    assert refused.value.status == 503
    assert (await payee.available(), await payee.sent()) == (CENTS, 0)


@pytest.mark.parametrize("path", ["/v1/transfers", "/v1/payouts"])
@pytest.mark.parametrize("kind", ["server_error", "server_error_after", "rate_limit"])
async def test_an_unknown_outcome_is_asked_again_and_never_credited(
    payee: Payee, path: str, kind: str
) -> None:
    await payee.onboard()
    # The SDK tries three times, but for a limit.
    await payee.fault(kind=kind, path=path, times=1 if kind == "rate_limit" else 3)

    found = await payee.withdraw(key="k")

    assert found.status == ("requested" if path.endswith("transfers") else "transferred")
    assert await payee.available() == 500
    await payee.relay()
    done = await payee.stored(found.id)
    assert (done.status, await payee.sent()) == ("payout_pending", 9_500)
    assert await payee.payouts() == ["pending"]
    assert (await payee.withdraw(key="k")).id == found.id


@pytest.mark.parametrize("kind", ["server_error", "server_error_after"])
async def test_an_unknown_reversal_is_asked_again(payee: Payee, kind: str) -> None:
    await payee.onboard()
    found = await payee.withdraw()
    await payee.relay()
    await payee.bank(found, "?outcome=fail")
    await payee.fault(kind=kind, path=f"/v1/transfers/{found.transfer_id}/reversals", times=3)
    payout = HearOfPayout(withdrawal_id=found.id, payout_id=found.payout_id or "", inbox_id=1)

    heard = (await payee.ask(payout)).withdrawal
    assert (heard.status, await payee.available()) == ("reversing", 500)
    await payee.relay()

    assert (await payee.stored(found.id)).status == "reversed"
    assert (await payee.available(), await payee.sent()) == (CENTS, 0)


async def test_a_transfer_that_was_taken_back_elsewhere_is_credited_once(payee: Payee) -> None:
    await payee.onboard()
    found = await payee.withdraw()
    account, transfer = found.stripe_account_id, found.transfer_id or ""
    await payee.http.post(
        f"{payee.url}/v1/payouts/{found.payout_id}/cancel",
        headers={"Authorization": f"Bearer {KEY}", "Stripe-Account": account},
    )
    await payee.market.provider.transfers.reverse(
        transfer, amount_cents=4_000, idempotency_key=new_id()
    )
    told = HearOfTransfer(withdrawal_id=found.id, transfer_id=transfer, inbox_id=1)

    part = (await payee.ask(told)).withdrawal
    assert (part.status, part.returned_cents) == ("payout_pending", 4_000)
    assert (await payee.ask(told)).withdrawal == part
    assert await payee.available() == 4_500
    await payee.ask(
        HearOfPayout(withdrawal_id=found.id, payout_id=found.payout_id or "", inbox_id=1)
    )

    assert (await payee.stored(found.id)).status == "reversed"
    assert (await payee.available(), await payee.sent()) == (CENTS, 0)


async def test_who_waits_too_long_is_taken_up_by_the_job(payee: Payee) -> None:
    await payee.onboard()
    found = await payee.withdraw()
    await payee.relay()
    await payee.bank(found)
    await payee.db.execute("update withdrawals set due_at = now()")

    await look_at_due(await payee.market.job_run())
    await payee.relay()

    assert (await payee.stored(found.id)).status == "paid"
    assert (await payee.ask(LookAgain(withdrawal_id=found.id))).withdrawal.status == "paid"


async def test_hundreds_at_once_pay_out_at_most_the_balance(payee: Payee) -> None:
    await payee.onboard()
    outcomes: list[str] = []

    async def withdraw(number: int) -> None:
        try:
            outcomes.append((await payee.withdraw(2_000, key=f"k{number}")).status)
        except BountyExpoError as error:
            outcomes.append(error.error_code)

    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(withdraw, number)

    assert outcomes.count("payout_pending") == 1
    assert set(outcomes) <= {"payout_pending", "withdrawal_in_progress", "OVERLOADED"}
    assert (await payee.available(), await payee.sent()) == (CENTS - 2_000, 2_000)


async def test_one_key_is_one_withdrawal_and_of_one_request(payee: Payee) -> None:
    await payee.onboard()
    made = set()

    async def withdraw() -> None:
        made.add((await payee.withdraw(key="k")).id)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(withdraw)

    assert len(made) == 1
    with pytest.raises(BountyExpoError) as other:
        await payee.withdraw(2_000, key="k")
    assert other.value.error_code == "idempotency_conflict"
    assert await payee.sent() == 9_500


async def test_who_has_left_is_not_paid_and_may_come_again(payee: Payee) -> None:
    account = await payee.onboard()
    account_id = account.stripe_account_id or ""
    await payee.press(f"/accounts/{account_id}/deauthorize")

    gone = await payee.ask(HearOfAccount(account_id=account_id, is_gone=True, inbox_id=1))

    assert gone.stripe_account_id is None
    with pytest.raises(BountyExpoError) as refused:
        await payee.withdraw()
    assert refused.value.error_code == "connect_not_onboarded"
    assert (await payee.onboard()).stripe_account_id not in {None, account_id}


async def test_who_is_restricted_is_refused_at_that_moment(payee: Payee) -> None:
    account = await payee.onboard()
    await payee.press(f"/accounts/{account.stripe_account_id}/restrict")

    with pytest.raises(BountyExpoError) as refused:
        await payee.withdraw()

    assert refused.value.error_code == "payouts_disabled"
    assert refused.value.fields["requirementsCurrentlyDue"]
    assert await payee.available() == CENTS


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("step", [1, 2])
async def test_who_dies_at_a_step_is_followed_by_the_relay(
    payee: Payee, monkeypatch: pytest.MonkeyPatch, step: int, is_after: bool
) -> None:
    await payee.onboard()
    usual, asked = withdrawal_saga.answer, []

    async def dying(ports: Any, withdrawal: Any, *, is_repeat: bool) -> Any:
        asked.append(withdrawal.status)
        if len(asked) != step:
            return await usual(ports, withdrawal, is_repeat=is_repeat)
        if is_after:
            await usual(ports, withdrawal, is_repeat=is_repeat)
        raise RuntimeError("the process ends here")

    monkeypatch.setattr(withdrawal_saga, "answer", dying)
    with pytest.raises(BountyExpoError):
        await payee.withdraw(key="k")
    assert await payee.available() == 500

    await payee.relay()

    again = await payee.withdraw(key="k")
    assert (again.status, await payee.sent()) == ("payout_pending", 9_500)
    assert (await payee.payouts(), await payee.available()) == (["pending"], 500)
