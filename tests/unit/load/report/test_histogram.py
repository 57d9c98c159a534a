"""The histogram, against the exact answer."""

from __future__ import annotations

import math
import random

import pytest
from bountyexpo.load.report.histogram import Histogram, bucket_of, top_of


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 129, 1000, 65_535, 10**6, 10**10])
def test_a_value_lies_in_its_bucket(value: int) -> None:
    bucket = bucket_of(value)

    assert value <= top_of(bucket)
    assert bucket == 0 or value > top_of(bucket - 1)


def test_a_bucket_is_at_most_a_64th_of_its_value_wide() -> None:
    for bucket in range(64, 2000):
        assert top_of(bucket) - top_of(bucket - 1) <= top_of(bucket) / 64


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])
def test_a_percentile_is_near_the_exact_one(share: float) -> None:
    chance = random.Random(7)
    times = sorted(chance.lognormvariate(-5, 1.5) for _ in range(5000))
    histogram = Histogram()
    for each in times:
        histogram.record(each)

    exact = times[max(0, math.ceil(len(times) * share) - 1)]

    assert histogram.percentile_s(share) == pytest.approx(exact, rel=0.02, abs=2e-6)


def test_an_empty_histogram_says_nothing() -> None:
    histogram = Histogram()

    assert (histogram.percentile_s(0.99), histogram.mean_s, histogram.count) == (0.0, 0.0, 0)


def test_parts_add_up_to_the_whole_also_through_another_process() -> None:
    whole, left, right = Histogram(), Histogram(), Histogram()
    for number in range(1000):
        whole.record(number / 1000)
        (left, right)[number % 2].record(number / 1000)

    left.add(Histogram.load(right.dump()))

    assert left.buckets == whole.buckets
    assert (left.count, left.max_s) == (whole.count, whole.max_s)
    assert left.mean_s == pytest.approx(whole.mean_s)
