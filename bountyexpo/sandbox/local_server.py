"""The server on this machine: where it keeps its data, found by the port that it listens on."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from bountyexpo.runtime.clock import SystemClock
from bountyexpo.sandbox.emulators import operator_token
from bountyexpo.sandbox.postgres import running_address
from bountyexpo.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def operator_token_at(url: str, environ: Mapping[str, str]) -> str | None:
    """Return an operator's token for the server at ``url``, if it is ours and uses the emulator.

    Where its secrets are is told by its own settings or, if those cannot be read, by ``environ``.
    """
    for settings in _candidates(url, environ):
        token = operator_token(settings, SystemClock().now())
        if token is not None:
            return token
    return None


def database_at(url: str) -> str | None:
    """Return the address of the database of the server at ``url``, if it runs on this machine."""
    for settings in _own(url):
        return settings.database_url or running_address(settings.data_dir / "postgres")
    return None


def _candidates(url: str, environ: Mapping[str, str]) -> Iterator[Settings]:
    yield from _own(url)
    with suppress(SettingsError):
        yield Settings.load(environ)


def _own(url: str) -> Iterator[Settings]:
    process = _listener(url)
    if process is not None:
        with suppress(psutil.Error, SettingsError):
            found = Settings.load(process.environ())
            yield replace(found, data_dir=Path(process.cwd()) / found.data_dir)


def _listener(url: str) -> psutil.Process | None:
    """Return who listens where ``url`` says, among the processes of this user (root: of all)."""
    parts = urlsplit(url)
    if not _is_here(parts.hostname or ""):
        return None
    for process in psutil.process_iter(["uids"]):
        if os.geteuid() and process.info["uids"].effective != os.geteuid():
            continue
        try:
            listening = process.net_connections("tcp")
        except psutil.Error:
            continue
        for line in listening:
            if line.status == psutil.CONN_LISTEN and line.laddr.port == parts.port:
                return process
    return None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
