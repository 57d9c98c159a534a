"""The checks must see what they are for: loss, doubles, disorder."""

from __future__ import annotations

from bountyexpo.load.checks import MessageBook, StreamCheck, Verdict


def test_numbers_in_order_are_new() -> None:
    check = StreamCheck()

    assert [check.hear(seq) for seq in (1, 2, 3)] == [Verdict.NEW] * 3
    assert (check.place, check.has_hole) == (3, False)


def test_a_number_heard_twice_is_seen() -> None:
    check = StreamCheck()
    check.hear(1)

    assert check.hear(1) is Verdict.TWICE


def test_a_number_ahead_of_a_hole_heard_twice_is_seen() -> None:
    check = StreamCheck()
    check.hear(5)

    assert check.hear(5) is Verdict.TWICE


def test_an_event_up_to_the_head_it_began_with_is_no_double() -> None:
    check = StreamCheck(place=2)

    assert check.hear(2) is Verdict.KNOWN
    assert check.hear(3) is Verdict.NEW
    assert check.hear(3) is Verdict.TWICE


def test_a_replay_and_an_own_message_may_be_heard_again() -> None:
    check = StreamCheck()
    check.hear(1)

    assert check.hear(1, is_replay=True) is Verdict.KNOWN
    assert check.hear(1, is_own=True) is Verdict.KNOWN


def test_going_backwards_is_seen() -> None:
    check = StreamCheck()
    check.hear(2)

    assert check.hear(1) is Verdict.BACKWARDS


def test_a_new_connection_may_go_back_to_the_hole() -> None:
    check = StreamCheck()
    check.hear(2)
    check.reconnected()

    assert check.hear(1) is Verdict.NEW
    assert check.place == 2


def test_a_missing_number_leaves_a_hole() -> None:
    check = StreamCheck(place=10)
    check.hear(11)
    check.hear(13)

    assert (check.place, check.has_hole) == (11, True)


def test_an_own_number_fills_a_hole() -> None:
    check = StreamCheck()
    check.hear(2)
    check.own(1)

    assert (check.place, check.has_hole) == (2, False)


def test_a_message_that_went_all_the_way_is_settled() -> None:
    book = MessageBook()
    number = book.send(10.0)

    assert book.ack(number, 1, 10.5) == 0.5
    assert book.deliver(number, 1, 10.75) == 0.75
    assert (book.is_settled, book.lost, book.unanswered, book.faults) == (True, 0, 0, [])


def test_latency_counts_from_when_it_was_due_not_from_when_it_was_sent() -> None:
    book = MessageBook()
    late = book.send(due=10.0)

    assert book.deliver(late, 1, now=13.0) == 3.0


def test_an_acknowledged_message_that_never_arrives_is_lost() -> None:
    book = MessageBook()
    book.ack(book.send(0.0), 1, 0.1)

    assert (book.lost, book.unanswered, book.is_settled) == (1, 0, False)


def test_a_message_without_an_answer_is_not_called_lost() -> None:
    book = MessageBook()
    book.send(0.0)

    assert (book.lost, book.unanswered) == (0, 1)


def test_a_message_under_two_numbers_is_a_fault() -> None:
    book = MessageBook()
    number = book.send(0.0)
    book.ack(number, 1, 0.1)

    book.deliver(number, 2, 0.2)

    assert book.faults


def test_a_double_after_the_end_is_still_a_fault() -> None:
    book = MessageBook()
    number = book.send(0.0)
    book.ack(number, 1, 0.1)
    book.deliver(number, 1, 0.2)

    assert book.deliver(number, 7, 0.3) is None
    assert book.faults


def test_a_repeated_ack_with_the_same_number_is_harmless() -> None:
    book = MessageBook()
    number = book.send(0.0)
    book.ack(number, 4, 0.1)

    assert book.ack(number, 4, 0.2) is None
    assert not book.faults


def test_a_refused_message_that_arrives_is_a_fault() -> None:
    book = MessageBook()
    number = book.send(0.0)
    book.refuse(number)

    book.deliver(number, 1, 0.1)

    assert book.is_settled
    assert book.faults
