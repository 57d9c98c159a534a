"""The buckets of one limit: what is full goes first, what is empty goes last."""

from __future__ import annotations

from random import Random

import pytest
from bountyexpo.operations.bucket_table import BucketTable


def test_an_unknown_bucket_is_full():
    assert BucketTable(10, 60).full_at("a", 5.0) == 5.0


def test_the_nearest_to_full_gives_way():
    table = BucketTable(2, 60)
    table.store("empty", 60, 0)
    table.store("nearly", 2, 0)
    table.store("half", 30, 0)

    assert table.full_at("empty", 0) == 60
    assert table.full_at("half", 0) == 30
    assert table.full_at("nearly", 0) == 0


@pytest.mark.parametrize("seed", range(20))
def test_it_never_says_less_than_a_table_without_bounds_of_what_it_keeps(seed):
    random = Random(seed)
    table, truth, now = BucketTable(50, 60), {}, 0.0
    for _ in range(3_000):
        now += random.random()
        key = random.randrange(200)
        full_at = max(now, table.full_at(key, now)) + random.random() * 10
        truth[key] = full_at
        table.store(key, full_at, now)
        assert len(table) <= 50
    known = {key: table.full_at(key, 0) for key in truth}
    kept = {key for key, full_at in known.items() if full_at}
    assert all(known[key] == truth[key] for key in kept)
    # What was left out is nearer to full than what was kept, up to a step.
    lost = [truth[key] for key in truth if key not in kept and truth[key] > now]
    assert not lost or max(lost) <= min(known[key] for key in kept) + 10 + 60 / 32


def test_nothing_is_left_of_what_went():
    table = BucketTable(10, 60)
    for number in range(1_000):
        table.store(number % 25, number + 30, number)
    assert sum(map(len, table._slots.values())) == len(table) <= 10
    assert all(table._slots.values())
