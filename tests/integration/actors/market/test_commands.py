"""The tests of the market's commands once more, on a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.users import blocks

from tests.recording_transaction import RecordedPool
from tests.unit.actors.market.stage import Stage
from tests.unit.actors.market.test_commands import *  # noqa: F403 - all of its tests

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


class StoredStage(Stage):
    """The stage over PostgreSQL."""

    async def person(self) -> str:
        user_id = new_id()
        await self.db.execute(
            "insert into users (id, username, email_verified_at) values (%s, %s, now())",
            (user_id, f"user-{user_id[:13]}"),
        )
        await self.db.execute("insert into user_profiles (user_id) values (%s)", (user_id,))
        return user_id

    async def block(self, user_id: str, other_id: str) -> None:
        await blocks.add(self.db, user_id, other_id)


@pytest.fixture
def stage(database: Pool) -> StoredStage:
    return StoredStage(RecordedPool(database))
