"""Access tokens: which are believed, which are refused, and with which error."""

from __future__ import annotations

import math
import time

import jwt
import pytest
from bountyexpo.errors import NotAuthenticated, TokenExpired
from bountyexpo.integrations import claims as claims_of_tokens
from bountyexpo.integrations import tokens
from bountyexpo.integrations.tokens import TokenVerifier

from tests.unit.integrations.token_stage import SECRET, START, USER, claims, token, unsigned


async def test_a_genuine_token_names_its_bearer(verifier):
    identity = await verifier.verify(token())

    assert identity.user_id == USER
    assert identity.email == "a@example.test"
    assert identity.session_id == "22222222-2222-4222-8222-222222222222"
    assert not identity.is_admin
    assert not identity.is_service


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"exp": int(START.timestamp()) - 1}, TokenExpired),
        ({"exp": int(START.timestamp())}, TokenExpired),
        ({"exp": None}, NotAuthenticated),
        ({"exp": "tomorrow"}, NotAuthenticated),
        ({"aud": "somebody-else"}, NotAuthenticated),
        ({"aud": None}, NotAuthenticated),
        ({"aud": ["x", "y"]}, NotAuthenticated),
        ({"role": "anon"}, NotAuthenticated),
        ({"role": "anon", "sub": None, "aud": None}, NotAuthenticated),
        ({"role": None}, NotAuthenticated),
        ({"sub": None}, NotAuthenticated),
        ({"sub": "not-an-id"}, NotAuthenticated),
        ({"iat": int(START.timestamp()) + 3600}, NotAuthenticated),
        ({"nbf": int(START.timestamp()) + 3600}, NotAuthenticated),
        *(
            ({name: value}, NotAuthenticated)
            for name in ("exp", "iat", "nbf")
            for value in (math.nan, math.inf, -math.inf, True, 1e18, -1, "soon", [1], 10**400)
        ),
    ],
)
async def test_a_signed_token_with_wrong_claims_is_refused(verifier, changes, error):
    with pytest.raises(error) as caught:
        await verifier.verify(token(**changes))

    assert type(caught.value) is error


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        "a.b.c",
        "\ud800",
        "é.é.é",
        unsigned("none"),
        unsigned("None"),
        unsigned("HS256"),
        token(secret="another-secret-of-thirty-two-bytes-and-more"),
        jwt.encode(claims(), SECRET + SECRET, algorithm="HS512"),
        token()[:-2],
        token() + "." + "x",
        "x" * 10_000,
    ],
)
async def test_a_token_that_is_not_ours_is_refused(verifier, bad):
    with pytest.raises(NotAuthenticated) as caught:
        await verifier.verify(bad)

    assert type(caught.value) is NotAuthenticated
    assert not {"jwt", "token", "network"} & set(caught.value.message.lower().split())


async def test_a_wrong_issuer_is_refused(clock):
    verifier = TokenVerifier(secret=SECRET, jwks_url=None, issuers=["https://we.test"], clock=clock)

    with pytest.raises(NotAuthenticated):
        await verifier.verify(token())

    with pytest.raises(NotAuthenticated):
        await verifier.verify(token(iss=None))

    assert await verifier.verify(token(iss="https://we.test"))


async def test_an_audience_of_our_own_is_asked_for(clock):
    verifier = TokenVerifier(
        secret=SECRET, jwks_url=None, issuers=None, clock=clock, audience="people"
    )

    with pytest.raises(NotAuthenticated):
        await verifier.verify(token())

    assert await verifier.verify(token(aud=["people", "others"]))


@pytest.mark.parametrize("session_id", [None, "", 5, "x" * 129])
async def test_a_token_without_a_sign_in_is_one_of_its_own(verifier, session_id):
    one, other = [
        await verifier.verify(token(session_id=session_id, nonce=nonce)) for nonce in "ab"
    ]

    assert one.session_id
    assert one.session_id != other.session_id


@pytest.mark.parametrize(
    ("metadata", "name"),
    [({"username": "anna"}, "anna"), ({"username": ["a"]}, None), ("anna", None), ({}, None)],
)
async def test_the_name_of_a_sign_up_is_a_wish(verifier, metadata, name):
    assert (await verifier.verify(token(user_metadata=metadata))).wished_name == name


@pytest.mark.parametrize(
    ("metadata", "is_admin"),
    [
        ({"app_metadata": {"role": "admin"}}, True),
        ({"app_metadata": {"roles": ["hunter", "admin"]}}, True),
        ({"app_metadata": {"roles": "admin"}}, True),
        ({"app_metadata": {"roles": "administrator"}}, False),
        ({"app_metadata": {"role": "hunter"}}, False),
        ({"app_metadata": "admin"}, False),
        ({"user_metadata": {"role": "admin", "roles": ["admin"]}}, False),
        ({"role": "authenticated", "is_admin": True}, False),
    ],
)
async def test_only_server_set_metadata_makes_an_admin(verifier, metadata, is_admin):
    identity = await verifier.verify(token(**metadata))

    assert identity.is_admin is is_admin


async def test_the_service_key_is_a_service_and_no_admin(verifier):
    key = token(role="service_role", sub=None, aud=None, email=None, session_id=None)

    identity = await verifier.verify(key)

    assert identity.is_service
    assert not identity.is_admin
    assert identity.user_id == claims_of_tokens.SERVICE_USER_ID


async def test_a_remembered_token_still_expires(verifier, clock):
    found = token()
    await verifier.verify(found)

    clock.advance(3599)
    await verifier.verify(found)
    clock.advance(1)

    with pytest.raises(TokenExpired):
        await verifier.verify(found)
    with pytest.raises(TokenExpired):
        await verifier.verify(found)


async def test_the_least_recently_used_token_is_dropped_first(verifier, monkeypatch):
    monkeypatch.setattr(tokens, "CACHED_TOKENS_MAX", 2)
    first, second, third = (token(nonce=n) for n in "abc")

    for each in (first, second, first, third):
        await verifier.verify(each)

    kept = set(verifier._verified)
    assert kept == {tokens._digest(first), tokens._digest(third)}


async def test_a_remembered_token_costs_little(verifier):
    found = token()
    await verifier.verify(found)

    def best(rounds: int = 20) -> float:
        return min(lap() for _ in range(rounds))

    def lap() -> float:
        started = time.perf_counter()
        for _ in range(200):
            coroutine = verifier.verify(found)
            with pytest.raises(StopIteration):
                coroutine.send(None)
        return (time.perf_counter() - started) / 200

    # The bound is generous, for a busy machine; the usual figure is 2.5 µs.
    assert best() < 50e-6
