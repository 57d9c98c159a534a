"""The market tells chat which bounties are running; both mean the same."""

from __future__ import annotations

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import RUNNING, Status
from bountyexpo.persistence.chat import bounty_threads
from bountyexpo.persistence.chat.acquaintances import acquainted


@pytest.mark.parametrize("status", Status)
async def test_the_view_knows_what_the_rules_call_running(database, status):
    poster, hunter, bounty_id = new_id(), new_id(), new_id()
    for user in (poster, hunter):
        await database.execute(
            "insert into users (id, username) values (%s, %s)", (user, f"user-{user[:13]}")
        )
    await database.execute(
        """insert into bounties (id, poster_id, hunter_id, title, description, amount_cents,
                                 platform_fee_bps, policy_version, is_for_honor, status)
           values (%s, %s, %s, 'A title', 'A description', 0, 0, 1, true, %s)""",
        (bounty_id, poster, hunter, status.value),
    )

    is_running = status in RUNNING

    assert await bounty_threads.is_running(database, bounty_id) is is_running
    assert await acquainted(database, poster, [hunter]) == ({hunter} if is_running else set())
    assert await acquainted(database, hunter, [poster]) == ({poster} if is_running else set())
    assert await bounty_threads.poster_of(database, bounty_id) == poster


async def test_there_is_nothing_to_know_of_a_bounty_that_is_not_there(database):
    assert await bounty_threads.poster_of(database, new_id()) is None
    assert not await bounty_threads.is_running(database, new_id())
