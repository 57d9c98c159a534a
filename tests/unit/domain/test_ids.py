"""What counts as an id."""

from __future__ import annotations

import pytest
from bountyexpo.domain.ids import is_id, new_id


def test_new_ids_are_version_4_and_differ():
    first, second = new_id(), new_id()

    assert first != second
    assert is_id(first)
    assert first[14] == "4"


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "7f6a8ae2-74f3-4af2-bc7f-df217d0c8a3",
        "7f6a8ae274f34af2bc7fdf217d0c8a33",
        "{7f6a8ae2-74f3-4af2-bc7f-df217d0c8a33}",
        "7f6a8ae2-74f3-4af2-bc7f-df217d0c8a3g",
        "7f6a8ae2-74f3-4af2-bc7f-df217d0c8a33\n",
    ],
)
def test_anything_else_is_no_id(value):
    assert not is_id(value)


def test_capitals_are_the_same_id():
    assert is_id("7F6A8AE2-74F3-4AF2-BC7F-DF217D0C8A33")
