"""What all tests have in common: one seed for everything that is left to chance.

pytest-randomly shuffles the tests and seeds ``random`` before each; ``--randomly-seed`` gives the
same run again. trio chooses the order of tasks by a generator of its own, seeded here from that.
"""

from __future__ import annotations

import random

# Importing Hypothesis makes trio shuffle every batch of tasks, instead of turning some around.
import hypothesis  # noqa: F401
import pytest
import trio


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    """Seed the order in which trio runs the tasks of this test."""
    trio._core._run._r.seed(random.getrandbits(64))
