"""A real server in a process of its own, that a test may kill as it likes."""

from __future__ import annotations

import os
import random
import signal
import socket
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import trio

from tests.forked_process import ForkedProcess
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[1]

# Below those that Linux gives to connections.
PORTS = range(10_000, 32_000)
# Of its own, since tests seed the shared one alike.
CHANCE = random.SystemRandom()


class ServerProcess:
    """``bountyexpo serve`` on fixed ports over one data folder."""

    # The module that is run, and its arguments.
    command: ClassVar[tuple[str, ...]] = ("bountyexpo", "serve")

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.port, sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        self.output: list[str] = []
        self._environ = {
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "SANDBOX_PORT": str(sandbox_port),
            "BOUNTYEXPO_ENV": "test",
            "BOUNTYEXPO_DATA": str(folder),
            "RATE_LIMITS": "off",
        } | environ
        self._process: ForkedProcess | None = None

    @property
    def process(self) -> ForkedProcess:
        assert self._process is not None
        return self._process

    async def start(self, nursery: trio.Nursery, *, ready: bool = True) -> None:
        """Start it and wait until it serves, and with ``ready`` until it has its database."""
        self._process = await ForkedProcess.start(self.command, self._environ)
        expected = {"serves on"} | ({"database ready"} if ready else set())
        with trio.fail_after(PATIENCE_S):
            await nursery.start(self._read, self._process, expected)

    async def join(self, nursery: trio.Nursery) -> None:
        """Start it, unless it still runs from an earlier test."""
        if self._process is None or self._process.poll() is not None:
            await self.start(nursery)
        else:
            await nursery.start(self._read, self._process, set())

    async def kill(self) -> None:
        """Kill it as the power cut does: nothing in it gets to run any more."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE_S):
            return await self.process.wait()

    async def _read(
        self, process: ForkedProcess, expected: set[str], *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Follow the output to its end; report back when everything ``expected`` was said."""
        waiting, rest = set(expected), b""
        if not expected:
            task_status.started()
        async for chunk in process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                self.output.append(text)
                said = {words for words in waiting if words in text}
                if said and said == waiting:
                    task_status.started()
                waiting -= said
        if waiting:
            raise AssertionError("the server ended:\n" + "\n".join(self.output[-20:]))


@asynccontextmanager
async def running(server: ServerProcess) -> AsyncIterator[trio.Nursery]:
    """Start ``server`` and stop whatever runs of it at the end."""
    async with trio.open_nursery() as nursery:
        await server.start(nursery)
        try:
            yield nursery
        finally:
            with trio.CancelScope(shield=True):
                if server.process.poll() is None:
                    await server.stop()


@asynccontextmanager
async def left_running(server: ServerProcess) -> AsyncIterator[trio.Nursery]:
    """Have ``server`` running inside, and leave it running for the next test."""
    async with trio.open_nursery() as nursery:
        await server.join(nursery)
        yield nursery
        nursery.cancel_scope.cancel()


def free_port() -> int:
    """Return a port that nobody listens on, nor will unless somebody asks for it.

    What the system hands out by itself it may hand to any connection before a server is there.
    """
    while True:
        port = CHANCE.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
