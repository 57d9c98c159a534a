"""What a writer is told leaves in that order: at once, gathered, or when the kernel has room."""

from __future__ import annotations

import pytest
from bountyexpo.ws.transport.limits import Limits
from bountyexpo.ws.transport.writer import Writer


class Kernel:
    """A socket that takes ``room`` bytes, and the driver that watches it."""

    limits = Limits(queue_frames_max=4, queue_bytes_max=100)
    now = 5.0

    def __init__(self, room=1000):
        self.room = room
        self.writes = []
        self.watched = []
        self.is_broken = False
        self.is_shut = False

    @property
    def taken(self):
        return b"".join(self.writes)

    def fileno(self):
        return 7

    def send(self, data):
        if self.is_broken:
            raise BrokenPipeError
        if not self.room:
            raise BlockingIOError
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.writes.append(taken)
        return len(taken)

    def sendmsg(self, buffers):
        return self.send(b"".join(buffers))

    def shutdown(self, _how):
        self.is_shut = True

    def watch_writable(self, fd, *, wanted):
        self.watched.append((fd, wanted))

    def current_time(self):
        return self.now


def blocked(room=0):
    kernel = Kernel(room)
    writer = Writer(kernel, kernel)
    assert writer.put(b"0123456789")
    return kernel, writer


def test_a_frame_goes_straight_to_the_kernel():
    kernel = Kernel()
    writer = Writer(kernel, kernel)

    assert writer.put(b"one")
    assert writer.put(b"two", ephemeral=True)

    assert kernel.writes == [b"one", b"two"]
    assert writer.queue is None
    assert not kernel.watched


def test_corked_frames_leave_in_one_write():
    kernel = Kernel()
    writer = Writer(kernel, kernel)

    writer.cork()
    assert writer.put(b"one")
    assert writer.put(b"two")
    assert not kernel.writes
    writer.uncork()
    assert writer.put(b"three")

    assert kernel.writes == [b"onetwo", b"three"]


def test_a_cork_without_frames_writes_nothing():
    kernel = Kernel()
    writer = Writer(kernel, kernel)

    writer.cork()
    writer.uncork()

    assert not kernel.writes


@pytest.mark.parametrize("room", [0, 1, 9])
def test_what_the_kernel_does_not_take_waits_and_the_rest_behind_it(room):
    kernel, writer = blocked(room)

    assert writer.put(b"next")
    assert kernel.taken == b"0123456789"[:room]
    assert writer.queue.size == 14 - room
    assert kernel.watched == [(7, True)]

    kernel.room = 1000
    emptied = writer.flush()

    assert kernel.taken == b"0123456789next"
    assert emptied is not None
    assert writer.queue is None
    assert kernel.watched == [(7, True), (7, False)]


def test_a_flush_that_does_not_empty_the_queue_keeps_it():
    kernel, writer = blocked()

    kernel.room = 4
    assert writer.flush() is None
    assert writer.queue.size == 6
    assert kernel.watched == [(7, True)]


def test_there_is_nothing_to_flush_where_nothing_waits():
    kernel = Kernel()

    assert Writer(kernel, kernel).flush() is None
    assert not kernel.watched


def test_a_full_queue_drops_frames_and_over_half_already_passing_ones():
    _, writer = blocked()

    assert writer.put(b"b", ephemeral=True)
    assert writer.put(b"c")
    assert not writer.put(b"d", ephemeral=True)
    assert writer.put(b"e")
    assert not writer.put(b"f")


def test_the_last_frame_goes_behind_all_others_and_always_fits():
    kernel, writer = blocked()
    while writer.put(b"x"):
        pass

    writer.put_last(b"bye")
    kernel.room = 1000
    writer.flush()

    assert kernel.taken == b"0123456789xxxbye"


def test_the_last_frame_ends_the_gathering():
    kernel = Kernel()
    writer = Writer(kernel, kernel)

    writer.cork()
    writer.put(b"said")
    writer.put_last(b"bye")

    assert kernel.taken == b"saidbye"


def test_of_pongs_without_room_the_last_one_is_kept():
    kernel, writer = blocked()

    writer.keep_pong(b"first")
    writer.keep_pong(b"last")
    kernel.room = 1000

    assert writer.flush().late_pong == b"last"


@pytest.mark.parametrize(
    "write",
    [
        lambda writer: writer.put(b"x"),
        lambda writer: writer.put_last(b"x"),
        lambda writer: (writer.cork(), writer.put(b"x"), writer.uncork()),
    ],
)
def test_a_broken_socket_is_told_to_whoever_writes(write):
    kernel = Kernel()
    kernel.is_broken = True

    with pytest.raises(BrokenPipeError):
        write(Writer(kernel, kernel))


def test_a_socket_that_breaks_while_something_waits_is_told_by_flush():
    kernel, writer = blocked()
    kernel.is_broken = True

    with pytest.raises(BrokenPipeError):
        writer.flush()


def test_what_is_dropped_is_never_sent():
    kernel, writer = blocked()

    writer.cork()
    writer.drop()
    writer.uncork()
    kernel.room = 1000
    writer.flush()

    assert not kernel.writes


def test_shutting_says_that_nothing_follows():
    kernel = Kernel()

    Writer(kernel, kernel).shut()

    assert kernel.is_shut
