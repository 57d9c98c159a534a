"""People and conversations for the tests of the database layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from bountyexpo.domain.ids import new_id

from tests.integration.persistence.money.ledger_books import Books

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.persistence.pool import Pool


@dataclass(frozen=True)
class Thread:
    """A conversation of two people."""

    id: str
    sender: str
    other: str


async def _make_thread(pool: Pool) -> Thread:
    """Store two people and a conversation between them."""
    sender, other, conversation = new_id(), new_id(), new_id()
    for user in (sender, other):
        await pool.execute(
            "insert into users (id, username) values (%s, %s)", (user, f"user-{user[:13]}")
        )
    await pool.execute(
        "insert into conversations (id, kind, created_by) values (%s, 'group', %s)",
        (conversation, sender),
    )
    return Thread(conversation, sender, other)


@pytest.fixture
def make_thread(database: Pool) -> Callable[[], Awaitable[Thread]]:
    return partial(_make_thread, database)


@pytest.fixture
async def thread(make_thread: Callable[[], Awaitable[Thread]]) -> Thread:
    return await make_thread()


@pytest.fixture
async def books(database: Pool) -> Books:
    """The wallets and accounts of a bounty, open."""
    found = Books(database)
    await found.open()
    return found
