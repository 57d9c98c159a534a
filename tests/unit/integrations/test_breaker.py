"""The circuit breaker: who does not answer is not asked for a while."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.errors import CardRefused, ProviderFailed, Unavailable
from bountyexpo.integrations.stripe.breaker import FAILURES_MAX, OPEN_MAX_S, OPEN_S, Breaker
from bountyexpo.observability import metrics


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def fail(breaker, times=1):
    for _ in range(times):
        with pytest.raises(ProviderFailed), breaker.passage():
            raise ProviderFailed


def answer(breaker):
    with breaker.passage():
        pass


def refused(breaker):
    with pytest.raises(Unavailable) as caught:
        answer(breaker)
    return caught.value.retry_after_s


def test_it_opens_after_failures_in_a_row_only(breaker):
    for _ in range(3):
        fail(breaker, FAILURES_MAX - 1)
        answer(breaker)
    assert not breaker.is_open

    fail(breaker, FAILURES_MAX)

    assert breaker.is_open
    assert refused(breaker) == OPEN_S


def test_a_refusal_is_an_answer(breaker):
    fail(breaker, FAILURES_MAX - 1)
    with pytest.raises(CardRefused), breaker.passage():
        raise CardRefused

    fail(breaker, FAILURES_MAX - 1)

    assert not breaker.is_open


def test_one_call_tries_when_the_time_is_over(breaker, clock):
    fail(breaker, FAILURES_MAX)
    clock.now += OPEN_S

    with breaker.passage():
        refused(breaker)

    assert not breaker.is_open
    answer(breaker)


def test_each_trial_that_fails_doubles_the_pause_up_to_a_minute(breaker, clock):
    fail(breaker, FAILURES_MAX)
    pauses = []
    for _ in range(8):
        pauses.append(refused(breaker))
        clock.now += pauses[-1]
        fail(breaker)

    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert pauses[-1] == OPEN_MAX_S
    clock.now += OPEN_MAX_S
    answer(breaker)
    fail(breaker, FAILURES_MAX)
    assert refused(breaker) == OPEN_S


def test_calls_that_were_under_way_do_not_keep_it_open(breaker, clock):
    late = [breaker.passage() for _ in range(3)]
    for passage in late:
        passage.__enter__()
    fail(breaker, FAILURES_MAX)
    clock.now += OPEN_S - 0.5

    for passage in late:
        with pytest.raises(ProviderFailed):
            passage.gen.throw(ProviderFailed())

    clock.now += 0.5
    answer(breaker)


async def test_a_trial_that_is_cancelled_teaches_nothing(breaker, clock):
    fail(breaker, FAILURES_MAX)
    clock.now += OPEN_S

    with trio.CancelScope() as scope, breaker.passage():
        scope.cancel()
        await trio.sleep_forever()

    assert breaker.is_open
    answer(breaker)
    assert not breaker.is_open


def test_dashboards_see_it(breaker, clock):
    def shown():
        return metrics.REGISTRY.get_sample_value("provider_breaker_open")

    fail(breaker, FAILURES_MAX)
    assert shown() == 1

    clock.now += OPEN_S
    answer(breaker)
    assert shown() == 0
