"""Guessing is slow; the right password from where its owner has been before always opens."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.errors import RateLimited
from bountyexpo.operations.rate_limits import RateLimiter
from bountyexpo.operations.users import sign_in_guard
from bountyexpo.operations.users.sign_in_guard import (
    FREE_FAILURES,
    HOLD_S,
    SLOW_KNOWN_MAX_S,
    SLOW_MAX_S,
    SignInGuard,
)

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.9"


@pytest.fixture
def guard():
    return guard_of()


def guard_of(**options):
    return SignInGuard(RateLimiter(trio.current_time, **options), trio.current_time)


async def guess(guard, address=ELSEWHERE, *, is_known=False, account="anna"):
    """Try a wrong password; tells what it was answered, and how long that took."""
    started = trio.current_time()
    try:
        lane = await guard.admit(account, address, is_known=is_known)
        guard.failed(lane)
    except RateLimited as refusal:
        return refusal.retry_after_s, trio.current_time() - started
    return 401, trio.current_time() - started


async def enter(guard, address, *, is_known):
    """Try the right password; tells how long it took."""
    started = trio.current_time()
    await guard.admit("anna", address, is_known=is_known)
    guard.succeeded("anna", address)
    return trio.current_time() - started


async def test_a_few_wrong_passwords_are_free(autojump_clock, guard):
    assert [await guess(guard) for _ in range(FREE_FAILURES)] == [(401, 0)] * FREE_FAILURES


async def test_beyond_them_strangers_are_slower_each_time(autojump_clock, guard):
    for _ in range(FREE_FAILURES):
        await guess(guard)

    waits = []
    while len(waits) < 9:
        told, _ = await guess(guard)
        waits.append(told)
        await trio.sleep(told)

    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == SLOW_MAX_S


async def test_a_day_of_guessing_by_strangers_gets_nowhere(autojump_clock, guard):
    looked_at = 0
    until = trio.current_time() + 86_400
    while trio.current_time() < until:
        try:
            lane = await guard.admit("anna", ELSEWHERE, is_known=False)
        except RateLimited as refusal:
            await trio.sleep(refusal.retry_after_s)
            continue
        looked_at += 1
        with pytest.raises(RateLimited) if looked_at > FREE_FAILURES else trio.CancelScope():
            guard.failed(lane)

    assert looked_at < 86_400 / SLOW_MAX_S + 2 * FREE_FAILURES


async def test_the_owner_is_not_locked_out_by_strangers(autojump_clock, guard):
    for _ in range(50):
        await guess(guard)

    assert await enter(guard, HOME, is_known=True) == 0


async def test_the_owner_is_not_locked_out_by_a_house_mate(autojump_clock, guard):
    for _ in range(50):
        told, _ = await guess(guard, HOME, is_known=True)
        assert told in (401, SLOW_KNOWN_MAX_S)

    assert await enter(guard, HOME, is_known=True) <= SLOW_KNOWN_MAX_S
    assert await guess(guard, HOME, is_known=True) == (401, 0)


async def test_a_stranger_with_the_right_password_waits_for_a_turn(autojump_clock, guard):
    for _ in range(FREE_FAILURES):
        await guess(guard)

    assert 0 < await enter(guard, ELSEWHERE, is_known=False) <= HOLD_S


async def test_many_at_once_get_one_turn_each(autojump_clock, guard):
    for _ in range(FREE_FAILURES + 1):
        await guess(guard)
    told = []

    async with trio.open_nursery() as nursery:

        async def once():
            told.append((await guess(guard))[0])

        for _ in range(100):
            nursery.start_soon(once)

    assert len(told) == 100
    assert 401 not in told
    assert trio.current_time() < 10


async def test_failures_are_forgiven_with_time(autojump_clock, guard):
    for _ in range(FREE_FAILURES):
        await guess(guard)

    await trio.sleep(901)

    assert [await guess(guard) for _ in range(FREE_FAILURES)] == [(401, 0)] * FREE_FAILURES


async def test_each_account_has_lanes_of_its_own(autojump_clock, guard):
    for _ in range(20):
        await guess(guard)

    assert await guess(guard, account="ben") == (401, 0)


async def test_addresses_of_one_network_are_one_place(autojump_clock, guard):
    for _ in range(FREE_FAILURES):
        await guess(guard, "2001:db8::1", is_known=True)

    assert (await guess(guard, "2001:db8::2", is_known=True))[0] != 401


@pytest.mark.parametrize("options", [{"enabled": False}, {"multiplier": 20}])
async def test_what_lifts_every_limit_lifts_this_one(autojump_clock, options):
    guard = guard_of(**options)

    assert [await guess(guard) for _ in range(90)] == [(401, 0)] * 90


async def test_the_lanes_are_bounded(autojump_clock, guard, monkeypatch):
    monkeypatch.setattr(sign_in_guard, "LANES_MAX", 3)

    for number in range(10):
        await guess(guard, account=str(number))
        guard.succeeded(str(number), HOME)

    assert len(guard) == 3


async def test_somebody_is_news_at_a_place_once_in_a_while(autojump_clock, guard):
    assert guard.succeeded("anna", HOME)
    assert not guard.succeeded("anna", HOME)
    assert guard.succeeded("ben", HOME)
    await trio.sleep(901)
    assert guard.succeeded("anna", HOME)
