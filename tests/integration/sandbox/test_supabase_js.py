"""The requests of ``@supabase/supabase-js`` 2.109, as recorded, and what it reads from answers."""

from __future__ import annotations

import json

import pytest

USER_AGENT_HEADERS = {
    "X-Client-Info": "supabase-js/2.109.0; runtime=node; runtime-version=20.20.2",
    "X-Supabase-Api-Version": "2024-01-01",
}
SIGN_UP = (
    '{"email":"u1@example.test","password":"secret-123","data":{"username":"hunter"},'
    '"gotrue_meta_security":{},"code_challenge":null,"code_challenge_method":null}'
)
SIGN_IN = '{"email":"u1@example.test","password":"secret-123","gotrue_meta_security":{}}'
CHANGE = '{"data":{"name":"N"},"code_challenge":null,"code_challenge_method":null}'


@pytest.fixture
def call(sandbox, settings, http):
    async def send(method, path, body=None, token=None, **changes):
        headers = {
            "Authorization": f"Bearer {token or settings.anon_key}",
            "apikey": settings.anon_key,
            **USER_AGENT_HEADERS,
            **changes,
        }
        if method != "GET":
            headers["Content-Type"] = "application/json;charset=UTF-8"
        return await http.request(method, f"{sandbox}/auth/v1{path}", headers=headers, content=body)

    return send


def assert_session(session):
    assert session["token_type"] == "bearer"
    assert session["expires_in"] == 3600
    assert session["refresh_token"]
    assert session["access_token"].count(".") == 2
    assert session["user"]["email"] == "u1@example.test"
    assert session["user"]["identities"][0]["provider"] == "email"


async def test_a_life_of_a_session(call):
    signed_up = await call("POST", "/signup", SIGN_UP)
    assert signed_up.status_code == 200
    assert_session(signed_up.json())
    assert signed_up.json()["user"]["user_metadata"]["username"] == "hunter"

    signed_in = (await call("POST", "/token?grant_type=password", SIGN_IN)).json()
    assert_session(signed_in)
    token = signed_in["access_token"]

    user = (await call("GET", "/user", token=token)).json()
    assert user["id"] == signed_in["user"]["id"]
    assert user["email_confirmed_at"]

    body = json.dumps({"refresh_token": signed_in["refresh_token"]})
    refreshed = (await call("POST", "/token?grant_type=refresh_token", body)).json()
    assert_session(refreshed)

    changed = (await call("PUT", "/user", CHANGE, token)).json()
    assert changed["user_metadata"]["name"] == "N"

    signed_out = await call("POST", "/logout?scope=global", token=token)
    assert (signed_out.status_code, signed_out.content) == (204, b"")
    gone = await call("GET", "/user", token=token)
    assert (gone.status_code, gone.json()["code"]) == (403, "session_not_found")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/signup", SIGN_UP, 422, "user_already_exists"),
        ("/signup", SIGN_UP.replace("secret-123", "abc"), 422, "weak_password"),
        ("/signup", SIGN_UP.replace("@", "-"), 400, "validation_failed"),
        ("/signup", "{", 400, "bad_json"),
        (
            "/token?grant_type=password",
            SIGN_IN.replace("secret-123", "wrong"),
            400,
            "invalid_credentials",
        ),
        (
            "/token?grant_type=refresh_token",
            '{"refresh_token":"none"}',
            400,
            "refresh_token_not_found",
        ),
        ("/token?grant_type=refresh_token", "{}", 400, "validation_failed"),
        ("/token?grant_type=magic", "{}", 400, "validation_failed"),
    ],
)
async def test_refusals_have_the_shape_the_client_reads(call, path, body, status, code):
    await call("POST", "/signup", SIGN_UP)

    new = await call("POST", path, body)
    old = await call("POST", path, body, **{"X-Supabase-Api-Version": ""})

    assert new.status_code == old.status_code == status
    assert new.headers["X-Supabase-Api-Version"] == "2024-01-01"
    assert new.json()["code"] == code
    assert new.json()["message"]
    assert old.json()["code"] == status
    assert old.json()["error_code"] == code
    assert old.json()["msg"] == new.json()["message"]


@pytest.mark.parametrize(("key", "text"), [("", "No API key"), ("x", "Invalid API key")])
async def test_a_project_key_is_demanded(call, key, text):
    answer = await call("POST", "/signup", SIGN_UP, apikey=key)

    assert answer.status_code == 401
    assert text in answer.json()["message"]


async def test_a_browser_may_call_from_any_page(sandbox, http):
    asked = {
        "Origin": "http://app.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "apikey,authorization,x-client-info",
    }

    answer = await http.options(f"{sandbox}/auth/v1/signup", headers=asked)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == asked["Access-Control-Request-Headers"]


async def test_no_page_may_press_the_triggers(sandbox, http):
    answer = await http.options(f"{sandbox}/sandbox/faults")

    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_open_pages_need_no_key(sandbox, http):
    for path in ("/auth/v1/health", "/auth/v1/.well-known/jwks.json", "/"):
        assert (await http.get(sandbox + path)).status_code == 200
