from __future__ import annotations

import pytest
from bountyexpo.errors import RateLimited
from bountyexpo.operations.catalogue import (
    PAYMENT,
    READ,
    SIGN_IN,
    UNLIMITED,
    WRITE,
    Limit,
    RateClass,
)
from bountyexpo.operations.rate_limits import RateLimiter

# A tight class: as tight for an address as for the account that a call names.
AUTH = RateClass("auth", per_address=Limit(5, 900), per_identifier=Limit(5, 900))


class Time:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def limiter(time):
    return RateLimiter(time)


def spend(limiter, rate, *, user="u", address="a", identifier=None):
    taken = 0
    while taken < 10_000:
        try:
            limiter.take(rate, user_id=user, address=address, identifier=identifier)
        except RateLimited:
            return taken
        taken += 1
    return taken


@pytest.mark.parametrize(
    ("rate", "user", "count"),
    [(WRITE, "u", 60), (READ, "u", 600), (READ, None, 3000), (PAYMENT, "u", 20), (AUTH, None, 5)],
)
def test_burst_is_the_size_of_the_bucket(limiter, rate, user, count):
    assert spend(limiter, rate, user=user) == count


def test_bucket_refills_evenly(limiter, time):
    spend(limiter, PAYMENT)
    time.now += 6.0

    assert spend(limiter, PAYMENT) == 1


def test_bucket_never_holds_more_than_its_size(limiter, time):
    spend(limiter, WRITE)
    time.now += 1e6

    assert spend(limiter, WRITE) == 60


def test_refusal_says_when_to_come_back(limiter, time):
    spend(limiter, AUTH, user=None)

    with pytest.raises(RateLimited) as refusal:
        limiter.take(AUTH, user_id=None, address="a")

    assert refusal.value.retry_after_s == 180
    time.now += 180
    limiter.take(AUTH, user_id=None, address="a")


def test_refusal_costs_nothing(limiter, time):
    spend(limiter, AUTH, user=None)
    for _ in range(50):
        with pytest.raises(RateLimited):
            limiter.take(AUTH, user_id=None, address="a")
    time.now += 180

    limiter.take(AUTH, user_id=None, address="a")


def test_callers_have_their_own_buckets(limiter):
    spend(limiter, WRITE, user="one")

    assert spend(limiter, WRITE, user="two") == 60


def test_signed_in_callers_do_not_share_an_address(limiter):
    spend(limiter, READ, user=None, address="nat")

    assert spend(limiter, READ, user="u", address="nat") == 600


def test_anonymous_caller_is_counted_by_address(limiter):
    assert spend(limiter, WRITE, user=None, address="x") == 60
    assert spend(limiter, WRITE, user=None, address="y") == 60


def test_named_account_is_protected_from_many_addresses(limiter):
    for number in range(5):
        limiter.take(AUTH, user_id=None, address=str(number), identifier="ann@example.com")

    with pytest.raises(RateLimited):
        limiter.take(AUTH, user_id=None, address="99", identifier="ann@example.com")
    limiter.take(AUTH, user_id=None, address="99", identifier="bob@example.com")


def test_what_is_left_is_told(limiter):
    allowance = limiter.take(WRITE, user_id="u", address="a")

    assert (allowance.limit, allowance.remaining) == (60, 59)
    assert allowance.reset_s == pytest.approx(1)


def test_unlimited_class_and_switched_off_limiter_count_nothing(limiter, time):
    off = RateLimiter(time, enabled=False)

    assert limiter.take(UNLIMITED, user_id="u", address="a") is None
    assert spend(off, AUTH) == 10_000
    assert len(off) == len(limiter) == 0


def test_multiplier_widens_every_limit(time):
    assert spend(RateLimiter(time, multiplier=3), WRITE) == 180


def test_cheap_calls_of_many_never_reset_the_limit_of_another_class(time):
    limiter = RateLimiter(time, keys_max=100)
    spend(limiter, AUTH, user=None, address="guesser", identifier="ann@example.com")
    for number in range(1_000):
        limiter.take(READ, user_id=None, address=f"a{number}")
        limiter.take(WRITE, user_id=f"u{number}", address="b")

    assert spend(limiter, AUTH, user=None, address="guesser") == 0
    assert spend(limiter, AUTH, user=None, address="x", identifier="ann@example.com") == 0


def test_a_crowd_never_drives_out_who_has_used_up_the_limit(time):
    limiter = RateLimiter(time, keys_max=100)
    spend(limiter, AUTH, user=None, address="guesser", identifier="ann@example.com")
    for number in range(1_000):
        limiter.take(AUTH, user_id=None, address=f"a{number}", identifier=f"i{number}")

    assert spend(limiter, AUTH, user=None, address="guesser") == 0
    assert spend(limiter, AUTH, user=None, address="x", identifier="ann@example.com") == 0


def test_a_call_costs_by_what_it_asks_for(limiter):
    assert limiter.take(WRITE, user_id="u", address="a", cost=20).remaining == 40
    assert limiter.take(WRITE, user_id="u", address="a", cost=40).remaining == 0
    with pytest.raises(RateLimited):
        limiter.take(WRITE, user_id="u", address="a")


def test_what_costs_more_than_there_is_costs_all(limiter, time):
    assert limiter.take(WRITE, user_id="u", address="a", cost=1_000).remaining == 0
    time.now += 59
    with pytest.raises(RateLimited):
        limiter.take(WRITE, user_id="u", address="a", cost=1_000)
    time.now += 1
    limiter.take(WRITE, user_id="u", address="a", cost=1_000)


def test_what_is_full_again_is_forgotten(limiter, time):
    for number in range(100):
        limiter.take(WRITE, user_id=f"u{number}", address="a")
    assert len(limiter) == 100
    time.now += 120
    limiter.take(WRITE, user_id="u", address="a")
    assert len(limiter) == 1


def test_tables_are_bounded(time):
    limiter = RateLimiter(time, keys_max=10)
    for number in range(100):
        limiter.take(AUTH, user_id=None, address=f"a{number}", identifier=f"i{number}")

    assert len(limiter) == 20


def test_what_turned_out_to_be_good_is_given_back(limiter):
    assert spend(limiter, SIGN_IN, user=None) == 30

    limiter.give_back(SIGN_IN, "a", 2)
    assert spend(limiter, SIGN_IN, user=None) == 2
    # A full bucket does not grow.
    limiter.give_back(SIGN_IN, "b", 5)
    assert spend(limiter, SIGN_IN, user=None, address="b") == 30


def test_nothing_is_given_back_where_nothing_is_taken(time):
    off = RateLimiter(time, enabled=False)

    off.give_back(SIGN_IN, "a")

    assert len(off) == 0
