"""What the auth adapter makes of every kind of answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio
from bountyexpo.errors import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    RateLimited,
    Unavailable,
)
from bountyexpo.integrations import supabase
from bountyexpo.integrations.supabase import SupabaseAuth


def answering(answer: Any) -> SupabaseAuth:
    """Return an adapter whose server always gives this answer, or raises it."""

    async def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return SupabaseAuth("http://auth.test/", "anon", "service", http)


def old_error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"code": status, "error_code": code, "msg": "text"})


def new_error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "text"})


@pytest.mark.parametrize("form", [old_error, new_error])
@pytest.mark.parametrize(
    ("status", "code", "error", "our_code"),
    [
        (422, "user_already_exists", Conflict, "EMAIL_TAKEN"),
        (422, "email_exists", Conflict, "EMAIL_TAKEN"),
        (400, "invalid_credentials", NotAuthenticated, "invalid_credentials"),
        (400, "email_not_confirmed", NotAuthenticated, "email_not_confirmed"),
        (400, "refresh_token_not_found", NotAuthenticated, "refresh_token_not_found"),
        (400, "refresh_token_already_used", NotAuthenticated, "refresh_token_already_used"),
        (400, "user_banned", NotAllowed, "user_banned"),
        (422, "weak_password", InvalidRequest, "weak_password"),
        (400, "validation_failed", InvalidRequest, "VALIDATION_ERROR"),
        (400, "something_new", Unavailable, "SERVICE_UNAVAILABLE"),
        (500, "invalid_credentials", Unavailable, "SERVICE_UNAVAILABLE"),
    ],
)
async def test_a_refusal_has_one_meaning(form, status, code, error, our_code):
    with pytest.raises(error) as caught:
        await answering(form(status, code)).sign_in("a@b.test", "secret")

    assert caught.value.error_code == our_code
    assert not {"jwt", "network", "timeout"} & set(caught.value.message.lower().split())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(500),
        httpx.Response(502, html="<h1>Bad gateway</h1>"),
        httpx.Response(503, json={"code": "x"}),
        httpx.Response(400, html="<h1>Who are you?</h1>"),
        httpx.Response(401, json={"message": "Invalid API key"}),
        httpx.Response(404, text="no such page"),
        httpx.Response(200, html="<h1>Welcome to the hotel</h1>"),
        httpx.Response(200, json={}),
    ],
    ids=repr,
)
async def test_an_outage_never_ends_a_session(answer):
    with pytest.raises(Unavailable):
        await answering(answer).refresh("a token")


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({"Retry-After": "7"}, 7), ({"Retry-After": "0"}, 1), ({"Retry-After": "soon"}, 60), ({}, 60)],
)
async def test_a_limit_says_how_long_to_wait(headers, wait_s):
    limited = httpx.Response(429, headers=headers, json={"code": "over_request_rate_limit"})

    with pytest.raises(RateLimited) as caught:
        await answering(limited).sign_in("a@b.test", "secret")

    assert caught.value.retry_after_s == wait_s


async def test_a_silent_server_is_given_up(autojump_clock):
    async def never(request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()

    http = httpx.AsyncClient(transport=httpx.MockTransport(never))
    auth = SupabaseAuth("http://auth.test", "anon", "service", http)
    started = trio.current_time()

    with pytest.raises(Unavailable):
        await auth.refresh("a token")

    assert trio.current_time() - started == pytest.approx(supabase.DEADLINE_S)


async def test_a_user_id_cannot_name_another_path():
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(200, json={})

    http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    await SupabaseAuth("http://auth.test", "anon", "service", http).delete_user("../x?y")

    assert seen == [b"/auth/v1/admin/users/..%2Fx%3Fy"]


async def test_the_picture_of_a_session_hides_its_tokens():
    body = {
        "access_token": "aaa.bbb.ccc",
        "refresh_token": "rrr",
        "expires_in": 3600,
        "expires_at": 1,
        "token_type": "bearer",
        "user": {"id": "u1"},
    }

    session = await answering(httpx.Response(200, json=body)).sign_in("a@b.test", "secret")

    assert "aaa" not in repr(session)
    assert "rrr" not in repr(session)
