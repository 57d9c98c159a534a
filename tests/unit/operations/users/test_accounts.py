"""Who is let in: a good token, and an account that may be used."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from bountyexpo.domain.identity import Identity
from bountyexpo.errors import NotAllowed, NotAuthenticated
from bountyexpo.operations.users.accounts import LOOK_AGAIN_S, AccountVerifier

USER_ID = "7f6a8ae2-74f3-4af2-bc7f-df217d0c8a33"


class World:
    """One token's identity, one account, a clock by hand."""

    def __init__(self, identity: Identity, status: str = "active") -> None:
        self.identity = identity
        self.status = status
        self.asked = 0
        self.seconds = 100.0
        self.verifier = AccountVerifier(self, self, self)

    async def verify(self, _token):
        return self.identity

    def user(self, _user_id):
        return self

    async def ask(self, _message):
        self.asked += 1
        return SimpleNamespace(account_status=self.status)

    def monotonic(self):
        return self.seconds

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC)


def somebody(**facts) -> Identity:
    return Identity(user_id=facts.pop("user_id", USER_ID), expires_at=1, **facts)


async def test_an_account_is_looked_up_once_in_a_while():
    world = World(somebody())

    for _ in range(3):
        assert await world.verifier.verify("t") == world.identity

    assert world.asked == 1
    world.seconds += LOOK_AGAIN_S
    await world.verifier.verify("t")
    assert world.asked == 2


@pytest.mark.parametrize("status", ["suspended", "banned", "deleted"])
async def test_an_account_that_may_not_be_used_is_refused_each_time(status):
    world = World(somebody(), status)

    for _ in range(2):
        with pytest.raises(NotAllowed, match=status):
            await world.verifier.verify("t")


async def test_an_account_suspended_meanwhile_is_refused_soon():
    world = World(somebody())
    await world.verifier.verify("t")
    world.status = "banned"

    world.seconds += LOOK_AGAIN_S

    with pytest.raises(NotAllowed):
        await world.verifier.verify("t")


async def test_the_service_itself_needs_no_account():
    world = World(somebody(user_id="service", is_service=True))

    await world.verifier.verify("t")

    assert world.asked == 0


async def test_a_subject_that_is_no_user_is_refused():
    with pytest.raises(NotAuthenticated):
        await World(somebody(user_id="root")).verifier.verify("t")
