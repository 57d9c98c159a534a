"""What one client has heard of the numbered streams."""

from __future__ import annotations

from typing import Any

import msgspec
from bountyexpo.load.client.stream_log import StreamLog
from hypothesis import given
from hypothesis import strategies as st


def event(seq: int, stream: str = "conv:A", **more: Any) -> dict[str, Any]:
    return {"type": "message.new", "stream": stream, "seq": seq, "epoch": "e1", **more}


def seqs(log: StreamLog) -> list[int]:
    return [frame["seq"] for frame in log.events]


def test_events_in_order_are_taken_at_once() -> None:
    log = StreamLog()

    missing = [log.hear(event(seq)) for seq in (1, 2, 3)]

    assert missing == [False, False, False]
    assert seqs(log) == [1, 2, 3]


def test_an_event_after_a_hole_waits_for_what_lies_between() -> None:
    log = StreamLog()

    assert log.hear(event(2))
    assert seqs(log) == []

    assert not log.hear(event(1, replay=True))
    assert seqs(log) == [1, 2]


def test_a_live_repeat_is_a_fault() -> None:
    log = StreamLog()

    log.hear(event(1))
    log.hear(event(1))

    assert seqs(log) == [1]
    assert log.faults == ["conv:A gave number 1 (message.new) twice"]


def test_a_replayed_repeat_is_none() -> None:
    log = StreamLog()

    log.hear(event(1))
    log.hear(event(1, replay=True))

    assert seqs(log) == [1]
    assert log.faults == []


def test_an_ack_fills_the_place_of_ones_own_message() -> None:
    log = StreamLog()

    log.hear(event(1))
    log.hear_own("conv:A", 2, event(2))
    log.hear(event(3))

    assert seqs(log) == [1, 2, 3]


def test_the_echo_of_ones_own_message_is_no_repeat() -> None:
    log = StreamLog()

    log.hear_own("conv:A", 1, event(1))
    log.hear(event(1))

    assert seqs(log) == [1]
    assert log.faults == []


def test_an_ack_that_comes_after_the_answer_still_goes_before_it() -> None:
    log = StreamLog()

    assert log.hear(event(2))
    log.hear_own("conv:A", 1, event(1))

    assert seqs(log) == [1, 2]


def test_an_event_without_a_number_is_taken_as_it_is() -> None:
    log = StreamLog()

    assert not log.hear({"type": "typing.start", "conversationId": "A"})
    assert log.known() == {}


def test_a_new_numbering_is_a_fault() -> None:
    log = StreamLog()

    log.hear(event(1))
    log.hear({**event(1), "epoch": "e2"})

    assert log.faults == ["conv:A was numbered anew (e1 became e2)"]


def test_a_hole_left_by_a_whole_replay_is_a_fault() -> None:
    log = StreamLog()
    log.hear(event(1))
    log.hear(event(4))

    log.replayed("conv:A")

    assert seqs(log) == [1, 4]
    assert log.faults == ["conv:A has nothing from 2 to 3"]


def test_a_head_beyond_ones_place_means_something_is_missing() -> None:
    log = StreamLog()
    log.hear(event(1))

    assert not log.is_behind("conv:A", {"seq": 1, "epoch": "e1"})
    assert log.is_behind("conv:A", {"seq": 2, "epoch": "e1"})
    assert log.is_behind("user:u", {"seq": 1, "epoch": "e9"})


def test_a_stored_log_goes_on_where_it_was() -> None:
    log = StreamLog()
    log.hear(event(1))
    log.hear_own("conv:A", 2, event(2))
    log.hear(event(4))

    again = msgspec.json.decode(msgspec.json.encode(log), type=StreamLog)
    again.hear(event(3))

    assert again.known() == {"conv:A": {"seq": 4, "epoch": "e1"}}
    assert seqs(again) == [1, 2, 3, 4]


@given(st.permutations(range(1, 9)), st.sets(st.integers(1, 8)))
def test_any_arrival_order_is_heard_in_the_order_of_the_numbers(
    arrivals: list[int], own: set[int]
) -> None:
    log = StreamLog()

    for seq in arrivals:
        if seq in own:
            log.hear_own("conv:A", seq, event(seq))
        else:
            log.hear(event(seq))

    assert seqs(log) == list(range(1, 9))
    assert log.faults == []
