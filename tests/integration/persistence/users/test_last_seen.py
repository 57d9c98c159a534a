"""The stored moments at which people were last seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.users import last_seen

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE = datetime(2026, 1, 1, 13, tzinfo=UTC)


@pytest.fixture
async def people(database):
    ids = [new_id() for _ in range(3)]
    for user_id in ids:
        await database.execute(
            "insert into users (id, username) values (%s, %s)", (user_id, f"u-{user_id[:20]}")
        )
    return ids


async def test_moments_are_stored_together_and_never_go_back(database, people):
    anna, ben, cleo = people

    await last_seen.save(database, {anna: ONE, ben: NOON})
    await last_seen.save(database, {anna: NOON, ben: ONE, new_id(): NOON})

    assert await last_seen.read(database, [anna, ben, cleo, "nobody"]) == {anna: ONE, ben: ONE}


async def test_nobody_is_asked_for_nothing(database):
    assert await last_seen.read(database, ["nobody"]) == {}
    await last_seen.save(database, {})
