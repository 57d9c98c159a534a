"""Kept standings: good for as long as every change is heard of."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from bountyexpo.domain.users.standing import Standing
from bountyexpo.errors import Unavailable
from bountyexpo.operations.users import standings
from bountyexpo.operations.users.standings import KEPT_DEAF_S, KEPT_S, Standings

ANNA = ("anna", "one")


class Table:
    """Stands for the database: the status of each user, and whoever waits for the rows."""

    def __init__(self):
        self.status = {"anna": "active"}
        self.reads = 0
        self.pause = trio.lowlevel.checkpoint

    async def fetch(self, _sql, params):
        self.reads += 1
        rows = [
            {
                "user_id": user_id,
                "session_id": session_id,
                "status": self.status[user_id],
                "role": "user",
                "email": None,
                "is_email_verified": False,
                "email_as_of": None,
                "signed_out_at": None,
                "is_known": True,
                "is_revoked": False,
            }
            for user_id, session_id in zip(params["users"], params["sessions"], strict=True)
            if user_id in self.status
        ]
        await self.pause()
        return rows


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def kept(table):
    found = Standings(table, trio.current_time)
    found.hears()
    return found


async def test_what_was_read_is_kept_for_a_while(autojump_clock, kept, table):
    await kept.read(ANNA)

    await trio.sleep(KEPT_S - 1)
    assert isinstance(kept.kept(ANNA), Standing)
    await trio.sleep(1)
    assert kept.kept(ANNA) is None
    assert table.reads == 1


async def test_a_deaf_process_trusts_a_copy_for_a_moment_only(autojump_clock, kept):
    await kept.read(ANNA)
    kept.is_deaf()
    assert kept.kept(ANNA) is None
    await kept.read(ANNA)

    await trio.sleep(KEPT_DEAF_S - 1)
    assert kept.kept(ANNA) is not None
    await trio.sleep(1)
    assert kept.kept(ANNA) is None

    kept.hears()
    assert kept.kept(ANNA) is None


async def test_a_change_drops_every_sign_in_of_the_user(kept):
    await kept.read(ANNA)
    await kept.read(("anna", "two"))

    kept.heard("anna")

    assert kept.kept(ANNA) is None
    assert kept.kept(("anna", "two")) is None
    assert await kept.wait_changed() is None  # hears() made everybody suspect
    kept.changed("anna")
    assert await kept.wait_changed() == {"anna"}


async def test_what_changes_while_it_is_read_is_read_again(kept, table):
    overtaken = trio.Event()
    table.pause = overtaken.wait
    found = []

    async with trio.open_nursery() as nursery:

        async def read():
            found.append(await kept.read(ANNA))

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        table.status["anna"] = "banned"
        kept.changed("anna")
        table.pause = trio.lowlevel.checkpoint
        overtaken.set()

    assert [each.status for each in found] == ["banned"]
    assert table.reads == 2
    assert kept.kept(ANNA).status == "banned"


async def test_what_changes_without_end_is_given_up(kept, table):
    async def change():
        kept.changed("anna")

    table.pause = change

    with pytest.raises(Unavailable):
        await kept.read(ANNA)
    assert table.reads == standings.READS_MAX


async def test_nobody_is_not_kept(kept, table):
    assert await kept.read(("nobody", "one")) is None
    assert kept.kept(("nobody", "one")) is None


async def test_the_user_read_longest_ago_goes_first(kept, table, monkeypatch):
    monkeypatch.setattr(standings, "USERS_MAX", 2)
    monkeypatch.setattr(standings, "SIGN_INS_MAX", 2)
    table.status |= dict.fromkeys(["ben", "cleo"], "active")

    for user in ("anna", "ben", "anna", "cleo"):
        await kept.read((user, "one"))
    for session in "abc":
        await kept.read(("anna", session))

    assert len(kept) == 2
    assert kept.kept(("ben", "one")) is None
    assert kept.kept(("anna", "a")) is None
    assert kept.kept(("anna", "c")) is not None


async def test_too_many_changes_are_everybody(kept, monkeypatch):
    monkeypatch.setattr(standings, "CHANGED_MAX", 2)
    await kept.wait_changed()

    for user in "abc":
        kept.changed(user)

    assert await kept.wait_changed() is None
