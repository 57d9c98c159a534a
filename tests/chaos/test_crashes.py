"""Parts of the server crash while people chat: each acknowledged message arrives once, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from tests.chaos.breakable import BreakableServer
from tests.chaos.chat import chatting
from tests.databases import temporary_folder
from tests.integration.product.product import Product, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.sandbox.postgres import EmbeddedPostgres

    from tests.chaos.chat import Chat

LIMIT_S = 60.0

# What may fail behind the sockets, and what takes the sockets with it.
BEHIND = (
    *(f"actor conversation {moment}" for moment in ("before", "after")),
    *(f"child {name}" for name in ("conversation", "user", "bounty", "payment")),
    *(f"child {name}" for name in ("journal", "pool", "outbox", "webhooks")),
    *(f"child {name}" for name in ("hypercorn_fallback", "fast_path", "acceptor")),
)
UNDER = tuple(f"child {name}" for name in ("poller", "sessions", "hub", "sandbox"))


class Setting:
    """A breakable server over a database that can be killed."""

    def __init__(self, server: BreakableServer, database: EmbeddedPostgres, dsn: str) -> None:
        self.server = server
        self.database = database
        self.product = Product(server, dsn)


@pytest.fixture(scope="module")
def setting(killable: EmbeddedPostgres) -> Iterator[Setting]:
    dsn = killable.dsn()
    with (
        temporary_folder() as folder,
        standing(BreakableServer(folder, DATABASE_URL=dsn)) as server,
    ):
        found = Setting(server, killable, dsn)
        yield found
        found.product.close()


async def chat_through(setting: Setting, order: str) -> Chat:
    """Break a part while people chat, and let them go on."""
    with trio.fail_after(LIMIT_S):
        async with chatting(setting.product) as chat:
            await setting.server.break_(order)
            await chat.goes_on()
    return chat


@pytest.mark.parametrize("order", BEHIND)
async def test_what_crashes_behind_the_sockets_leaves_them_open(
    setting: Setting, order: str
) -> None:
    chat = await chat_through(setting, order)

    assert chat.connections() == [1] * len(chat.speakers)


@pytest.mark.parametrize("order", UNDER)
async def test_what_crashes_under_the_sockets_lets_all_come_back(
    setting: Setting, order: str
) -> None:
    chat = await chat_through(setting, order)

    assert chat.connections() == [2] * len(chat.speakers)


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
async def test_chat_goes_on_when_the_database_is_back(setting: Setting, crash: bool) -> None:
    database = setting.database
    with trio.fail_after(LIMIT_S):
        async with chatting(setting.product) as chat:
            setting.product.forget_session()
            await trio.to_thread.run_sync(database.kill if crash else database.stop)
            await trio.to_thread.run_sync(database.start)
            await chat.goes_on()

    assert chat.connections() == [1] * len(chat.speakers)


async def test_all_crashes_at_once_lose_nothing(setting: Setting) -> None:
    with trio.fail_after(LIMIT_S):
        async with chatting(setting.product) as chat, trio.open_nursery() as nursery:
            for order in (*BEHIND[1:], *UNDER):
                nursery.start_soon(setting.server.break_, order)
            await trio.to_thread.run_sync(setting.database.kill)
            await trio.to_thread.run_sync(setting.database.start)
            await chat.goes_on()
