"""What waits behind a replay, what a replay has sent already, and what is kept for a resume."""

from __future__ import annotations

from bountyexpo.ws.session import passing, replay_buffer
from bountyexpo.ws.session.buffering import Buffered, Watermarks
from bountyexpo.ws.session.passing import Passing
from bountyexpo.ws.session.replay_buffer import Entry, ReplayBuffer


def test_buffered_events_are_those_of_its_streams():
    some, everything = (
        Buffered(streams, frames_max=9, bytes_max=99) for streams in ({"conv:c"}, None)
    )

    assert [some.covers(each) for each in ("conv:c", "conv:d")] == [True, False]
    assert everything.covers("conv:d")


def test_buffered_events_are_bounded_in_frames_and_bytes():
    few = Buffered(None, frames_max=2, bytes_max=99)
    small = Buffered(None, frames_max=9, bytes_max=5)

    assert [few.add("s", seq, b"x") for seq in (1, 2, 3)] == [True, True, False]
    assert [small.add("s", seq, b"xxx") for seq in (1, 2)] == [True, False]
    assert few.take() == [("s", 1, b"x"), ("s", 2, b"x")]
    assert not few


def test_what_a_replay_has_sent_does_not_pass():
    marks = Watermarks({"conv:c": 3}, until=60.0)

    assert [marks.passes("conv:c", seq) for seq in (2, 3)] == [False, False]
    assert marks.passes("conv:d", 1)
    assert marks
    assert marks.passes("conv:c", 4)
    assert not marks


def test_the_last_passing_frames_wait_and_are_few():
    kept = Passing(streams_max=2)
    for number in range(passing.LATEST_MAX + 1):
        kept.keep_latest(("typing", number), b"%d" % number)
    kept.keep_latest(("typing", 5), b"again")

    waiting = kept.take_latest()

    assert len(waiting) == passing.LATEST_MAX
    assert (waiting[0], waiting[-1]) == (b"1", b"again")
    assert kept.take_latest() == []


def test_what_concerned_a_lost_socket_is_forgotten_but_not_what_it_did_not_hear():
    kept = Passing(streams_max=2)
    assert [kept.mute(each) for each in ("a", "b", "b", "c")] == [True, True, True, False]
    for each in ("a", "b", "c"):
        kept.note_unheard(each)

    kept.forget_socket()

    assert kept.muted == set()
    assert kept.unheard == {"a", "b"}


def filled(count, *, size=1, at=0.0):
    buffer = ReplayBuffer()
    for n in range(1, count + 1):
        buffer.append(Entry(n, at, b"x" * size, is_replay=False))
    return buffer


def test_a_buffer_knows_what_it_still_has():
    buffer = filled(replay_buffer.BUFFER_FRAMES_MAX + 3)
    last = replay_buffer.BUFFER_FRAMES_MAX + 3

    assert len(buffer) == replay_buffer.BUFFER_FRAMES_MAX
    assert buffer.after(2, last) is None
    assert [each.n for each in buffer.after(last - 2, last)] == [last - 1, last]
    assert buffer.after(last, last) == []
    assert buffer.after(last + 1, last) is None


def test_a_buffer_is_bounded_in_bytes_and_in_age():
    large = filled(3, size=replay_buffer.BUFFER_BYTES_MAX // 2)
    old = filled(3)
    old.trim(replay_buffer.BUFFER_AGE_S)
    kept = len(old)
    old.trim(replay_buffer.BUFFER_AGE_S + 1)

    assert len(large) == 1
    assert large.size <= replay_buffer.BUFFER_BYTES_MAX
    assert (kept, len(old), old.size) == (3, 0, 0)
