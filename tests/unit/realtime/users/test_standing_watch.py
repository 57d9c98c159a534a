"""Whoever may not be here any more is parted with, as soon as that can be told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio
from bountyexpo.errors import AccountClosed, SessionRevoked, Unavailable
from bountyexpo.realtime.users.standing_watch import SWEEP_S, StandingWatch


class Listener:
    """A session that can be parted with."""

    def __init__(self, world, name):
        self.user_id = self.identity = name
        self.world = world
        self.closed = trio.Event()
        self.told = None
        world.hub.users[name] = (*world.hub.users.get(name, ()), self)

    def disconnect(self, code, reason):
        self.told = (code, reason)
        self.closed.set()


class World:
    """Who has changed, and how each is judged."""

    def __init__(self):
        self.hub = SimpleNamespace(users={})
        self.verdicts = {}
        self.judged = []
        self.is_hearing = True
        self.send, self._changes = trio.open_memory_channel(10)

    async def wait_changed(self):
        return await self._changes.receive()

    async def admit(self, identity):
        self.judged.append(identity)
        await trio.lowlevel.checkpoint()
        verdicts = self.verdicts.get(identity, [])
        if verdicts:
            raise verdicts.pop(0) if len(verdicts) > 1 else verdicts[0]
        return identity


@pytest.fixture
async def world(nursery):
    found = World()
    await nursery.start(StandingWatch(found.hub, found, found).run)
    return found


@pytest.mark.parametrize(
    ("refusal", "told"),
    [(AccountClosed(), (4403, "account closed")), (SessionRevoked(), (4410, "signed out"))],
)
async def test_every_session_of_whoever_changed_is_judged(autojump_clock, world, refusal, told):
    phone, tablet, other = (Listener(world, name) for name in ("anna", "anna", "ben"))
    world.verdicts["anna"] = [refusal]

    await world.send.send(["anna", "away"])
    await phone.closed.wait()
    await tablet.closed.wait()

    assert phone.told == tablet.told == told
    assert other.told is None
    assert world.judged == ["anna", "anna"]


async def test_everybody_is_judged_when_changes_were_missed(autojump_clock, world):
    for name in ("anna", "ben"):
        Listener(world, name)

    await world.send.send(None)
    await trio.sleep(1)

    assert sorted(world.judged) == ["anna", "ben"]


async def test_everybody_is_judged_now_and_then_while_nothing_is_heard(autojump_clock, world):
    anna = Listener(world, "anna")
    await trio.sleep(3 * SWEEP_S)
    assert not world.judged

    world.is_hearing = False
    world.verdicts["anna"] = [AccountClosed()]
    await anna.closed.wait()


async def test_who_cannot_be_judged_is_judged_again(autojump_clock, world):
    anna = Listener(world, "anna")
    world.verdicts["anna"] = [Unavailable(), RuntimeError(), Unavailable(), SessionRevoked()]

    await world.send.send(["anna"])
    await trio.sleep(2)
    await world.send.send(["anna"])
    await anna.closed.wait()

    assert anna.told == (4410, "signed out")
