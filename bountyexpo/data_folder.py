"""The data folder belongs to one running service.

Two processes over one embedded database would not hear each other's events, and people would miss
messages without a word. So a service locks its folder; the kernel drops the lock with the process.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_FILE: Final = "service.lock"


class DataFolderRefused(Exception):
    """The folder cannot be used; the text says why and what to do."""


@contextmanager
def claimed(folder: Path, *, port: int) -> Iterator[None]:
    """Own the folder while the block runs.

    Raises:
        DataFolderRefused: it cannot be written, or another process has it.
    """
    path = folder.resolve() / LOCK_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
    except OSError as error:
        raise DataFolderRefused(
            f"BOUNTYEXPO_DATA: the data folder {path.parent} cannot be written "
            f"({error.strerror}). Choose another, or make it writable."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            raise DataFolderRefused(
                f"BOUNTYEXPO_DATA: the data folder {path.parent} is in use by {owner}. "
                "Stop it first, or choose another folder."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on port {port}")
        lock.flush()
        yield
