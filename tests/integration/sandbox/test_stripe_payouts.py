"""The nouns of money out, through the real SDK, against the emulator."""

from __future__ import annotations

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import AlreadyMoved, InvalidRequest, NotFound, Unavailable


def once():
    return {"idempotency_key": new_id()}


@pytest.fixture
def send(payments):
    async def call(account, cents, **changes):
        asked = {
            "amount_cents": cents,
            "account_id": account,
            "group": "withdrawal_1",
            "metadata": {"withdrawal_id": "1"},
            **once(),
        }
        return await payments.transfers.create(**{**asked, **changes})

    return call


@pytest.fixture
def pay_out(payments):
    async def call(account, cents, method="standard", destination=None):
        return await payments.payouts.create(
            account,
            amount_cents=cents,
            method=method,
            destination_id=destination,
            metadata={"withdrawal_id": "1"},
            **once(),
        )

    return call


async def test_an_account_is_made_once_and_onboarded(payments, http):
    key = once()
    made = [await payments.accounts.create(user_id="u", **key) for _ in range(2)]
    account = made[0].id
    assert made[0] == made[1]
    assert not made[0].payouts_enabled
    assert made[0].asks.currently_due
    urls = {"return_url": "https://app.test/back", "refresh_url": "https://app.test/again"}
    with pytest.raises(InvalidRequest):
        await payments.accounts.login(account, **once())

    link = await payments.accounts.link(account, **urls, **once())
    await http.get(link.url)

    shown = await payments.accounts.retrieve(account)
    assert (shown.payouts_enabled, shown.details_submitted) == (True, True)
    assert (await payments.accounts.login(account, **once())).startswith("https://")
    session = await payments.accounts.session(account, components=("account_onboarding",), **once())
    assert session.client_secret not in repr(session)
    assert [each.last4 for each in await payments.accounts.banks(account)] == ["6789"]
    assert [each.is_instant for each in await payments.accounts.cards(account)] == [True]


async def test_money_is_sent_paid_out_and_found_again(payments, connected, send, pay_out, press):
    account = (await connected(5_000))["account_id"]
    await fund(payments)
    sent = await send(account, 1_000)
    card = (await payments.accounts.cards(account))[0].id

    paid = await pay_out(account, 1_000, "instant", card)
    await press(f"/accounts/{account}/payouts/{paid.id}/settle?outcome=fail")

    assert await payments.transfers.of_group("withdrawal_1") == [sent]
    assert await payments.transfers.retrieve(sent.id) == sent
    failed = await payments.payouts.retrieve(account, paid.id)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert await payments.payouts.list_of(account) == [failed]
    assert await payments.payouts.instant_cents(account) == 6_000


async def fund(payments):
    """Let the platform have money of its own."""
    customer = await payments.customers.create(user_id="u", email=None, **once())
    intent = await payments.intents.create(
        amount_cents=9_000, currency="usd", customer_id=customer, metadata={}, **once()
    )
    await payments.intents.confirm(intent.id, payment_method="pm_card_visa", **once())


async def test_a_transfer_comes_back_once(payments, connected):
    found = await connected(5_000)
    transfer = found["transfer_id"]

    back = await payments.transfers.reverse(transfer, amount_cents=5_000, **once())

    assert await payments.transfers.reversals(transfer) == [back]
    assert (await payments.transfers.retrieve(transfer)).amount_reversed == 5_000
    with pytest.raises(AlreadyMoved):
        await payments.transfers.reverse(transfer, amount_cents=5_000, **once())


async def test_what_is_not_there_is_short_and_what_is_wrong_is_refused(
    payments, connected, send, pay_out
):
    found = await connected(5_000)
    account = found["account_id"]
    bank = (await payments.accounts.banks(account))[0].id

    with pytest.raises(Unavailable) as short:
        await send(account, 1)
    with pytest.raises(NotFound):
        await send("acct_none", 1)
    with pytest.raises(InvalidRequest) as slow:
        await pay_out(account, 1_000, "instant", bank)
    await pay_out(account, 5_000)
    with pytest.raises(Unavailable) as gone:
        await payments.transfers.reverse(found["transfer_id"], amount_cents=5_000, **once())

    assert short.value.error_code == gone.value.error_code == "balance_insufficient"
    assert slow.value.error_code == "instant_payouts_unsupported"
