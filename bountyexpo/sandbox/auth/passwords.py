"""Passwords at rest, hashed beside the server and never in it.

A hash takes tens of milliseconds of a core by intention. In the server's process a few sign-ins a
second would take the cores from everybody who chats, so one process of its own does them, one after
the other. It is a child of this one and cannot outlive it (``hasher``).
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import msgspec
import trio

from bountyexpo.errors import RateLimited, Unavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.sandbox.auth.hasher import COST

if TYPE_CHECKING:
    from collections.abc import Awaitable

# Those who wait beyond this many are sent away at once.
WAITING_MAX = 16

# How long somebody waits at most; the service gives up on the auth server after eight seconds.
WAIT_S = 6.0

# After a crash; what is broken for good must not start processes without end.
RESTART_PAUSE_S = 1.0

# A process that does not end with its input is killed after this.
STOP_S = 2.0

# The auth server's hash looks at no more of a password than this, and takes no longer one.
PASSWORD_BYTES_MAX = 72

COMMAND = (sys.executable, "-m", "bountyexpo.sandbox.auth.hasher")

_log = get_logger(__name__)


class Passwords:
    """Hashes and compares passwords in a process of their own.

    ``cost`` is scrypt's, of new hashes.

    Owns:      the process; it is started again when it ends.
    Overload:  ``WAITING_MAX`` wait for their turn; who comes then is told to come back.
    """

    def __init__(self, cost: int = COST) -> None:
        self._cost = cost
        self._process: _Hasher | None = None
        self._is_wanted = trio.Event()
        self._is_up = trio.Event()
        self._turn = trio.Lock()
        self._waiting = 0

    @property
    def pid(self) -> int | None:
        """The process that hashes; None while there is none."""
        return self._process.pid if self._process is not None else None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the process when the first password comes, and keep it until cancelled."""
        task_status.started()
        await self._is_wanted.wait()
        while True:
            async with await _Hasher.start(self._cost) as process:
                self._process = process
                self._is_up.set()
                try:
                    code = await process.ended()
                finally:
                    self._forget_process()
            _log.warning("the process that hashes passwords has ended", code=code)
            await trio.sleep(RESTART_PAUSE_S)

    async def hash(self, password: str) -> str:
        """Return the text to store for ``password``.

        Raises:
            RateLimited: too many are waiting.
            Unavailable: it takes too long, or the process has ended.
        """
        return str(await self._in_turn({"password": password}))

    async def match(self, password: str, stored: str | None) -> bool:
        """Tell whether ``password`` is the one that ``stored`` was made from.

        Without ``stored`` it is not, which takes as long to find out.

        Raises:
            RateLimited: too many are waiting.
            Unavailable: it takes too long, or the process has ended.
        """
        # Cut as the auth server's hash does it.
        cut = password.encode()[:PASSWORD_BYTES_MAX].decode(errors="ignore")
        return await self._in_turn({"password": cut, "stored": stored}) is True

    async def _in_turn(self, question: dict[str, Any]) -> str | bool:
        if self._waiting >= WAITING_MAX:
            raise RateLimited("Request rate limit reached", retry_after_s=1)
        self._waiting += 1
        self._is_wanted.set()
        try:
            with trio.fail_after(WAIT_S):
                async with self._turn:
                    while (process := self._process) is None:
                        await self._is_up.wait()
                    try:
                        return await process.ask(question)
                    except Unavailable:
                        # Whoever comes next waits for its successor.
                        self._forget_process()
                        raise
        except trio.TooSlowError as error:
            raise Unavailable from error
        finally:
            self._waiting -= 1

    def _forget_process(self) -> None:
        self._process = None
        if self._is_up.is_set():
            self._is_up = trio.Event()


class _Answer(msgspec.Struct):
    number: int
    found: str | bool


class _Hasher:
    """One life of the process, with the ends of its pipes."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._questions = process.stdin
        self._answers = process.stdout
        self._read = b""
        self._number = 0

    @classmethod
    async def start(cls, cost: int) -> _Hasher:
        # A group of its own: what a terminal or a service manager sends to ours is not for it,
        # since the sign-ins that are still in flight want their answers.
        process = await trio.lowlevel.open_process(
            (*COMMAND, str(cost)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        deadline = trio.current_time() + STOP_S
        with trio.CancelScope(shield=True, deadline=deadline) as patience:
            await self._questions.aclose()
            await self._answers.aclose()
            await self._process.wait()
        if patience.cancelled_caught:
            self._process.kill()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_S):
                await self._process.wait()

    def ended(self) -> Awaitable[int]:
        """Wait until it has ended, and return its exit code."""
        return self._process.wait()

    async def ask(self, question: dict[str, Any]) -> str | bool:
        """Return the answer to one question; only one may be open at a time."""
        self._number += 1
        line = msgspec.json.encode({"number": self._number, **question}) + b"\n"
        try:
            await self._questions.send_all(line)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Unavailable from error
        while True:
            answer = msgspec.json.decode(await self._line(), type=_Answer)
            # Somebody who asked before may have gone without waiting.
            if answer.number == self._number:
                return answer.found

    async def _line(self) -> bytes:
        while b"\n" not in self._read:
            try:
                more = await self._answers.receive_some()
            except trio.ClosedResourceError:
                more = b""
            if not more:
                raise Unavailable
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line
