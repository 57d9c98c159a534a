"""Changes of accounts at the auth emulator: addresses, forgotten passwords, bans, odd values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from bountyexpo.sandbox import messages
from bountyexpo.sandbox.auth import one_time, passwords
from bountyexpo.sandbox.auth.passwords import Passwords

from tests.fixed_clock import FixedClock
from tests.integration.sandbox.auth_client import EMAIL, PASSWORD

NEW = "new@example.test"


@pytest.fixture
def clock():
    return FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("answers", [NEW, EMAIL])
async def test_a_new_address_is_taken_when_its_mail_is_answered(client, answers):
    await client.sign_up()

    shown = await client.good("PUT", "/user", {"email": NEW.upper()})
    (mail,) = await client.inbox(answers)
    moved = await client.verify("email_change", answers, mail["code"])

    assert (shown["email"], shown["new_email"]) == (EMAIL, NEW)
    assert moved.json()["user"]["email"] == NEW
    assert moved.json()["user"]["user_metadata"]["email"] == NEW
    assert "new_email" not in moved.json()["user"]
    await client.sign_in(NEW)
    body = {"email": EMAIL, "password": PASSWORD}
    assert await client.refused("POST", "/token?grant_type=password", body) == (
        400,
        "invalid_credentials",
    )


async def test_what_is_not_confirmed_changes_nothing(client):
    await client.sign_up()
    await client.good("PUT", "/user", {"email": NEW, "phone": "+1 555 1234"})

    user = (await client.sign_in())["user"]

    assert (user["email"], user["phone"]) == (EMAIL, "")


async def test_a_new_number_is_taken_when_its_text_message_is_answered(client):
    await client.sign_up()
    await client.good("PUT", "/user", {"phone": "+1 555 1234"})

    (sms,) = await client.inbox("+15551234")
    reached = await client.verify("phone_change", "+15551234", sms["code"])

    assert sms["channel"] == "sms"
    assert sms["code"] in sms["text"]
    assert reached.json()["user"]["phone"] == "15551234"
    assert reached.json()["user"]["phone_confirmed_at"]


async def test_an_address_of_somebody_else_is_refused_then_and_later(client, clock):
    await client.sign_up(NEW)
    await client.sign_up()
    assert await client.refused("PUT", "/user", {"email": NEW}) == (422, "email_exists")

    await client.good("PUT", "/user", {"email": "free@example.test"})
    (mail,) = await client.inbox("free@example.test")
    await client.sign_up("free@example.test")
    late = await client.verify("email_change", "free@example.test", mail["code"])

    assert (late.status_code, late.json()["error_code"]) == (422, "email_exists")


async def test_a_forgotten_password_is_set_anew(client):
    await client.sign_up()
    first = client.token
    client.token = client._settings.anon_key
    await client.good("POST", "/recover", {"email": EMAIL})
    (mail,) = await client.inbox(EMAIL)

    session = (await client.verify("recovery", EMAIL, mail["code"])).json()
    client.token = session["access_token"]
    await client.good("PUT", "/user", {"password": "a better one"})

    assert (mail["about"], mail["channel"]) == ("recovery", "email")
    assert mail["code"] in mail["text"]
    assert mail["link"] in mail["text"]
    await client.sign_in(password="a better one")
    # A new password ends the sessions that it was not given in.
    client.token = first
    assert await client.refused("GET", "/user") == (403, "session_not_found")


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("", "http://127.0.0.1"),
        ("http://localhost:8081/reset", "http://localhost:8081/reset"),
        ("bountyexpo://reset", "bountyexpo://reset"),
        ("https://evil.example/reset", "http://127.0.0.1"),
        ("//evil.example", "http://127.0.0.1"),
        ("javascript:alert(1)", "http://127.0.0.1"),
        ("HTTPS://evil.example", "http://127.0.0.1"),
    ],
)
async def test_the_link_of_a_mail_leads_back_with_a_session(client, http, wanted, leads_to):
    await client.sign_up()
    asked = urlencode({"redirect_to": wanted})
    await client.good("POST", f"/recover?{asked}", {"email": EMAIL})
    (mail,) = await client.inbox(EMAIL)

    first, second = [await http.get(mail["link"]) for _ in range(2)]

    goal, _, told = first.headers["location"].partition("#")
    assert (first.status_code, goal) == (303, leads_to)
    client.token = parse_qs(told)["access_token"][0]
    assert (await client.good("GET", "/user"))["email"] == EMAIL
    assert "error_code=otp_expired" in second.headers["location"]


async def test_a_host_from_elsewhere_gets_into_no_link(client):
    await client.sign_up()
    client.headers = {"Host": "evil.example"}
    await client.call("POST", "/recover", {"email": EMAIL})
    client.headers = {}

    (mail,) = await client.inbox(EMAIL)
    assert urlsplit(mail["link"]).hostname == "127.0.0.1"


async def test_a_code_is_good_once_for_an_hour_and_a_few_tries(client, clock):
    await client.sign_up()

    async def code():
        clock.advance(2)
        await client.good("POST", "/recover", {"email": EMAIL})
        return (await client.inbox(EMAIL))[0]["code"]

    old = await code()
    new = await code()
    for wrong in (old, "", "000", new + "0"):
        answer = await client.verify("recovery", EMAIL, wrong)
        assert answer.status_code in {400, 403}, wrong
    assert (await client.verify("recovery", EMAIL, new)).status_code == 200
    assert (await client.verify("recovery", EMAIL, new)).status_code == 403

    late = await code()
    clock.advance(one_time.LIFE.total_seconds())
    assert (await client.verify("recovery", EMAIL, late)).status_code == 403

    tried = await code()
    for _ in range(one_time.ATTEMPTS_MAX):
        await client.verify("recovery", EMAIL, "none")
    assert (await client.verify("recovery", EMAIL, tried)).status_code == 403


@pytest.mark.parametrize("purpose", ["email_change", "phone_change", "signup", "sms", "invite"])
async def test_a_code_is_good_for_what_it_was_sent_for(client, purpose):
    await client.sign_up()
    await client.good("POST", "/recover", {"email": EMAIL})
    (mail,) = await client.inbox(EMAIL)

    hashed = one_time.hashed(EMAIL, mail["code"])
    assert await client.refused("POST", "/verify", {"type": purpose, "token_hash": hashed}) == (
        403,
        "otp_expired",
    )


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (("POST", "/recover", {"email": EMAIL}), "over_email_send_rate_limit"),
        (("PUT", "/user", {"email": NEW}), "over_email_send_rate_limit"),
        (("PUT", "/user", {"phone": "15551234"}), "over_sms_send_rate_limit"),
    ],
)
async def test_messages_have_limits_and_say_so(client, clock, monkeypatch, call, code):
    await client.sign_up()
    await client.good(*call)
    assert await client.refused(*call) == (429, code)

    clock.advance(one_time.GAP.total_seconds())
    await client.good(*call)

    monkeypatch.setattr(messages, "PER_HOUR_MAX", 1)
    clock.advance(60)
    assert await client.refused(*call) == (429, code)


async def test_the_answer_about_a_reset_never_tells_who_exists(client):
    await client.sign_up()

    known = await client.call("POST", "/recover", {"email": EMAIL})
    unknown = await client.call("POST", "/recover", {"email": "no@body.test"})

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert await client.inbox("no@body.test") == []


async def test_who_is_banned_neither_signs_in_nor_goes_on(client, clock):
    user = await client.sign_up()
    session = await client.sign_in()
    path = f"/admin/users/{user['id']}"
    banned = (await client.as_service("PUT", path, {"ban_duration": "1h30m"})).json()

    until = datetime.fromisoformat(banned["banned_until"])
    assert until == clock.now() + timedelta(minutes=90)
    password = {"email": EMAIL, "password": PASSWORD}
    refresh = {"refresh_token": session["refresh_token"]}
    assert await client.refused("POST", "/token?grant_type=password", password) == (
        400,
        "user_banned",
    )
    for _ in range(2):
        assert await client.refused("POST", "/token?grant_type=refresh_token", refresh) == (
            400,
            "user_banned",
        )
    assert await client.refused("GET", "/user") == (403, "user_banned")
    # The wrong password tells nothing about the account.
    wrong = {**password, "password": "wrong"}
    assert (await client.refused("POST", "/token?grant_type=password", wrong))[1] == (
        "invalid_credentials"
    )

    await client.as_service("PUT", path, {"ban_duration": "none"})
    await client.good("POST", "/token?grant_type=refresh_token", refresh)
    await client.as_service("PUT", path, {"ban_duration": "24h"})
    clock.advance(24 * 3600)
    await client.sign_in()


@pytest.mark.parametrize("span", ["1", "h", "-1h", "1h;", "1 h", "NaN", "1e9h", "1d"])
async def test_a_ban_of_no_known_length_is_refused(client, span):
    user = await client.sign_up()

    answer = await client.as_service("PUT", f"/admin/users/{user['id']}", {"ban_duration": span})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


async def test_the_service_changes_anything_of_an_account(client):
    user = await client.sign_up()
    wanted = {
        "email": NEW,
        "email_confirm": True,
        "phone": "15551234",
        "phone_confirm": True,
        "password": "a better one",
        "user_metadata": {"a": 1, "sub": None},
        "app_metadata": {"role": "admin"},
    }

    changed = (await client.as_service("PUT", f"/admin/users/{user['id']}", wanted)).json()

    assert (changed["email"], changed["phone"]) == (NEW, "15551234")
    assert changed["email_confirmed_at"]
    assert changed["phone_confirmed_at"]
    assert changed["user_metadata"]["a"] == 1
    assert "sub" not in changed["user_metadata"]
    assert changed["app_metadata"]["role"] == "admin"
    await client.sign_in(NEW, "a better one")


@pytest.mark.parametrize("path", ["/signup", "/user", "/admin/users"])
async def test_a_password_longer_than_the_hash_looks_at_is_refused(client, path):
    await client.sign_up()
    method = "PUT" if path == "/user" else "POST"
    ask = client.as_service if path.startswith("/admin") else client.call
    for password, is_good in (("x" * 72, True), ("x" * 73, False), ("é" * 37, False)):
        body = {"email": f"u{len(password.encode())}@example.test", "password": password}
        answer = await ask(method, path, body if method == "POST" else {"password": password})

        assert (answer.status_code == 200) is is_good, password
        if not is_good:
            assert answer.json()["error_code"] == "validation_failed"
            assert answer.json()["msg"] == "Password cannot be longer than 72 characters"


async def test_an_unknown_address_costs_the_same_work_as_a_wrong_password(client, monkeypatch):
    await client.sign_up()
    asked = []
    match = Passwords.match

    async def counted(self, password, stored):
        asked.append(stored is None)
        return await match(self, password, stored)

    monkeypatch.setattr(Passwords, "match", counted)
    for email in (EMAIL, "no@body.test", ""):
        body = {"email": email, "password": "wrong"}
        assert await client.refused("POST", "/token?grant_type=password", body) == (
            400,
            "invalid_credentials",
        )

    assert asked == [False, True, True]


@pytest.mark.parametrize("path", ["/signup", "/token?grant_type=password"])
async def test_who_comes_when_too_many_passwords_wait_is_told_when_to_come(
    client, monkeypatch, path
):
    monkeypatch.setattr(passwords, "WAITING_MAX", 0)

    answer = await client.call("POST", path, {"email": EMAIL, "password": PASSWORD})

    assert (answer.status_code, answer.json()["error_code"]) == (429, "over_request_rate_limit")
    assert answer.headers["Retry-After"] == "1"
