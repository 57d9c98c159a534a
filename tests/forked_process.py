"""Processes that begin with everything imported: each is forked from one that has nothing else.

Importing the product takes longer than starting it, and the tests start it a hundred times. What
is forked is a process like any other: it has its own number, and signals end it as they would.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPAWNER = multiprocessing.get_context("forkserver")
SPAWNER.set_forkserver_preload(["tests.imported"])


class ForkedProcess:
    """``python -m …`` with an environment of its own; ``stdout`` has its errors, too."""

    def __init__(self, process: multiprocessing.process.BaseProcess, output: int) -> None:
        self._process = process
        self.stdout = trio.lowlevel.FdStream(output)

    @classmethod
    async def start(cls, command: Sequence[str], environ: Mapping[str, str]) -> ForkedProcess:
        """Start a module with arguments."""
        output, own_end = os.pipe()
        with Connection(own_end, readable=False) as its_end:
            process = SPAWNER.Process(target=_run, args=(its_end, tuple(command), dict(environ)))
            # The first of all waits until the product is imported.
            await trio.to_thread.run_sync(process.start)
        return cls(process, output)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            # It may end just here.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended, and return its exit code."""
        # Of its own, so that any number of tasks may wait.
        sentinel = os.dup(self._process.sentinel)
        try:
            while (code := self.poll()) is None:
                await trio.lowlevel.wait_readable(sentinel)
        finally:
            os.close(sentinel)
        return code


def _run(output: Connection, command: tuple[str, ...], environ: dict[str, str]) -> None:
    os.dup2(output.fileno(), sys.stdout.fileno())
    os.dup2(output.fileno(), sys.stderr.fileno())
    output.close()
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [*command]
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
