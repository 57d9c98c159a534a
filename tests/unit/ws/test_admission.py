"""How often an address and a user may connect, and who is exempt."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
import trio
from bountyexpo.errors import RateLimited
from bountyexpo.operations.rate_limits import RateLimiter
from bountyexpo.ws.admission import Admission
from bountyexpo.ws.session.limits import SessionLimits

from tests.unit.ws.session.session_fakes import World

HERE = "192.0.2.1"


class Time:
    now = 1000.0

    def __call__(self):
        return self.now


def admission(time=None, **options):
    limiter = RateLimiter(time or Time(), **options)
    return Admission(limiter, sockets_per_address=5, anonymous_per_address=2)


def upgrades(subject, address=HERE, most=10_000):
    for count in range(most):
        try:
            subject.check_upgrade(address)
        except RateLimited:
            return count
    return most


def test_an_address_connects_3000_times_a_minute():
    time = Time()
    subject = admission(time)

    assert upgrades(subject) == 3000
    assert upgrades(subject, "192.0.2.2") == 3000
    time.now += 1
    assert upgrades(subject) == 50


def test_an_address_over_its_rates_is_refused_before_its_handshake():
    time = Time()
    subject = admission(time)

    for _ in range(100):
        subject.check_address(HERE)
    assert upgrades(subject) == 3000
    with pytest.raises(RateLimited):
        subject.check_address(HERE)
    time.now += 1
    subject.check_address(HERE)
    assert upgrades(subject) == 50


def test_an_address_that_failed_too_often_is_refused_before_its_handshake():
    subject = admission()

    for _ in range(60):
        subject.note_failure(HERE)

    with pytest.raises(RateLimited):
        subject.check_address(HERE)
    subject.check_address("192.0.2.2")


def test_an_address_holds_so_many_sockets():
    subject = admission()
    for _ in range(5):
        subject.opened(HERE)

    with pytest.raises(RateLimited) as refusal:
        subject.check_upgrade(HERE)
    subject.closed(HERE)
    subject.check_upgrade(HERE)

    assert refusal.value.retry_after_s == 10


def test_anonymous_listeners_of_an_address_are_fewer():
    subject = admission()
    for _ in range(2):
        subject.opened(HERE, is_anonymous=True)

    with pytest.raises(RateLimited):
        subject.check_upgrade(HERE, is_anonymous=True)
    subject.check_upgrade(HERE)
    subject.closed(HERE, is_anonymous=True)
    subject.check_upgrade(HERE, is_anonymous=True)


def test_sixty_failures_a_minute_shut_an_address_out():
    time = Time()
    subject = admission(time)
    for _ in range(70):
        subject.note_failure(HERE)

    assert upgrades(subject) == 0
    with pytest.raises(RateLimited):
        subject.check_hello(HERE)
    time.now += 1
    subject.check_hello(HERE)


@pytest.mark.parametrize("options", [{"enabled": False}, {"allowed": [ip_network("192.0.2.0/24")]}])
def test_limits_are_lifted_for_load_tests(options):
    subject = admission(**options)
    for _ in range(100):
        subject.opened(HERE, is_anonymous=True)
        subject.note_failure(HERE)
        subject.take_hello("anna", HERE)

    assert upgrades(subject) == 10_000
    subject.check_upgrade(HERE, is_anonymous=True)
    subject.check_hello(HERE)


async def test_the_eleventh_hello_in_a_minute_is_refused(autojump_clock):
    async with World(limiter=RateLimiter(trio.current_time)) as world:
        for _ in range(10):
            (await world.open("anna")).close(1000)
        connection = world.connect()
        connection.say(type="hello", v=1, token="anna")

        assert await connection.closed() == 4429
        assert connection.frames[-1]["code"] == "RATE_LIMITED"
        assert connection.frames[-1]["retryAfterMs"] > 0
        await world.open("ben")
        await trio.sleep(6)
        await world.open("anna")


async def test_failed_hellos_are_counted_by_address(autojump_clock):
    async with World(limiter=RateLimiter(trio.current_time)) as world:
        codes = []
        for _ in range(61):
            connection = world.connect()
            connection.say(type="hello", v=1, token="bad")
            codes.append(await connection.closed())

        assert codes == [4401] * 60 + [4429]


async def test_an_exempt_address_has_no_frame_limit(autojump_clock):
    limiter = RateLimiter(trio.current_time, allowed=[ip_network("192.0.2.0/24")])
    async with World(limits=SessionLimits(), limiter=limiter) as world:
        anna = await world.open("anna")

        for _ in range(1000):
            anna.say(type="ping")

        assert anna.types().count("pong") == 1000


async def test_every_socket_is_counted_back(autojump_clock):
    async with World() as world:
        for code in (1000, 1006, 4410):
            anna = await world.open("anna", caps=["resume"])
            resume = {"sid": anna.frames[0]["sid"], "n": 0}
            anna.close(1006)
            back = world.connect()
            back.say(type="hello", v=1, token="anna", resume=resume)
            await back.until(lambda socket=back: "resumed" in socket.types())
            assert world.admission._sockets == {HERE: 1}
            back.close(code)
            await trio.sleep(200)
            assert not world.admission._sockets


async def test_a_ticket_signs_in_once(autojump_clock):
    async with World() as world:
        world.tickets["t1"] = await world.verifier.verify("anna")

        first = world.connect(query={"ticket": "t1"})
        first.say(type="hello", v=1)
        await first.until(lambda: "welcome" in first.types())
        second = world.connect(query={"ticket": "t1"})
        second.say(type="hello", v=1, token="anna")

        assert first.frames[0]["userId"] == "anna"
        assert await second.closed() == 4401


async def test_authenticate_opens_a_socket_too(autojump_clock):
    async with World() as world:
        connection = world.connect()
        connection.say(type="authenticate", token="anna")
        await connection.until(lambda: "welcome" in connection.types())

        assert connection.frames[0]["userId"] == "anna"


def test_a_frame_costs_by_what_it_names():
    subject = admission()
    for names in (0, 49, 50, 100, 499):
        subject.take_subscription("u", HERE, names=names)
    # 1 + 1 + 2 + 3 + 10 of 20.
    for _ in range(3):
        subject.take_subscription("u", HERE)
    with pytest.raises(RateLimited):
        subject.take_subscription("u", HERE)


def test_a_hello_costs_by_what_it_names():
    subject = admission()
    for _ in range(2):
        subject.take_hello("u", HERE, names=500)
    with pytest.raises(RateLimited):
        subject.take_hello("u", HERE, names=500)
    for _ in range(7):
        subject.take_hello("u", HERE, names=49)
