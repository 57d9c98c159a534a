"""The rules that hold for every request to the emulator of Stripe, whatever it is about."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from bountyexpo.sandbox.stripe.nouns.catalogue import NOUNS
from bountyexpo.sandbox.tables import Tables

from tests.fixed_clock import FixedClock
from tests.integration.sandbox.conftest import refusal

START = datetime(2026, 1, 1, tzinfo=UTC)
T0 = int(START.timestamp())


def place(path, parent="none"):
    return path.replace("<object_id>", "none").replace("<parent_id>", parent)


LISTED = [noun for noun in NOUNS if noun.is_listed]

ACTIONS = [
    (method, place(f"/{noun.path}{path}")) for noun in NOUNS for method, path in noun.actions
]


@pytest.fixture
def clock():
    return FixedClock(START)


@pytest.fixture
def paid(made):
    """A customer's intent that has succeeded."""

    async def pay(**more):
        customer = await made("/customers", {"email": "payer@example.test"})
        wanted = {"amount": 2_500, "currency": "usd", "customer": customer["id"]} | more
        return await made("/payment_intents", wanted | {"payment_method": "pm_card_visa"} | ARMED)

    return pay


ARMED = {"confirm": "true"}


async def test_a_list_is_walked_in_both_directions(api, made):
    ids = [(await made("/customers"))["id"] for _ in range(7)][::-1]

    async def page(**params):
        body = (await api("GET", "/customers", {"limit": 3, **params})).json()
        assert (body["object"], body["url"]) == ("list", "/v1/customers")
        return [each["id"] for each in body["data"]], body["has_more"]

    assert await page() == (ids[:3], True)
    assert await page(starting_after=ids[2]) == (ids[3:6], True)
    assert await page(starting_after=ids[5]) == (ids[6:], False)
    assert await page(starting_after=ids[6]) == ([], False)
    assert await page(ending_before=ids[6]) == (ids[3:6], True)
    assert await page(ending_before=ids[3]) == (ids[:3], False)
    assert await page(ending_before=ids[0]) == ([], False)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ({"created": T0 + 1}, [1]),
        ({"created[gt]": T0 + 1}, [3, 2]),
        ({"created[gte]": T0 + 1}, [3, 2, 1]),
        ({"created[lt]": T0 + 1}, [0]),
        ({"created[lte]": T0 + 1}, [1, 0]),
        ({"created[gt]": T0, "created[lt]": T0 + 3}, [2, 1]),
        ({"created[gte]": 0, "created[lte]": 999_999_999_999}, [3, 2, 1, 0]),
        ({"created[gt]": T0 + 3}, []),
    ],
)
async def test_a_list_is_narrowed_by_time(api, made, clock, created, expected):
    ids = []
    for _ in range(4):
        ids.append((await made("/customers"))["id"])
        clock.advance(1)

    for path, name in (("/customers", None), ("/events", "customer.created")):
        params = created | ({"type": name} if name else {})
        page = (await api("GET", path, params)).json()
        found = [each["data"]["object"] if name else each for each in page["data"]]
        assert [each["id"] for each in found] == [ids[place] for place in expected]


async def test_a_list_is_narrowed_by_its_fields(api, paid):
    first, second = await paid(), await paid()

    intents = (await api("GET", "/payment_intents", {"customer": first["customer"]})).json()
    charges = (await api("GET", "/charges", {"payment_intent": second["id"]})).json()
    wanted = {"types[0]": "payment_intent.created", "types[1]": "charge.succeeded"}
    events = (await api("GET", "/events", wanted)).json()

    assert [each["id"] for each in intents["data"]] == [first["id"]]
    assert [each["id"] for each in charges["data"]] == [second["latest_charge"]]
    assert {each["type"] for each in events["data"]} == set(wanted.values())
    assert len(events["data"]) == 4


# What a list is asked for that makes no sense, and the parameter that is named.
SENSELESS = (
    ({"limit": "0"}, "limit"),
    ({"limit": "101"}, "limit"),
    ({"limit": "-1"}, "limit"),
    ({"limit": "ten"}, "limit"),
    ({"limit": "9" * 5_000}, "limit"),
    ({"limit": "٣"}, "limit"),
    ({"starting_after": "none"}, "starting_after"),
    ({"ending_before": "none"}, "ending_before"),
    ({"starting_after": "a", "ending_before": "b"}, None),
    ({"created[eq]": "1"}, "eq"),
    ({"created": "soon"}, "gte"),
    ({"strange": "1"}, "strange"),
    ({"expand[]": "data.amount"}, None),
    ({"expand[]": "amount"}, "expand"),
    ({"expand[]": "data.a.b.c.d.e"}, "expand"),
    ({f"expand[{n}]": "data.x" for n in range(21)}, "expand"),
)


@pytest.mark.parametrize("noun", LISTED, ids=lambda noun: noun.name)
async def test_every_list_refuses_what_makes_no_sense(api, made, connected, noun):
    await made("/customers")
    parent_id = ""
    if noun.parent is not None:
        error = refusal(await api("GET", place(f"/{noun.path}")), 404)
        assert error["code"] == "resource_missing"
        parent_id = (await connected(10_000))[f"{noun.parent}_id"]
    for params, param in SENSELESS:
        answer = await api("GET", place(f"/{noun.path}", parent_id), params)
        is_empty = answer.json().get("data") == []
        if not (params == {"expand[]": "data.amount"} and is_empty):
            assert refusal(answer, 400).get("param") in {param, "expand"}, params


async def test_what_is_not_there_is_missing_in_the_words_of_the_processor(api):
    for noun in LISTED:
        error = refusal(await api("GET", place(f"/{noun.path}/none")), 404)
        message = f"No such {noun.name}: 'none'"
        assert (error["code"], error["message"]) == ("resource_missing", message)


async def test_every_action_refuses_what_it_does_not_know(api):
    for method, path in ACTIONS:
        error = refusal(await api(method, path, {"strange": "1"}), 400)
        assert (error["code"], error["param"]) == ("parameter_unknown", "strange"), path

        if path.count("none"):
            assert refusal(await api(method, path), 404)["code"] == "resource_missing"


ODD = {
    "nul": b"description=a%00b",
    "no text": b"description=\xff\xfe",
    "half a surrogate": b"description=%ED%A0%80",
    "deep": b"metadata" + b"[a]" * 2_000 + b"=1",
    "many": b"&".join(b"a%d=1" % n for n in range(5_000)),
    "a list": b"amount[]=1&amount[]=2&currency[]=usd&email[]=a&payment_method[x]=1&limit[]=1",
    "numbers": b"amount=" + b"9" * 5_000 + b"&amount_to_capture=" + b"9" * 5_000,
    "signs": b"amount=-1&amount_to_capture=1.5&confirm=perhaps",
    "brackets": b"[=1&]=2&metadata[=3&a[b=4",
    "long names": b"metadata[" + b"k" * 500 + b"]=1",
    "values": b"metadata[a]=" + b"v" * 600,
    "key": b"metadata[a][b]=1",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_no_request_breaks_on_odd_forms(sandbox, settings, http, made, odd):
    intent = (await made("/payment_intents", {"amount": 500, "currency": "usd"}))["id"]
    headers = {"Authorization": f"Bearer {settings.stripe_secret_key}", "Content-Type": FORM}

    for method, path in ACTIONS:
        url = f"{sandbox}/v1{path.replace('none', intent)}"
        answer = await http.request(method, url, content=odd, headers=headers)
        assert answer.status_code in {200, 400, 404}, answer.text
    for noun in LISTED:
        url = f"{sandbox}/v1{place(f'/{noun.path}')}?{quote(odd, safe=SAFE)}"
        answer = await http.get(url, headers=headers)
        assert answer.status_code == 400, answer.text


FORM = "application/x-www-form-urlencoded"
SAFE = "=&%[]"


@pytest.mark.parametrize("key", ["Basic !!!", "Basic bm9uZTo=", "Bearer", "", "Digest x"])
async def test_a_key_that_is_none_is_refused(sandbox, http, key):
    answer = await http.get(f"{sandbox}/v1/customers", headers={"Authorization": key})

    assert "Invalid API Key" in refusal(answer, 401)["message"]


async def test_no_other_account_can_be_spoken_for(api):
    error = refusal(await api("GET", "/customers", **{"Stripe-Account": "acct_1"}), 403)

    assert error["code"] == "account_invalid"


async def test_objects_are_shown_in_place_of_their_ids(api, paid):
    intent = await paid()

    async def show(path, *expand):
        params = {f"expand[{place}]": each for place, each in enumerate(expand)}
        return (await api("GET", path, params)).json()

    own = await show(f"/payment_intents/{intent['id']}", "latest_charge.customer", "customer")
    listed = await show("/payment_intents", "data.latest_charge", "data.payment_method")

    assert own["customer"]["email"] == own["latest_charge"]["customer"]["email"]
    assert own["latest_charge"]["id"] == intent["latest_charge"]
    assert listed["data"][0]["latest_charge"]["object"] == "charge"
    assert listed["data"][0]["payment_method"]["type"] == "card"
    assert (await show(f"/payment_intents/{intent['id']}"))["customer"] == intent["customer"]


async def test_what_is_not_there_yet_is_shown_as_nothing(made, api):
    wanted = {"amount": 500, "currency": "usd", "expand[]": "latest_charge.customer"}

    intent = await made("/payment_intents", wanted)

    assert intent["latest_charge"] is None
    wrong = await api("GET", f"/payment_intents/{intent['id']}", {"expand[]": "amount"})
    assert refusal(wrong, 400)["param"] == "expand"


async def test_a_key_belongs_to_its_parameters_in_any_order(api, made):
    form = {"amount": "500", "currency": "usd", "metadata[a]": "1"}
    once = {"Idempotency-Key": "one"}
    first = await made("/payment_intents", form, **once)

    again = await api("POST", "/payment_intents", dict(reversed(form.items())), **once)
    other = await api("POST", "/payment_intents", form | {"amount": 1}, **once)
    elsewhere = await api("POST", "/customers", {}, **once)
    long = await api("POST", "/customers", {}, **{"Idempotency-Key": "k" * 256})

    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first, "true")
    for answer in (other, elsewhere):
        assert refusal(answer, 400)["type"] == "idempotency_error"
    assert "255" in refusal(long, 400)["message"]


async def test_a_refused_request_leaves_its_key_free(api, made):
    once = {"Idempotency-Key": "one"}
    refusal(await api("POST", "/payment_intents", {"amount": 1, "currency": "usd"}, **once), 400)

    assert await made("/payment_intents", {"amount": 100, "currency": "usd"}, **once)


@pytest.mark.parametrize(("amount", "taken"), [(None, 2_500), (1_000, 1_000)])
async def test_a_card_may_be_charged_later(api, made, paid, amount, taken):
    held = await paid(capture_method="manual")
    assert (held["status"], held["amount_capturable"]) == ("requires_capture", 2_500)
    assert held["amount_received"] == 0

    form = {} if amount is None else {"amount_to_capture": amount}
    done = await made(f"/payment_intents/{held['id']}/capture", form)

    assert (done["status"], done["amount_received"]) == ("succeeded", taken)
    assert done["amount_capturable"] == 0
    charge = (await api("GET", f"/charges/{done['latest_charge']}")).json()
    assert (charge["captured"], charge["amount_captured"]) == (True, taken)
    again = refusal(await api("POST", f"/payment_intents/{held['id']}/capture"), 400)
    assert again["code"] == "payment_intent_unexpected_state"


async def test_what_was_set_aside_can_be_let_go(api, made, paid):
    held = await paid(capture_method="manual")
    over = await api("POST", f"/payment_intents/{held['id']}/capture", {"amount_to_capture": 2_501})
    assert refusal(over, 400)["code"] == "amount_too_large"

    gone = await made(f"/payment_intents/{held['id']}/cancel")

    assert (gone["status"], gone["amount_capturable"]) == ("canceled", 0)
    charge = (await api("GET", f"/charges/{gone['latest_charge']}")).json()
    assert (charge["captured"], charge["refunded"]) == (False, True)


async def test_money_goes_back_in_parts_and_never_more_than_came(api, made, paid):
    intent = await paid()
    by = {"payment_intent": intent["id"]}

    part = await made("/refunds", by | {"amount": 1_000, "reason": "requested_by_customer"})
    more = await api("POST", "/refunds", by | {"amount": 1_501})
    rest = await made("/refunds", {"charge": intent["latest_charge"]})
    again = await api("POST", "/refunds", by)

    assert (part["amount"], rest["amount"], rest["status"]) == (1_000, 1_500, "succeeded")
    assert refusal(more, 400)["param"] == "amount"
    assert refusal(again, 400)["code"] == "charge_already_refunded"
    listed = (await api("GET", "/refunds", by)).json()["data"]
    assert [each["id"] for each in listed] == [rest["id"], part["id"]]
    told = (await api("GET", "/events", {"type": "charge.refunded"})).json()["data"]
    assert [each["data"]["previous_attributes"]["amount_refunded"] for each in told] == [1_000, 0]
    assert told[0]["data"]["object"]["refunded"]


async def test_nothing_goes_back_that_has_not_come(api, made, paid):
    waiting = await made("/payment_intents", {"amount": 500, "currency": "usd"})
    held = await paid(capture_method="manual")

    for form in ({"payment_intent": waiting["id"]}, {"payment_intent": held["id"]}, {}):
        refusal(await api("POST", "/refunds", form), 400)


async def test_an_intent_is_changed_until_it_has_ended(api, made, paid):
    intent = await made("/payment_intents", {"amount": 500, "currency": "usd", "metadata[a]": "1"})

    form = {"amount": 700, "metadata[a]": "", "metadata[b]": "2", "payment_method": "pm_card_visa"}
    changed = await made(f"/payment_intents/{intent['id']}", form)

    assert (changed["amount"], changed["metadata"]) == (700, {"b": "2"})
    assert changed["status"] == "requires_confirmation"
    ended = await paid()
    error = refusal(await api("POST", f"/payment_intents/{ended['id']}", {"amount": 700}), 400)
    assert error["code"] == "payment_intent_unexpected_state"


async def test_a_customer_is_changed_and_goes(api, made):
    known = await made("/customers", {"email": "a@example.test", "name": "A"})
    changed = await made(f"/customers/{known['id']}", {"name": "B", "metadata[x]": "1"})
    found = (await api("GET", "/customers", {"email": "a@example.test"})).json()["data"]
    gone = (await api("DELETE", f"/customers/{known['id']}")).json()

    assert (changed["name"], changed["email"]) == ("B", "a@example.test")
    assert [each["id"] for each in found] == [known["id"]]
    assert gone == {"id": known["id"], "object": "customer", "deleted": True}
    assert (await api("GET", f"/customers/{known['id']}")).json() == gone
    refusal(await api("DELETE", f"/customers/{known['id']}"), 404)
    intent = {"amount": 500, "currency": "usd", "customer": known["id"]}
    assert refusal(await api("POST", "/payment_intents", intent), 400)["param"] == "customer"


async def test_an_address_that_is_none_is_refused(api):
    error = refusal(await api("POST", "/customers", {"email": "nobody"}), 400)

    assert (error["code"], error["param"]) == ("email_invalid", "email")


async def test_only_what_the_endpoint_has_subscribed_to_is_delivered(paid, made, receiver):
    intent = await paid()
    await made("/refunds", {"payment_intent": intent["id"]})

    told = [json.loads((await receiver.next_post())[0])["type"] for _ in range(4)]

    assert sorted(told) == [
        "charge.refunded",
        "payment_intent.created",
        "payment_intent.succeeded",
        "refund.created",
    ]


async def test_the_tables_of_an_earlier_version_are_brought_up_to_date(database):
    await database.execute("CREATE SCHEMA sandbox")
    await database.execute(
        """CREATE TABLE sandbox.stripe_objects (
            id text PRIMARY KEY, object jsonb NOT NULL, created_at timestamptz NOT NULL)"""
    )
    await database.execute(
        """INSERT INTO sandbox.stripe_objects VALUES ('cus_1', '{"object": "customer"}', now())"""
    )

    for _ in range(2):
        await Tables(database).ensure()

    row = await database.fetch_one("SELECT kind, number FROM sandbox.stripe_listed")
    assert row == {"kind": "customer", "number": 1}


async def test_what_was_charged_before_balances_were_kept_is_at_hand(database):
    await Tables(database).ensure()
    await database.execute("DELETE FROM sandbox.stripe_balances")
    charge = {
        "object": "charge",
        "captured": True,
        "currency": "usd",
        "amount_captured": 900,
        "amount_refunded": 200,
    }
    await database.execute(
        "INSERT INTO sandbox.stripe_objects (id, object, created_at) VALUES ('ch_1', %s, now())",
        (json.dumps(charge),),
    )

    for _ in range(2):
        await Tables(database).ensure()

    rows = await database.fetch("SELECT account, cents FROM sandbox.stripe_balances")
    assert rows == [{"account": "", "cents": 700}]
