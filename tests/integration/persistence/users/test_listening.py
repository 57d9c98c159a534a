"""Hearing of what others commit, and knowing when one does not."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.persistence.users import listening
from bountyexpo.persistence.users.listening import Listening
from bountyexpo.persistence.users.standing import CHANNEL

from tests.patience import PATIENCE_S


class Hearer:
    """Writes down what it is told, and wakes whoever waits for it."""

    def __init__(self):
        self.told = []
        self._news = trio.Event()

    def heard(self, payload):
        self._tell(payload)

    def hears(self):
        self._tell("hears")

    def is_deaf(self):
        self._tell("deaf")

    def _tell(self, word):
        self.told.append(word)
        self._news.set()
        self._news = trio.Event()

    async def until(self, *expected):
        with trio.fail_after(PATIENCE_S):
            while tuple(self.told[-len(expected) :]) != expected:
                await self._news.wait()


@pytest.fixture
def hearer():
    return Hearer()


@asynccontextmanager
async def running(dsn, db, hearer):
    async with trio.open_nursery() as nursery:
        await nursery.start(Listening(dsn, db, CHANNEL, new_id(), hearer).run)
        yield
        nursery.cancel_scope.cancel()


async def person(database):
    user_id = new_id()
    await database.execute(
        "insert into users (id, username) values (%s, %s)", (user_id, f"u-{user_id[:20]}")
    )
    return user_id


CHANGES = {
    "status": "update users set account_status = 'banned' where id = %s",
    "role": "update users set role = 'admin' where id = %s",
    "address": "update users set email = 'a@example.com' where id = %s",
    "confirmed": "update users set email_verified_at = now() where id = %s",
    "all sign-ins": "update users set signed_out_at = now() where id = %s",
    "the account": "delete from users where id = %s",
    "one sign-in": "update user_sessions set revoked_at = now() where user_id = %s",
    "an unseen one": (
        "insert into user_sessions (user_id, session_id, revoked_at) values (%s, 'new', now())"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_every_change_of_a_standing_rings(dsn, database, hearer, change):
    user = await person(database)
    await database.execute(
        "insert into user_sessions (user_id, session_id) values (%s, 'one')", (user,)
    )
    async with running(dsn, database, hearer):
        await hearer.until("hears")

        await database.execute(change, (user,))

        await hearer.until("hears", user)


async def test_what_does_not_concern_a_standing_rings_no_bell(dsn, database, hearer):
    user, other = await person(database), await person(database)
    async with running(dsn, database, hearer):
        await hearer.until("hears")

        await database.execute("update users set version = version + 1 where id = %s", (user,))
        await database.execute("update users set role = 'admin' where id = %s", (other,))

        await hearer.until("hears", other)


async def test_a_lost_session_is_deaf_until_there_is_another(dsn, database, hearer):
    user = await person(database)
    async with running(dsn, database, hearer):
        await hearer.until("hears")

        await database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%%'"
            " and datname = current_database()"
        )
        await hearer.until("hears", "deaf", "hears")
        await database.execute(CHANGES["role"], (user,))

        await hearer.until("deaf", "hears", user)


class Silenced:
    """A pool whose beats get lost, as behind a pooler that lends sessions by transaction."""

    def __init__(self, db):
        self.db = db
        self.lets_through = 1

    async def execute(self, sql, params):
        self.lets_through -= 1
        if self.lets_through < 0:
            raise DatabaseUnavailable
        return await self.db.execute(sql, params)


async def test_who_does_not_hear_the_own_beat_is_deaf(dsn, database, hearer, monkeypatch):
    monkeypatch.setattr(listening, "DEAF_AFTER_S", 0.2)
    monkeypatch.setattr(listening, "BEAT_S", 0.05)
    silenced = Silenced(database)
    async with running(dsn, silenced, hearer):
        await hearer.until("hears", "deaf")
        silenced.lets_through = 1_000

        await hearer.until("deaf", "hears")
