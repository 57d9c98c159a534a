"""Typing is told at most every two seconds and always ends (G10)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio
from bountyexpo.actors.chat.typing_notices import TypingNotices


class Room:
    """A conversation on a mock clock: timers come back as messages, and all is written down."""

    def __init__(self, nursery):
        self.told = []
        self._nursery = nursery
        self.notices = TypingNotices(self, self.tell)

    def tell(self, user_id, is_typing):
        self.told.append((round(trio.current_time() - self.began, 1), user_id, is_typing))

    def tell_self_after(self, seconds, message):
        scope = trio.CancelScope()

        async def wait():
            with scope:
                await trio.sleep(seconds)
                self.notices.end(message.user_id)

        self._nursery.start_soon(wait)
        return SimpleNamespace(cancel=scope.cancel)


@pytest.fixture
async def room():
    async with trio.open_nursery() as nursery:
        room = Room(nursery)
        room.began = trio.current_time()
        yield room
        nursery.cancel_scope.cancel()


async def test_silence_ends_it_after_five_seconds(room, autojump_clock):
    room.notices.start("anna")
    await trio.sleep(10)

    assert room.told == [(0, "anna", True), (5, "anna", False)]
    assert not room.notices


async def test_starts_are_told_every_two_seconds_and_put_off_the_end(room, autojump_clock):
    for _ in range(9):
        room.notices.start("anna")
        await trio.sleep(0.5)
    await trio.sleep(10)

    assert room.told == [
        (0, "anna", True),
        (2, "anna", True),
        (4, "anna", True),
        (9, "anna", False),
    ]


async def test_a_stop_is_told_once_and_at_once(room, autojump_clock):
    room.notices.start("anna")
    await trio.sleep(1)
    room.notices.stop("anna")
    room.notices.stop("anna")
    room.notices.start("anna")
    await trio.sleep(10)

    assert room.told == [(0, "anna", True), (1, "anna", False)]


async def test_people_type_independently(room, autojump_clock):
    room.notices.start("anna")
    await trio.sleep(1)
    room.notices.start("ben")
    room.notices.drop("anna")
    await trio.sleep(10)

    assert room.told == [(0, "anna", True), (1, "ben", True), (6, "ben", False)]


async def test_an_owner_that_forgot_who_types_still_ends_it(room, autojump_clock):
    room.notices.end("anna")

    assert room.told == [(0, "anna", False)]
