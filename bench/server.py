"""A real server process for the benchmarks to speak to, and people it will believe."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

ISSUER = "https://bench.example/auth/v1"
SECRET = "a-secret-that-only-the-benchmarks-use-and-nothing-else"
ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 30


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int
    folder: Path = Path()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def private_kib(self) -> float:
        """The memory that only this process has (its USS)."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return sum(map(int, re.findall(r"^Private_\w+:\s+(\d+) kB", rollup, re.MULTILINE)))

    def cpu_s(self) -> float:
        """The processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(**settings: str) -> Iterator[Server]:
    """Start a server on a free port with data of its own; stop it and remove the data after."""
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="bountyexpo-bench-") as folder:
        port = free_port()
        environment = os.environ | {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "SANDBOX_PORT": str(free_port()),
            "BOUNTYEXPO_DATA": folder,
            "SUPABASE_JWT_SECRET": SECRET,
            "SUPABASE_JWT_ISSUER": ISSUER,
            "RATE_LIMITS": "off",
            "RATE_LIMIT_ALLOW": "127.0.0.0/8",
            "LOG_LEVEL": "warning",
            "SHUTDOWN_GRACE_S": "2",
            **settings,
        }
        log = Path(folder) / "bench-server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "bountyexpo", "serve"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(process.pid, port, Path(folder))
        try:
            _wait_ready(server, process, log)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def token(number: int) -> str:
    """An access token of the benchmark's user ``number``, who exists once it was used."""
    user_id = person_id(number)
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": user_id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": f"bench{number}@example.com",
        "iat": now,
        "exp": now + 3600,
        "session_id": user_id,
        "app_metadata": {"provider": "email"},
        "user_metadata": {"username": f"bench_{number}", "email_verified": True},
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def person_id(number: int) -> str:
    """The id of the benchmark's user ``number``."""
    return str(uuid.UUID(int=(0xBE9C << 108) + number, version=4))


def raise_file_limit() -> int:
    """Allow this process, and the servers it starts, as many open files as the system does."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                if client.get(f"{server.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"the server did not become ready (exit code {process.poll()}):\n{tail}")
