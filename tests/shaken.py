"""The tests again and again, each time in another order, while others take the processor.

``make shake``. A test that depends on its neighbours, or on a quiet machine, falls here; the seed
that pytest names brings about the same order again (``ARGS="-p randomly --randomly-seed=…"``).
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def burn() -> None:
    """Take a core for ever."""
    while True:
        sum(range(100_000))


@contextmanager
def burning(count: int) -> Iterator[None]:
    """Have ``count`` processes that do nothing else inside."""
    burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(count)]
    for each in burners:
        each.start()
    try:
        yield
    finally:
        for each in burners:
            each.kill()
            each.join()


def main() -> int:
    """Run until something falls; pytest's exit code."""
    parser = argparse.ArgumentParser(prog="make shake", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--burners", type=int, default=1)
    options, arguments = parser.parse_known_args()
    command = [sys.executable, "-m", "pytest", *arguments]
    with burning(options.burners):
        for number in range(1, options.times + 1):
            began = time.monotonic()
            code = subprocess.run(command, check=False).returncode
            sys.stdout.write(f"run {number} of {options.times}: {time.monotonic() - began:.0f} s\n")
            if code != 0:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
