"""Sign-ins in the database: noted or ended, never both, and forgotten in the end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
import trio.testing
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.users import standing

from tests.patience import PATIENCE_S


@pytest.fixture
async def user(database):
    user_id = new_id()
    await database.execute(
        "insert into users (id, username) values (%s, %s)", (user_id, f"u-{user_id[:20]}")
    )
    return user_id


async def of(database, *sign_in):
    (found,) = await standing.read_all(database, [sign_in])
    return found


async def test_nobody_has_no_standing(database, user):
    assert await standing.read_all(database, [(new_id(), "a"), (user, "a")])
    assert await of(database, new_id(), "a") is None
    assert (await of(database, user, "a")).status == "active"


async def test_a_sign_in_is_noted_once(database, user):
    asked = [((user, "a"), None), ((user, "a"), None), ((new_id(), "a"), None)]

    assert await standing.note_all(database, asked) == [True, True, False]
    assert await standing.note_all(database, asked[:1]) == [False]
    assert (await of(database, user, "a")).is_known


async def test_a_sign_in_that_was_judged_before_the_end_of_all_is_not_noted(database, user):
    await standing.end_all(database, user, but=None)

    assert await standing.note_all(database, [((user, "a"), None)]) == [False]

    ended_at = (await of(database, user, "a")).signed_out_at
    assert await standing.note_all(database, [((user, "a"), ended_at)]) == [True]


async def test_a_note_waits_for_the_end_of_all_that_is_under_way(database, user):
    noted = []

    async with trio.open_nursery() as nursery, database.transaction() as tx:
        await standing.end_all(tx, user, but=None)

        async def note():
            noted.extend(await standing.note_all(database, [((user, "a"), None)]))

        nursery.start_soon(note)
        waiting = "select 1 as found from pg_stat_activity where wait_event_type = 'Lock'"
        with trio.fail_after(PATIENCE_S):
            while not await tx.fetch(waiting):
                pass

    assert noted == [False]
    assert not (await of(database, user, "a")).is_known


async def test_what_is_over_is_forgotten_when_no_token_can_be_alive(database, user):
    for session, seen, ended in (
        ("fresh", 0, None),
        ("old", standing.SEEN_DAYS + 1, None),
        ("just ended", standing.SEEN_DAYS + 1, standing.REVOKED_DAYS - 1),
        ("long over", standing.SEEN_DAYS + 1, standing.REVOKED_DAYS + 1),
    ):
        await database.execute(
            "insert into user_sessions (user_id, session_id, seen_at, revoked_at) values"
            " (%s, %s, now() - make_interval(days => %s), now() - make_interval(days => %s))",
            (user, session, seen, ended),
        )

    await standing.prune(database)

    left = await database.fetch("select session_id from user_sessions order by session_id")
    assert [row["session_id"] for row in left] == ["fresh", "just ended"]


async def test_times_come_back_as_they_were(database, user):
    moment = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    await database.execute("update users set signed_out_at = %s where id = %s", (moment, user))

    assert (await of(database, user, "a")).signed_out_at == moment
