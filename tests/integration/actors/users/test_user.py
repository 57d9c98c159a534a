"""Accounts: how they come to be, whose an address is, and the end of sign-ins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trio
from bountyexpo.actors.users.user import Register, SignOut
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import Conflict
from bountyexpo.persistence.users import standing
from bountyexpo.persistence.users import users as rows

THEN = datetime(2026, 1, 1, tzinfo=UTC)
EMAIL = "anna@example.com"


async def register(market, user_id=None, *, after_s=0, **facts):
    wanted = {"email": EMAIL, "email_verified_at": THEN, **facts}
    as_of = THEN + timedelta(seconds=after_s)
    return await market.actors.user(user_id or new_id()).ask(Register(email_as_of=as_of, **wanted))


async def email_of(market, user_id):
    return (await rows.get(market.db, user_id)).email


async def test_an_account_is_made_once(market):
    made = await register(market, username="anna")
    again = await register(market, made.id, username="other")

    assert made.username == again.username == "anna"
    assert made == again


@pytest.mark.parametrize("wished", ["x", "Ünïcode", "a b", "<script>", "y" * 60, "\x00", "", "  "])
async def test_an_odd_wish_for_a_name_keeps_nobody_out(market, wished):
    assert (await register(market, wished_name=wished)).username.startswith("user_")


async def test_a_wish_is_fulfilled_when_it_can_be(market):
    first = await register(market, wished_name="Anna")
    second = await register(market, email=None, wished_name="anna")

    assert first.username == "anna"
    assert second.username.startswith("user_")


async def test_a_name_that_must_be_had_may_be_taken(market):
    await register(market, username="anna")

    with pytest.raises(Conflict) as caught:
        await register(market, email=None, username="ANNA")

    assert caught.value.error_code == "USERNAME_TAKEN"


async def test_a_changed_address_arrives_and_an_older_word_does_not(market):
    user = await register(market)

    await register(market, user.id, after_s=60, email="new@example.com")
    assert await email_of(market, user.id) == "new@example.com"
    await register(market, user.id, after_s=30)

    assert await email_of(market, user.id) == "new@example.com"


async def test_an_address_that_is_confirmed_later_counts_from_then_on(market):
    user = await register(market, email_verified_at=None)
    assert user.email_verified_at is None

    user = await register(market, user.id, after_s=1)

    assert user.email_verified_at == THEN


async def test_whoever_has_an_address_now_takes_it_over(market):
    former = await register(market, username="former")

    successor = await register(market, after_s=60, username="successor")

    assert successor.email == EMAIL
    assert await email_of(market, former.id) is None
    # What the former holder was told before then does not bring it back; what is new does.
    await register(market, former.id, after_s=30)
    assert await email_of(market, successor.id) == EMAIL
    await register(market, former.id, after_s=90, email="moved@example.com")
    assert await email_of(market, former.id) == "moved@example.com"
    released = "select actor_id from audit_log where action = 'address_released' and target_id = %s"
    assert await market.db.fetch_one(released, (former.id,)) == {"actor_id": successor.id}


async def test_an_older_or_unconfirmed_word_takes_nothing_over(market):
    holder = await register(market, after_s=60)

    older = await register(market, after_s=30)
    unconfirmed = await register(market, after_s=90, email_verified_at=None)

    assert older.email is None
    assert unconfirmed.email is None
    assert await email_of(market, holder.id) == EMAIL


async def test_many_who_come_with_one_address_all_come_in(market):
    ids = [new_id() for _ in range(8)]

    async with trio.open_nursery() as nursery:
        for user_id in ids:
            nursery.start_soon(register, market, user_id)

    emails = [await email_of(market, user_id) for user_id in ids]
    assert sorted(filter(None, emails)) == [EMAIL]


async def read(market, user_id, *sessions):
    return [
        (each.is_known, each.is_revoked)
        for each in await standing.read_all(market.db, [(user_id, session) for session in sessions])
    ]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("local", [(True, True), (True, False), (False, False)]),
        ("others", [(True, False), (True, True), (False, False)]),
        ("global", [(True, True), (True, True), (False, False)]),
    ],
)
async def test_the_end_of_sign_ins_has_its_scope(market, scope, expected):
    user = await register(market)
    sign_ins = [(user.id, "this"), (user.id, "other")]
    assert await standing.note_all(market.db, [(each, None) for each in sign_ins]) == [True, True]

    await market.actors.user(user.id).ask(SignOut(session_id="this", scope=scope))
    await market.actors.user(user.id).ask(SignOut(session_id="this", scope=scope))

    assert await read(market, user.id, "this", "other", "unseen") == expected
    (found,) = await standing.read_all(market.db, [(user.id, "unseen")])
    assert (found.signed_out_at is not None) is (scope != "local")
