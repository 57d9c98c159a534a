"""The pool against a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.pool import Json, Pool


async def test_rows_come_back_as_plain_values(database: Pool):
    uid, now = new_id(), datetime.now(UTC)

    row = await database.fetch_one(
        "select %s::uuid as id, %s::timestamptz as at, %s::jsonb as data, %s::bigint as big,"
        " array[%s::uuid] as ids, %s::jsonb as list, null as nothing, '100%%' as percent",
        (uid, now, {"a": [1, None]}, 2**40, uid, Json([1, "x"])),
    )

    assert row == {
        "id": uid,
        "at": now,
        "data": {"a": [1, None]},
        "big": 2**40,
        "ids": [uid],
        "list": [1, "x"],
        "nothing": None,
        "percent": "100%",
    }
    assert row["at"].utcoffset() == timedelta(0)


async def test_named_parameters_may_repeat(database: Pool):
    row = await database.fetch_one(
        "select %(a)s::int + %(b)s::int + %(a)s::int as sum", {"a": 1, "b": 10}
    )

    assert row == {"sum": 12}
