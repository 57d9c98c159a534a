"""Places of connections: counted by the network of a host, given back once, bounded."""

from __future__ import annotations

import pytest
from bountyexpo.edge.seats import PER_ADDRESS_MAX, Seats
from bountyexpo.errors import RateLimited, Unavailable


def busy(seats, address):
    seat = seats.take(address)
    seat.work()
    return seat


def refused(seats, address):
    try:
        seats.leave(seats.take(address))
    except RateLimited:
        return True
    return False


def test_an_address_has_a_quarter_and_no_more_than_the_most():
    assert Seats(16, lambda: 0).per_address == 4
    assert Seats(1, lambda: 0).per_address == 1
    assert Seats(1_000_000, lambda: 0).per_address == PER_ADDRESS_MAX


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
    ],
)
def test_a_host_is_counted_by_its_network(first, second, is_one):
    seats = Seats(4, lambda: 0)
    busy(seats, first)
    assert refused(seats, second) is is_one


def test_a_free_address_has_any_number():
    seats = Seats(8, lambda: 0, is_free=lambda address: address == "192.0.2.1")
    for _ in range(8):
        busy(seats, "192.0.2.1")
    with pytest.raises(Unavailable):
        seats.take("192.0.2.1")


def test_sockets_without_a_task_take_places_as_well():
    others = 0
    seats = Seats(8, lambda: others)
    busy(seats, "192.0.2.1")
    others = 7
    with pytest.raises(Unavailable):
        seats.take("192.0.2.2")


def test_a_place_is_given_back_once():
    seats = Seats(4, lambda: 0, idle_min_s=0)
    lost = seats.take("192.0.2.1")
    kept = seats.take("192.0.2.1")
    assert (lost.is_lost, lost.scope.cancel_called, len(seats)) == (True, True, 1)
    # What it says afterwards changes nothing.
    lost.rest()
    lost.work()
    seats.leave(lost)
    assert len(seats) == 1
    kept.work()
    assert refused(seats, "192.0.2.1")
    seats.leave(kept)
    assert len(seats) == 0
    assert not refused(seats, "192.0.2.1")


async def test_nothing_is_kept_of_who_has_gone():
    seats = Seats(8, lambda: 0)
    for number in range(100):
        seats.leave(seats.take(f"192.0.2.{number}"))
    assert not seats._taken
    assert not seats._idle_of
    assert not seats._idle
