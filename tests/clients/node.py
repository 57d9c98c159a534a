"""Node with the packages of ``js/package.json``, in a folder of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPTS = Path(__file__).parent / "js"
VENV = Path(sys.prefix)
PACKAGES = VENV / "js" / "node_modules"
# Whatever runs longer waits for something that will never come.
LIMIT_S = 60.0


class Node:
    """Runs scripts and tools in ``folder``, where the packages are in reach."""

    def __init__(self, folder: Path) -> None:
        if not PACKAGES.exists():
            raise RuntimeError("the packages of Node are missing: make .venv/js.installed")
        self.folder = folder
        (folder / "node_modules").symlink_to(PACKAGES)
        # A module looks for packages beside its real place, so that a link would not do.
        for script in SCRIPTS.iterdir():
            shutil.copy(script, folder)

    def write(self, name: str, text: str) -> Path:
        """Write a file beside the scripts."""
        path = self.folder / name
        path.write_text(text)
        return path

    def run(self, script: str, served: Mapping[str, str]) -> str:
        """Run a module to its good end; return what it printed."""
        return self._call(VENV / "bin" / "node", script, SERVED=json.dumps(dict(served)))

    def tool(self, name: str, *arguments: str) -> str:
        """Run a command of one of the packages to its good end; return what it printed."""
        return self._call(VENV / "bin" / "node", str(PACKAGES / ".bin" / name), *arguments)

    def _call(self, *command: str | Path, **environ: str) -> str:
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env={"PATH": f"{VENV / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder)} | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        ) as process:
            try:
                said, _ = process.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                # The command of the wheel is a parent of the real one.
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
        assert process.returncode == 0, said
        return said
