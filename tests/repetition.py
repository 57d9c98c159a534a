"""How often tests repeat themselves: some times in ``make test``, many times in ``make soak``.

``TEST_REPETITIONS`` multiplies all of them. What it multiplies is marked ``repeated``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

REPETITIONS = int(os.environ.get("TEST_REPETITIONS", "1"))

repeated = pytest.mark.repeated


def times(count: int, most: int | None = None) -> int:
    """A number of things, for a test that does as well with more; ``most`` in any case."""
    wanted = count * REPETITIONS
    return wanted if most is None else min(wanted, most)


def examples(count: int, **options: Any) -> settings:
    """Settings of Hypothesis with ``count`` examples."""
    return settings(max_examples=times(count), deadline=None, **options)


def tried(count: int) -> Callable[[T], T]:
    """Let a test see ``count`` examples."""

    def decorate(test: T) -> T:
        return repeated(examples(count)(test))

    return decorate
