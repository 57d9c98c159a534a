"""Connected accounts in the emulator of Stripe: onboarded, sent money, paid out, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import stripe
from bountyexpo.integrations.stripe.transport import Transport
from bountyexpo.integrations.stripe_events import verify_event

from tests.integration.sandbox.conftest import EXPRESS, WEBHOOK_SECRET, refusal
from tests.patience import PATIENCE_S

ON = "Stripe-Account"


@pytest.fixture
async def sdk(sandbox, settings):
    """The provider's own client."""
    transport = Transport(attempt_s=PATIENCE_S, connections_max=2)
    yield stripe.StripeClient(
        settings.stripe_secret_key, base_addresses={"api": sandbox}, http_client=transport
    ).v1
    await transport.close_async()


@pytest.fixture
def balance(api):
    """What an account has at hand; without one, the platform."""

    async def show(account=None):
        headers = {ON: account} if account else {}
        found = (await api("GET", "/balance", **headers)).json()
        assert found["object"] == "balance"
        return found["available"][0]["amount"]

    return show


@pytest.fixture
def pay_out(made):
    """Let an account pay out."""

    async def call(account, amount, **more):
        wanted = {"amount": amount, "currency": "usd"} | more
        return await made("/payouts", wanted, **{ON: account})

    return call


@pytest.fixture
def destinations(api):
    """The banks and cards of an account, by kind."""

    async def show(account):
        found = (await api("GET", f"/accounts/{account}/external_accounts")).json()
        return {each["object"]: each for each in found["data"]}

    return show


async def told(receiver, count):
    """Return the next events by type, checked with the secret that each must have."""
    found = {}
    for _ in range(count):
        body, signed = await receiver.next_post()
        event = json.loads(body)
        found[event["type"]] = (event, body, signed)
    return found


async def test_an_account_says_nothing_until_its_owner_has_been_asked(api, made, press):
    account = await made("/accounts", EXPRESS | {"metadata[user_id]": "u"})
    assert (account["payouts_enabled"], account["details_submitted"]) == (False, False)
    assert account["requirements"]["currently_due"]
    assert account["settings"]["payouts"]["schedule"]["interval"] == "manual"
    path = f"/accounts/{account['id']}"
    refusal(await api("POST", f"{path}/login_links"), 400)

    await press(f"{path}/onboard")

    shown = (await api("GET", path)).json()
    assert (shown["payouts_enabled"], shown["capabilities"]) == (True, {"transfers": "active"})
    assert shown["requirements"]["currently_due"] == []
    assert (await made(f"{path}/login_links"))["url"].startswith("https://")


async def test_a_link_leads_through_the_questions_back_to_the_app(api, made, http):
    account = await made("/accounts", EXPRESS)
    urls = {"return_url": "http://app.test/back?a=1&b=2", "refresh_url": "http://app.test/again"}
    form = {"account": account["id"], "type": "account_onboarding"}

    link = await made("/account_links", form | urls)
    followed = await http.get(link["url"])

    assert link["expires_at"] > link["created"]
    assert (followed.status_code, followed.headers["Location"]) == (303, urls["return_url"])
    assert (await api("GET", f"/accounts/{account['id']}")).json()["details_submitted"]
    for wrong in ({"return_url": "nowhere"}, {"type": "account_update"}, {"type": ""}):
        refusal(await api("POST", "/account_links", form | urls | wrong), 400)


async def test_a_session_is_for_known_parts_of_a_known_account(api, made):
    account = await made("/accounts", EXPRESS)
    form = {"account": account["id"], "components[account_onboarding][enabled]": "true"}

    session = await made("/account_sessions", form)

    assert session["client_secret"].startswith("accs_secret__")
    assert session["components"] == {"account_onboarding": {"enabled": True}}
    for wrong in (
        {"account": "acct_none"},
        {"account": ""},
        {"components[strange][enabled]": "true"},
        {"components[account_onboarding]": "yes"},
    ):
        refusal(await api("POST", "/account_sessions", form | wrong), 400)
    refusal(await api("POST", "/account_sessions", {"account": account["id"]}), 400)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "custom"},
        {"type": ""},
        {"country": "XX"},
        {"capabilities[flying][requested]": "true"},
        {"capabilities[transfers]": "yes"},
        {"business_type": "guild"},
        {"settings[payouts][schedule][interval]": "hourly"},
        {"settings[payouts]": "now"},
    ],
    ids=str,
)
async def test_an_account_is_refused_what_it_cannot_be(api, wrong):
    form = {
        name: value for name, value in EXPRESS.items() if not name.startswith(next(iter(wrong)))
    }

    refusal(await api("POST", "/accounts", form | wrong), 400)


async def test_money_goes_to_an_account_and_from_there_to_its_bank(
    balance, connected, pay_out, press, api
):
    account = (await connected(5_000))["account_id"]
    assert (await balance(), await balance(account)) == (0, 5_000)

    payout = await pay_out(account, 4_000)
    assert (payout["status"], payout["method"]) == ("pending", "standard")
    assert await balance(account) == 1_000
    paid = await press(f"/accounts/{account}/payouts/{payout['id']}/settle")

    assert paid["status"] == "paid"
    again = await press(f"/accounts/{account}/payouts/{payout['id']}/settle", 400)
    assert again["error"]["message"]
    listed = (await api("GET", "/payouts", {"status": "paid"}, **{ON: account})).json()["data"]
    assert [each["id"] for each in listed] == [payout["id"]]
    assert (await api("GET", "/payouts")).json()["data"] == []
    refusal(await api("GET", f"/payouts/{payout['id']}"), 404)


@pytest.mark.parametrize("was_paid", [False, True])
async def test_a_payout_comes_back_even_after_it_was_paid(
    balance, connected, pay_out, press, was_paid
):
    account = (await connected(5_000))["account_id"]
    payout = await pay_out(account, 5_000)
    path = f"/accounts/{account}/payouts/{payout['id']}/settle"
    if was_paid:
        await press(path)

    failed = await press(f"{path}?outcome=fail")

    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    assert await balance(account) == 5_000


async def test_a_payout_is_given_up_while_it_waits(api, made, balance, connected, pay_out):
    account = (await connected(5_000))["account_id"]
    payout = await pay_out(account, 5_000)

    gone = await made(f"/payouts/{payout['id']}/cancel", **{ON: account})

    assert (gone["status"], await balance(account)) == ("canceled", 5_000)
    again = refusal(await api("POST", f"/payouts/{payout['id']}/cancel", **{ON: account}), 400)
    assert again["code"] == "payout_already_canceled"


async def test_only_a_debit_card_is_paid_at_once(api, connected, pay_out, destinations):
    account = (await connected(5_000))["account_id"]
    found = await destinations(account)
    other = await destinations((await connected())["account_id"])
    form = {"amount": 1_000, "currency": "usd", "method": "instant"}

    fast = await pay_out(account, 1_000, method="instant", destination=found["card"]["id"])
    slow = await api(
        "POST", "/payouts", form | {"destination": found["bank_account"]["id"]}, **{ON: account}
    )
    foreign = await api(
        "POST", "/payouts", form | {"destination": other["card"]["id"]}, **{ON: account}
    )

    assert (fast["method"], fast["type"]) == ("instant", "card")
    assert refusal(slow, 400)["code"] == "instant_payouts_unsupported"
    assert refusal(foreign, 400)["code"] == "resource_missing"


async def test_nothing_is_sent_or_paid_that_is_not_there(api, connected):
    account = (await connected(1_000))["account_id"]
    form = {"amount": 1_001, "currency": "usd"}

    sent = await api("POST", "/transfers", form | {"destination": account})
    paid = await api("POST", "/payouts", form, **{ON: account})

    assert refusal(sent, 400)["code"] == "balance_insufficient"
    assert refusal(paid, 400)["code"] == "balance_insufficient"
    assert (await api("GET", "/payouts", **{ON: account})).json()["data"] == []


async def test_an_account_that_may_not_be_paid_is_not(api, made, connected, press):
    fresh = (await made("/accounts", EXPRESS))["id"]
    stopped = (await connected(1_000))["account_id"]
    await press(f"/accounts/{stopped}/restrict")
    form = {"amount": 100, "currency": "usd"}

    sent = await api("POST", "/transfers", form | {"destination": fresh})
    unknown = await api("POST", "/transfers", form | {"destination": "acct_none"})
    paid = await api("POST", "/payouts", form, **{ON: stopped})

    assert refusal(sent, 400)["code"] == "insufficient_capabilities_for_transfer"
    assert refusal(unknown, 400)["param"] == "destination"
    assert refusal(paid, 400)["code"] == "payouts_not_allowed"


async def test_a_transfer_comes_back_in_parts_and_never_more_than_went(
    api, made, balance, connected
):
    found = await connected(3_000)
    path = f"/transfers/{found['transfer_id']}"

    part = await made(f"{path}/reversals", {"amount": 1_000, "metadata[a]": "1"})
    more = await api("POST", f"{path}/reversals", {"amount": 2_001})
    rest = await made(f"{path}/reversals")
    again = await api("POST", f"{path}/reversals")

    assert (part["amount"], rest["amount"]) == (1_000, 2_000)
    assert refusal(more, 400)["param"] == "amount"
    assert refusal(again, 400)["code"] == "transfer_already_reversed"
    assert (await balance(), await balance(found["account_id"])) == (3_000, 0)
    shown = (await api("GET", path)).json()
    assert (shown["amount_reversed"], shown["reversed"]) == (3_000, True)
    listed = (await api("GET", f"{path}/reversals")).json()
    assert [each["id"] for each in listed["data"]] == [rest["id"], part["id"]]
    assert listed["url"] == f"/v1{path}/reversals"
    changed = await made(f"{path}/reversals/{part['id']}", {"metadata[a]": "2"})
    assert changed["metadata"] == {"a": "2"}
    other = (await connected(100))["transfer_id"]
    refusal(await api("GET", f"/transfers/{other}/reversals/{part['id']}"), 404)
    refusal(await api("POST", f"/transfers/{other}/reversals/{part['id']}", {}), 404)


async def test_what_has_been_paid_out_cannot_be_taken_back(api, connected, pay_out):
    found = await connected(3_000)
    await pay_out(found["account_id"], 1)

    answer = await api("POST", f"/transfers/{found['transfer_id']}/reversals")

    assert refusal(answer, 400)["code"] == "balance_insufficient"


async def test_a_transfer_may_be_of_one_charge(api, made, connected):
    account = (await connected())["account_id"]
    card = {"amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    charge = (await made("/payment_intents", card))["latest_charge"]
    form = {"currency": "usd", "destination": account, "source_transaction": charge}

    sent = await made("/transfers", form | {"amount": 900, "transfer_group": "bounty_1"})
    more = await api("POST", "/transfers", form | {"amount": 901})

    assert (sent["source_transaction"], sent["transfer_group"]) == (charge, "bounty_1")
    assert refusal(more, 400)["code"] == "amount_too_large"
    listed = (await api("GET", "/transfers", {"transfer_group": "bounty_1"})).json()["data"]
    assert [each["id"] for each in listed] == [sent["id"]]
    changed = await made(f"/transfers/{sent['id']}", {"description": "d", "metadata[a]": "1"})
    assert (changed["description"], changed["metadata"]) == ("d", {"a": "1"})


async def test_each_account_has_its_own_keys(made, connected, api):
    first, second = [(await connected(1_000))["account_id"] for _ in range(2)]
    form, once = {"amount": 500, "currency": "usd"}, {"Idempotency-Key": "one"}

    made_first = await made("/payouts", form, **once, **{ON: first})
    made_second = await made("/payouts", form, **once, **{ON: second})
    again = await api("POST", "/payouts", form, **once, **{ON: first})

    assert made_first["id"] != made_second["id"]
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (made_first, "true")


async def test_what_is_of_an_account_is_told_with_its_own_secret(
    settings, receiver, connected, pay_out, press
):
    found = await connected(1_000)
    account = found["account_id"]
    payout = await pay_out(account, 1_000)
    await press(f"/accounts/{account}/payouts/{payout['id']}/settle")
    await press(f"/accounts/{account}/restrict")
    await press(f"/accounts/{account}/deauthorize")

    now = datetime.now(UTC)
    secrets = {None: WEBHOOK_SECRET, account: settings.connect_webhook_secret}
    seen = set()
    while "account.application.deauthorized" not in seen:
        for event_type, (event, body, signed) in (await told(receiver, 1)).items():
            seen.add(event_type)
            of = event.get("account")
            is_connect = event_type.startswith(("account.", "payout."))
            assert of == (account if is_connect else None)
            assert verify_event(body, signed, secrets=[secrets[of]], now=now).account == of
    assert {"transfer.created", "payout.paid", "account.updated"} <= seen


async def test_an_account_that_has_left_cannot_be_spoken_for(api, connected, press):
    account = (await connected(1_000))["account_id"]
    await press(f"/accounts/{account}/deauthorize")

    gone = refusal(await api("GET", "/payouts", **{ON: account}), 403)
    assert gone["code"] == "account_invalid"
    refusal(await api("GET", f"/accounts/{account}"), 404)
    await press(f"/accounts/{account}/onboard", 404)
    other = (await connected())["account_id"]
    await press(f"/accounts/{other}/dance", 404)


async def test_no_account_makes_accounts_or_transfers(api, connected):
    account = (await connected())["account_id"]

    for path in ("/accounts", "/transfers"):
        refusal(await api("GET", path, **{ON: account}), 403)


async def test_an_account_is_changed_and_taken_away(api, made, connected):
    account = (await connected())["account_id"]
    form = {"email": "a@example.test", "metadata[a]": "1", "business_type": "individual"}

    changed = await made(f"/accounts/{account}", form)
    gone = (await api("DELETE", f"/accounts/{account}")).json()

    assert (changed["email"], changed["metadata"]) == ("a@example.test", {"a": "1"})
    assert changed["payouts_enabled"]
    assert gone == {"id": account, "object": "account", "deleted": True}
    refusal(await api("DELETE", f"/accounts/{account}"), 404)
    refusal(await api("GET", "/balance", **{ON: account}), 403)


async def test_the_sdk_of_the_provider_knows_all_of_it(sdk, connected, press):
    found = await connected(2_000)
    account, on = found["account_id"], {"stripe_account": found["account_id"]}

    shown = await sdk.accounts.retrieve_async(account)
    cards = await sdk.accounts.external_accounts.list_async(account, {"object": "card"})
    balance = await sdk.balance.retrieve_async({}, on)
    payout = await sdk.payouts.create_async(
        {
            "amount": 500,
            "currency": "usd",
            "method": "instant",
            "destination": cards.data[0].id,
            "expand": ["destination"],
        },
        on,
    )
    reversal = await sdk.transfers.reversals.create_async(found["transfer_id"], {"amount": 100})
    transfer = await sdk.transfers.retrieve_async(found["transfer_id"])
    await press(f"/accounts/{account}/payouts/{payout.id}/settle")

    assert (shown.payouts_enabled, len(cards.data)) == (True, 1)
    assert payout.destination.last4 == cards.data[0].last4
    assert (balance.available[0].amount, balance.instant_available[0].amount) == (2_000, 2_000)
    assert transfer.reversals.data[0].id == reversal.id
    assert (await sdk.payouts.retrieve_async(payout.id, {}, on)).status == "paid"
