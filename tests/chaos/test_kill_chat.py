"""The process is killed or stopped while people chat; who comes back has everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from tests.chaos.chat import Chat, chatting
from tests.integration.product.product import Product
from tests.server_process import ServerProcess, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT_S = 60.0
# So short that nobody is away for more messages than a replay brings.
GRACE_S = "1"


@pytest.fixture
def product(module_dsn: str, tmp_path: Path) -> Iterator[Product]:
    server = ServerProcess(tmp_path / "data", DATABASE_URL=module_dsn, SHUTDOWN_GRACE_S=GRACE_S)
    found = Product(server, module_dsn)
    yield found
    found.close()


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])
async def test_chat_goes_on_in_the_next_process(product: Product, is_killed: bool) -> None:
    server = product.server
    with trio.fail_after(LIMIT_S):
        async with running(server) as nursery, chatting(product) as chat:
            await (server.kill() if is_killed else server.stop())
            await server.start(nursery)
            await chat.goes_on()

    assert chat.connections() == [2] * len(chat.speakers)


async def test_nobody_is_online_after_a_kill_who_did_not_come_back(product: Product) -> None:
    chat, server = Chat(product), product.server
    with trio.fail_after(LIMIT_S):
        async with running(server) as nursery, trio.open_nursery() as sockets:
            await chat.gather(sockets)
            leaves, stays = chat.speakers[0], chat.speakers[1].client
            watched = [leaves.client.welcome["userId"]]
            before = await stays.request("presence.subscribe", userIds=watched)

            await server.kill()
            leaves.presence.cancel()
            await server.start(nursery)
            after = await stays.request("presence.subscribe", userIds=watched)
            sockets.cancel_scope.cancel()

    assert [each["state"] for each in before["snapshot"]] == ["online"]
    assert [each["state"] for each in after["snapshot"]] == ["offline"]
    assert stays.connections == 2
