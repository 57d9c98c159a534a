"""A server process whose parts a test can break."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import trio

from tests.server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from pathlib import Path

BREAK_S = 30.0


class BreakableServer(ServerProcess):
    """The server of ``tests/chaos/breakable_server.py``."""

    command: ClassVar[tuple[str, ...]] = ("tests.chaos.breakable_server",)

    def __init__(self, folder: Path, **environ: str) -> None:
        self.chaos_port = free_port()
        super().__init__(folder, CHAOS_PORT=str(self.chaos_port), **environ)

    async def break_(self, order: str) -> None:
        """Give an order, and wait until it was carried out and the part is up again."""
        with trio.fail_after(BREAK_S):
            async with await trio.open_tcp_stream("127.0.0.1", self.chaos_port) as stream:
                await stream.send_all(order.encode() + b"\n")
                assert await stream.receive_some() == b"done\n", self.output[-20:]
