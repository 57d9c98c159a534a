"""The machine: versions, compiled parts, descriptors, and room for data."""

from __future__ import annotations

import importlib
import platform
import resource
import shutil
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from bountyexpo import __version__
from bountyexpo.doctor.diagnosis import failure, warning, well

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bountyexpo.doctor.diagnosis import Diagnosis

PYTHON_MIN: Final = (3, 11)

# Packages whose versions decide how the service behaves.
PACKAGES: Final = ("trio", "hypercorn", "quart-trio", "psycopg", "msgspec", "stripe", "pyjwt")

# Modules that are compiled; without one its package is absent, or many times slower.
COMPILED: Final = {
    "msgspec": "msgspec._core",
    "httptools": "httptools.parser.parser",
    "psycopg": "psycopg_binary._psycopg",
    "websockets": "websockets.speedups",
}

# One descriptor a socket; the promise is 10,000 of them, and some are needed besides.
DESCRIPTORS_WANTED: Final = 12_000
DESCRIPTORS_MIN: Final = 256

FREE_MIB_WANTED: Final = 1_024
FREE_MIB_MIN: Final = 64


def examine(data_dir: Path) -> Iterator[Diagnosis]:
    """Look at what the service finds here; nothing is changed."""
    yield _python()
    yield well("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    yield _compiled_parts()
    yield _descriptors()
    yield _room(data_dir)


def present_part(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there already."""
    resolved = folder.resolve()
    return next(each for each in (resolved, *resolved.parents) if each.exists())


def _python() -> Diagnosis:
    told = f"bountyexpo {__version__} on {platform.python_implementation()} "
    told += f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info < PYTHON_MIN:
        wanted = ".".join(map(str, PYTHON_MIN))
        return failure("versions", told, f"Use Python {wanted} or newer.")
    return well("versions", told)


def _compiled_parts() -> Diagnosis:
    absent = [name for name, module in COMPILED.items() if not _loads(module)]
    if absent:
        return warning(
            "compiled parts",
            f"{', '.join(absent)} run without their compiled part",
            "Install the wheels of the lock for this platform: make serve does, in a fresh .venv.",
        )
    return well("compiled parts", f"{', '.join(COMPILED)} are compiled")


def _loads(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _descriptors() -> Diagnosis:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return well("descriptors", "no limit")
    told = f"{soft:,} open files allowed"
    if soft < DESCRIPTORS_MIN:
        return failure("descriptors", told, f"Raise the limit: ulimit -n {DESCRIPTORS_WANTED}.")
    if soft < DESCRIPTORS_WANTED:
        may = "" if hard >= DESCRIPTORS_WANTED else " (the hard limit must be raised first)"
        return warning(
            "descriptors",
            f"{told}: about {soft * 9 // 10:,} sockets at once",
            f"For 10,000 sockets raise it: ulimit -n {DESCRIPTORS_WANTED}{may}.",
        )
    return well("descriptors", told)


def _room(data_dir: Path) -> Diagnosis:
    free_mib = shutil.disk_usage(present_part(data_dir)).free // 2**20
    told = f"{free_mib:,} MiB free for {data_dir}"
    advice = "Make room, or name another folder with BOUNTYEXPO_DATA."
    if free_mib < FREE_MIB_MIN:
        return failure("disk", told, advice)
    if free_mib < FREE_MIB_WANTED:
        return warning("disk", told, advice)
    return well("disk", told)
