"""Who may act: by the token, and by the standing of the account behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from bountyexpo.domain.identity import Identity
from bountyexpo.domain.users.standing import Standing
from bountyexpo.errors import AccountClosed, NotAuthenticated, SessionRevoked, Unavailable
from bountyexpo.operations.users.authority import Authority

if TYPE_CHECKING:
    from bountyexpo.actors.users.user import Register

USER = "7f6a8ae2-74f3-4af2-bc7f-df217d0c8a33"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ISSUED_AT = int(NOW.timestamp())


class World:
    """One token's identity, one account, an auth server, and copies that are always good."""

    def __init__(self, **facts):
        self.identity = Identity(
            **{
                "user_id": USER,
                "expires_at": 1,
                "issued_at": ISSUED_AT,
                "session_id": "one",
                **facts,
            }
        )
        self.standing: Standing | None = Standing(status="active", role="user")
        self.copy: Standing | None = None
        self.reads = 0
        self.noted = []
        self.told: list[Register] = []
        self.asked: list[str] = []
        self.open_at_auth_server: bool | None = True
        self.authority = Authority(self, self, self, self, self)

    # the verifier, the clock
    async def verify(self, _token):
        return self.identity

    def now(self):
        return NOW

    # the standings
    def kept(self, sign_in):
        assert sign_in == (USER, "one")
        return self.copy

    async def read(self, _sign_in):
        self.reads += 1
        self.copy = self.standing
        return self.standing

    async def note(self, sign_in, standing):
        self.noted.append(sign_in)
        self.change(is_known=True)
        return True

    # the actors
    def user(self, _user_id):
        return self

    async def ask(self, message):
        self.told.append(message)
        if self.standing is None:
            self.standing = Standing(status="active", role="user")
        self.change(email=message.email, is_email_verified=True, email_as_of=message.email_as_of)

    # the auth server
    async def get_user(self, token):
        self.asked.append(token)
        if self.open_at_auth_server is None:
            raise Unavailable
        if not self.open_at_auth_server:
            raise NotAuthenticated(code="session_not_found")

    def change(self, **facts):
        self.standing = msgspec.structs.replace(self.standing, **facts)


async def test_a_copy_costs_no_read():
    world = World()
    for _ in range(3):
        assert await world.authority.verify("t") == world.identity

    assert world.reads == 1
    assert not world.told
    assert not world.noted


@pytest.mark.parametrize("status", ["suspended", "banned", "deleted"])
async def test_a_closed_account_is_refused_each_time(status):
    world = World()
    world.change(status=status)

    for _ in range(2):
        with pytest.raises(AccountClosed, match=status) as caught:
            await world.authority.verify("t")
        assert caught.value.error_code == "ACCOUNT_SUSPENDED"
    with pytest.raises(AccountClosed):
        await world.authority.admit(world.identity)
    assert world.reads == 1


async def test_a_sign_in_that_is_over_is_refused_each_time():
    world = World()
    world.change(is_revoked=True)

    for _ in range(2):
        with pytest.raises(SessionRevoked):
            await world.authority.verify("t")


async def test_an_identity_without_account_gets_one_with_the_name_it_wished():
    world = World(email="a@b.cd", wished_name="anna")
    world.standing = None

    assert await world.authority.verify("t") == world.identity

    (told,) = world.told
    assert (told.email, told.wished_name, told.username) == ("a@b.cd", "anna", None)
    assert told.email_verified_at == NOW
    assert told.email_as_of == NOW


async def test_a_changed_address_arrives_with_the_token():
    world = World(email="new@b.cd")
    world.change(email="old@b.cd", is_email_verified=True)
    await world.authority.verify("t")
    await world.authority.verify("t")

    assert [each.email for each in world.told] == ["new@b.cd"]


async def test_a_new_sign_in_is_noted_once():
    world = World()
    world.change(is_known=False)

    await world.authority.verify("t")
    await world.authority.verify("t")

    assert world.noted == [(USER, "one")]


@pytest.mark.parametrize("is_open", [True, False])
async def test_who_may_be_older_than_the_end_is_asked_about(is_open):
    world = World()
    world.change(is_known=False, signed_out_at=NOW)
    world.open_at_auth_server = is_open

    if is_open:
        await world.authority.verify("t")
        await world.authority.verify("t")
    else:
        with pytest.raises(SessionRevoked):
            await world.authority.verify("t")

    assert world.asked == ["t"]
    assert bool(world.noted) is is_open


async def test_who_cannot_be_asked_about_may_come_again():
    world = World()
    world.change(is_known=False, signed_out_at=NOW)
    world.open_at_auth_server = None

    with pytest.raises(Unavailable):
        await world.authority.verify("t")
    with pytest.raises(SessionRevoked):
        await world.authority.admit(world.identity)


@pytest.mark.parametrize(("role", "is_admin"), [("user", False), ("admin", True)])
async def test_a_role_that_was_withdrawn_counts_at_once(role, is_admin):
    world = World(is_admin=True)
    world.change(role=role)

    assert (await world.authority.verify("t")).is_admin is is_admin
    assert (await world.authority.admit(world.identity)).is_admin is is_admin


async def test_the_service_itself_needs_no_account():
    world = World(user_id="service", is_service=True, session_id=None)

    await world.authority.verify("t")

    assert not world.reads


@pytest.mark.parametrize("facts", [{"user_id": "root"}, {"session_id": None}])
async def test_a_subject_that_is_no_user_is_refused(facts):
    world = World(**facts)
    world.kept = lambda _sign_in: None

    with pytest.raises(NotAuthenticated):
        await world.authority.verify("t")


async def test_a_standing_that_never_comes_to_rest_is_no_fault_of_the_caller():
    world = World()
    world.change(is_known=False)

    async def never(_sign_in, _standing):
        return False

    world.note = never

    with pytest.raises(Unavailable):
        await world.authority.verify("t")
