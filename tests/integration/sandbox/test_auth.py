"""The auth adapter against the auth emulator, and the tokens it hands out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
from bountyexpo.errors import (
    Conflict,
    DatabaseUnavailable,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    Unavailable,
)
from bountyexpo.integrations.supabase import SupabaseAuth
from bountyexpo.integrations.tokens import TokenVerifier
from bountyexpo.persistence.pool import Pool
from bountyexpo.sandbox.server import SandboxServer

from tests.commits import UNHEARD
from tests.fixed_clock import FixedClock
from tests.integration.sandbox.conftest import JWT_SECRET, running

EMAIL = "hunter@example.test"
PASSWORD = "correct horse"


@pytest.fixture
def clock():
    return FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
async def user(auth):
    return await auth.create_user(email=EMAIL, password=PASSWORD, metadata={"username": "hunter"})


async def test_a_created_user_can_sign_in(auth, user):
    session = await auth.sign_in(EMAIL.upper(), PASSWORD)

    assert session.user.id == user.id
    assert session.user.email_confirmed_at is not None
    assert session.user.user_metadata["username"] == "hunter"
    assert session.token_type == "bearer"
    assert session.expires_in == 3600
    assert (await auth.get_user(session.access_token)).id == user.id


@pytest.mark.parametrize("signing", ["HS256", "ES256"], indirect=False)
async def test_the_verifier_believes_the_tokens(auth, user, clock, sandbox, http, signing):
    session = await auth.sign_in(EMAIL, PASSWORD)
    verifier = TokenVerifier(
        secret=JWT_SECRET if signing == "HS256" else None,
        jwks_url=f"{sandbox}/auth/v1/.well-known/jwks.json",
        issuers=["http://127.0.0.1/auth/v1"],
        clock=clock,
        http=http,
    )

    identity = await verifier.verify(session.access_token)

    assert identity.user_id == user.id
    assert identity.email == EMAIL
    assert identity.session_id is not None
    assert identity.expires_at == session.expires_at


async def test_the_project_keys_have_their_roles(clock, settings):
    verifier = TokenVerifier(secret=JWT_SECRET, jwks_url=None, issuers=["x"], clock=clock)

    assert (await verifier.verify(settings.service_role_key)).is_service
    with pytest.raises(NotAuthenticated):
        await verifier.verify(settings.anon_key)


@pytest.mark.parametrize("email", [EMAIL, EMAIL.upper(), f" {EMAIL}"])
async def test_an_address_is_taken_once(auth, user, email):
    with pytest.raises(Conflict, match="Email already registered") as caught:
        await auth.create_user(email=email, password=PASSWORD, metadata={})

    assert caught.value.error_code == "EMAIL_TAKEN"


@pytest.mark.parametrize(("email", "password"), [(EMAIL, "wrong one"), ("no@body.test", PASSWORD)])
async def test_wrong_credentials_look_the_same(auth, user, email, password):
    with pytest.raises(NotAuthenticated) as caught:
        await auth.sign_in(email, password)

    assert caught.value.error_code == "invalid_credentials"
    assert caught.value.message == "Invalid email or password"


async def test_an_unconfirmed_address_cannot_sign_in(auth):
    await auth.create_user(email=EMAIL, password=PASSWORD, metadata={}, email_confirm=False)

    with pytest.raises(NotAuthenticated) as caught:
        await auth.sign_in(EMAIL, PASSWORD)

    assert caught.value.error_code == "email_not_confirmed"


@pytest.mark.parametrize(
    ("email", "password", "code"),
    [(EMAIL, "abc", "weak_password"), ("nonsense", PASSWORD, "VALIDATION_ERROR")],
)
async def test_bad_sign_up_data_is_the_callers_fault(auth, email, password, code):
    with pytest.raises(InvalidRequest) as caught:
        await auth.create_user(email=email, password=password, metadata={})

    assert caught.value.error_code == code


async def test_refresh_rotates_the_token(auth, user):
    first = await auth.sign_in(EMAIL, PASSWORD)

    second = await auth.refresh(first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert (await auth.get_user(second.access_token)).id == user.id


async def test_a_repeated_refresh_is_forgiven_for_ten_seconds(auth, user, clock):
    first = await auth.sign_in(EMAIL, PASSWORD)
    second = await auth.refresh(first.refresh_token)
    clock.advance(10)

    again = await auth.refresh(first.refresh_token)

    assert again.refresh_token == second.refresh_token


async def test_reuse_of_a_rotated_token_ends_the_session(auth, user, clock):
    first = await auth.sign_in(EMAIL, PASSWORD)
    second = await auth.refresh(first.refresh_token)
    clock.advance(11)

    with pytest.raises(NotAuthenticated) as caught:
        await auth.refresh(first.refresh_token)

    assert caught.value.error_code == "refresh_token_already_used"
    with pytest.raises(NotAuthenticated):
        await auth.refresh(second.refresh_token)
    with pytest.raises(NotAuthenticated):
        await auth.get_user(second.access_token)


async def test_simultaneous_refreshes_agree_on_one_token(auth, user):
    first = await auth.sign_in(EMAIL, PASSWORD)
    found = []

    async def refresh() -> None:
        found.append((await auth.refresh(first.refresh_token)).refresh_token)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(refresh)

    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("scope", "here", "there"),
    [("local", False, True), ("others", True, False), ("global", False, False)],
)
async def test_sign_out_ends_the_sessions_of_its_scope(auth, user, scope, here, there):
    one, other = [await auth.sign_in(EMAIL, PASSWORD) for _ in range(2)]

    await auth.sign_out(one.access_token, scope)

    for session, is_open in ((one, here), (other, there)):
        if is_open:
            await auth.refresh(session.refresh_token)
        else:
            with pytest.raises(NotAuthenticated):
                await auth.refresh(session.refresh_token)


async def test_signing_out_twice_is_no_error(auth, user):
    session = await auth.sign_in(EMAIL, PASSWORD)

    for _ in range(2):
        await auth.sign_out(session.access_token)
    await auth.sign_out("not a token")


async def test_a_deleted_user_is_gone(auth, user):
    session = await auth.sign_in(EMAIL, PASSWORD)

    for _ in range(2):
        await auth.delete_user(user.id)

    with pytest.raises(NotAuthenticated):
        await auth.get_user(session.access_token)
    with pytest.raises(NotFound):
        await auth.get_user_by_id(user.id)
    with pytest.raises(NotAuthenticated):
        await auth.sign_in(EMAIL, PASSWORD)


async def test_a_password_can_be_changed_but_not_to_itself(auth, user):
    session = await auth.sign_in(EMAIL, PASSWORD)

    with pytest.raises(InvalidRequest) as caught:
        await auth.update_password(session.access_token, PASSWORD)
    await auth.update_password(session.access_token, "another one")

    assert caught.value.error_code == "same_password"
    await auth.sign_in(EMAIL, "another one")


async def test_a_reset_request_never_tells_who_exists(auth, user):
    await auth.request_password_reset(EMAIL, "https://app.test/reset")
    await auth.request_password_reset("no@body.test")


async def test_a_wrong_key_of_ours_is_not_the_callers_fault(sandbox, settings, http):
    misconfigured = SupabaseAuth(sandbox, "wrong", "wrong", http)
    swapped = SupabaseAuth(sandbox, settings.anon_key, settings.anon_key, http)

    with pytest.raises(Unavailable):
        await misconfigured.sign_in(EMAIL, PASSWORD)
    with pytest.raises(Unavailable):
        await misconfigured.refresh("anything")
    with pytest.raises(Unavailable):
        await swapped.create_user(email=EMAIL, password=PASSWORD, metadata={})


async def test_without_a_database_a_refresh_is_unavailable_and_not_refused(settings, clock, http):
    nowhere = Pool("host=127.0.0.1 port=1 dbname=none", UNHEARD)
    async with running(SandboxServer(nowhere, settings, clock)) as url:
        auth = SupabaseAuth(url, settings.anon_key, settings.service_role_key, http)

        with pytest.raises(Unavailable) as caught:
            await auth.refresh("anything")

    assert not isinstance(caught.value, DatabaseUnavailable)


async def test_accounts_and_sessions_outlive_the_server(database, settings, clock, http):
    async with running(SandboxServer(database, settings, clock)) as url:
        auth = SupabaseAuth(url, settings.anon_key, settings.service_role_key, http)
        await auth.create_user(email=EMAIL, password=PASSWORD, metadata={})
        session = await auth.sign_in(EMAIL, PASSWORD)

    async with running(SandboxServer(database, settings, clock)) as url:
        auth = SupabaseAuth(url, settings.anon_key, settings.service_role_key, http)
        await auth.get_user(session.access_token)
        await auth.refresh(session.refresh_token)
