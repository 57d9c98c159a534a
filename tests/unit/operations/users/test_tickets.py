"""A ticket opens one socket, once, soon."""

from __future__ import annotations

import pytest
from bountyexpo.domain.identity import Identity
from bountyexpo.operations.users.tickets import TicketStore

ANNA = Identity(user_id="anna", expires_at=0)


class Time:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


def test_a_ticket_is_good_once(time):
    store = TicketStore(time)
    ticket = store.issue(ANNA)

    assert store.redeem(ticket) is ANNA
    assert store.redeem(ticket) is None
    assert len(store) == 0


def test_a_ticket_is_good_for_thirty_seconds(time):
    store = TicketStore(time)
    early, late = store.issue(ANNA), store.issue(ANNA)

    time.now += 29.9
    assert store.redeem(early) is ANNA
    time.now += 0.1
    assert store.redeem(late) is None


def test_tickets_cannot_be_told_from_one_another(time):
    store = TicketStore(time)

    tickets = {store.issue(ANNA) for _ in range(100)}

    assert len(tickets) == 100
    assert all(len(ticket) >= 43 for ticket in tickets)


def test_the_store_is_bounded_and_forgets_what_is_over(time):
    store = TicketStore(time, tickets_max=3)
    first, *_rest = [store.issue(ANNA) for _ in range(4)]

    assert store.redeem(first) is None
    assert len(store) == 3
    time.now += 30
    store.issue(ANNA)
    assert len(store) == 1
