"""The servers that are compared, and where each runs: server on one core, client on another."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from bench.server import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPTS = ROOT / "bench" / "peers"
VENV = ROOT / ".venv" / "peers"
PYTHON = VENV / "bin" / "python"
NODE_MODULES = VENV / "node" / "node_modules"
START_S = 20.0
# Those of this process before it was moved to the client's core.
CORES = sorted(os.sched_getaffinity(0))
INSTALL = "install the peers with: make bench-peers"


@dataclass(frozen=True)
class Peer:
    """One server under test."""

    name: str
    command: tuple[str, ...]


def ours(module: str) -> Peer:
    """A server of ours without sessions."""
    return Peer("ours", (sys.executable, "-m", module))


def python(name: str, script: str) -> Peer:
    """A peer in Python, with its own packages."""
    return Peer(name, (str(PYTHON), str(SCRIPTS / script)))


def node(name: str, script: str) -> Peer:
    """A peer on Node."""
    return Peer(name, ("node", str(SCRIPTS / script)))


def check_installed() -> None:
    """Stop with what to do when the peers are not there."""
    if not PYTHON.exists() or not NODE_MODULES.exists() or shutil.which("node") is None:
        raise RuntimeError(INSTALL)


def server_core() -> set[int] | None:
    """The core of the server under test; None on a machine with one core only."""
    return {CORES[0]} if len(CORES) > 1 else None


@contextmanager
def client_on_its_core() -> Iterator[None]:
    """Keep this process off the server's core for a while."""
    if len(CORES) > 1:
        os.sched_setaffinity(0, CORES[1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def pin(pid: int, *, to_server_core: bool) -> None:
    """Move a process with all its children and threads."""
    core = server_core()
    if core is None:
        return
    others = os.sched_getaffinity(0)
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        for thread in each.threads():
            os.sched_setaffinity(thread.id, core if to_server_core else others)


@contextmanager
def running(peer: Peer, **environ: str) -> Iterator[int]:
    """Start a server on its core and give the port it listens on; stop it at the end."""
    port = free_port()
    environment = os.environ | {"PORT": str(port), "NODE_PATH": str(NODE_MODULES)} | environ
    core = server_core()
    pinned = ("taskset", "-c", str(min(core))) if core and shutil.which("taskset") else ()
    process = subprocess.Popen(
        [*pinned, *peer.command], cwd=ROOT, env=environment, stdout=sys.stderr, stderr=sys.stderr
    )
    try:
        _wait_listening(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def postgres_pid(folder: Path) -> int:
    """The process of the embedded PostgreSQL of a server's data folder."""
    file = next(folder.rglob("postmaster.pid"))
    return int(file.read_text().splitlines()[0])


def _wait_listening(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} did not listen (exit code {process.poll()})")
