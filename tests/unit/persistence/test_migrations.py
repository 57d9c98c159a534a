"""The migrations stand in one line, so that every database has gone through the same ones."""

from __future__ import annotations

from importlib import resources


def test_each_number_is_given_once_and_none_is_left_out():
    folder = resources.files("bountyexpo.persistence") / "migrations"
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".sql"))

    numbers = [int(name.partition("_")[0]) for name in names]
    assert numbers == list(range(1, len(numbers) + 1))
