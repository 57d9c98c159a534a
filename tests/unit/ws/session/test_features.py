"""A feature is a file of its own: what it brings, what it is told, and how far its faults go."""

from __future__ import annotations

import pytest
import structlog
import trio
from bountyexpo.errors import Conflict
from bountyexpo.observability import logs
from bountyexpo.ws.session.feature import Features, SessionFeature
from bountyexpo.ws.v1.frame_handlers import FrameHandlers

from tests.unit.ws.session.session_fakes import World, declare_operations

HOOKS = ("attached", "opened", "resumed", "detached", "ended")


class Diary(SessionFeature):
    """Writes down what it is told, and fails where the test wishes."""

    capabilities = ("diary",)

    def __init__(self):
        self.frames = {"diary.read": self._read, "diary.burn": self._burn}
        self.told = []
        self.fails_at = ""
        self.failure = RuntimeError("burnt")
        self.crash = trio.Event()

    def attached(self, session):
        self._note("attached", session)

    def opened(self, session):
        self._note("opened", session)

    def resumed(self, session):
        self._note("resumed", session)

    def detached(self, session):
        self._note("detached", session)

    def ended(self, session):
        self._note("ended", session)

    async def run(self):
        await self.crash.wait()
        self.crash = trio.Event()
        raise self.failure

    def hooks(self, user_id="anna"):
        return [hook for hook, of in self.told if of == user_id]

    def _note(self, hook, session):
        self.told.append((hook, session.user_id))
        if hook == self.fails_at:
            raise self.failure

    async def _read(self, session, envelope, _frame):
        is_able = "diary" in session.capabilities
        session.reply(envelope, {"hooks": self.hooks(session.user_id), "isAble": is_able})

    async def _burn(self, session, envelope, frame):
        raise self.failure


@pytest.fixture(autouse=True)
def _restore():
    yield
    structlog.reset_defaults()


@pytest.fixture
def diary():
    return Diary()


@pytest.fixture
async def world(diary):
    async with World(features=[diary]) as world:
        declare_operations(world)
        yield world


async def come_back(world, lost):
    socket = world.connect()
    resume = {"sid": lost.frames[0]["sid"], "n": 0}
    socket.say(type="hello", v=1, token="anna", resume=resume)
    await socket.until(lambda: "welcome" in socket.types() or not socket.is_open)
    await trio.testing.wait_all_tasks_blocked()
    return socket


async def test_a_feature_brings_frames_and_capabilities(autojump_clock, world):
    anna, ben = await world.open("anna", caps=["diary", "echo"]), await world.open("ben")

    for each in (anna, ben):
        each.say(type="diary.read", id="r")

    assert (await anna.reply_to("r"))["isAble"] is True
    reply = await ben.reply_to("r")
    assert (reply["isAble"], reply["hooks"]) == (False, ["attached", "opened"])
    assert anna.handler.session.capabilities == {"diary"}
    assert ben.handler.session.capabilities == frozenset()


async def test_a_feature_is_told_of_a_whole_life(autojump_clock, world, diary):
    anna = await world.open("anna", caps=["resume"])
    anna.close(1006)
    assert diary.hooks() == ["attached", "opened", "detached"]

    back = await come_back(world, anna)
    assert diary.hooks()[3:] == ["attached", "resumed"]
    back.close(1000)

    assert diary.hooks()[5:] == ["detached", "ended"]


async def test_a_session_that_waits_in_vain_is_over(autojump_clock, world, diary):
    (await world.open("anna", caps=["resume"])).close(1006)

    await trio.sleep(121)

    assert diary.hooks() == ["attached", "opened", "detached", "ended"]


async def test_a_takeover_of_a_live_socket_is_a_loss_and_a_return(autojump_clock, world, diary):
    await come_back(world, await world.open("anna", caps=["resume"]))

    assert diary.hooks() == ["attached", "opened", "detached", "attached", "resumed"]


async def test_who_is_refused_was_never_opened(autojump_clock, world, diary):
    world.authority.lets_in["anna"] = 1
    anna = world.connect()
    anna.say(type="hello", v=1, token="anna")
    await anna.closed()

    assert diary.hooks() == ["attached", "detached", "ended"]
    assert not world.hub.users


async def test_a_resume_that_fails_is_not_told_as_one(autojump_clock, world, diary):
    anna = await world.open("anna", caps=["resume"])
    anna.close(1006)
    world.authority.lets_in["anna"] = 1

    await come_back(world, anna)

    assert diary.hooks()[3:] == ["attached", "detached", "ended"]


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_hook_that_fails_is_logged_and_stops_nobody(
    autojump_clock, world, diary, hook, capsys
):
    logs.configure("INFO")
    diary.fails_at = hook
    ben = await world.open("ben")
    ben.say(type="presence.subscribe", id="p", userIds=["ben"])
    anna = await world.open("anna", caps=["resume"])
    anna.close(1006)
    back = await come_back(world, anna)
    back.say(type="call", id="c", op="clock.now")

    assert (await back.reply_to("c"))["ok"] is True
    assert ben.is_open
    back.close(1000)
    assert set(world.hub.users) == {"ben"}
    assert not world.resumable.waiting
    assert world.presence.state_of("anna") == "online"
    await trio.sleep(31)
    assert world.presence.state_of("anna") == "offline"
    assert set(HOOKS) == set(diary.hooks())
    assert f'"hook":"Diary.{hook}"' in capsys.readouterr().err.replace('": "', '":"')


async def test_a_frame_that_fails_ends_that_socket_only(autojump_clock, world):
    anna, ben = await world.open("anna"), await world.open("ben")

    anna.say(type="diary.burn")
    assert await anna.closed() == 1011
    ben.say(type="diary.read", id="r")

    assert (await ben.reply_to("r"))["ok"] is True


async def test_a_frame_that_is_refused_ends_nothing(autojump_clock, world, diary):
    anna = await world.open("anna")
    diary.failure = Conflict("It is burnt already.")

    anna.say(type="diary.burn", id="b")

    assert (await anna.reply_to("b"))["message"] == "It is burnt already."
    assert anna.is_open


async def test_a_feature_that_crashes_costs_no_socket_at_rest(autojump_clock, world, diary):
    anna = await world.open("anna")
    diary.crash.set()

    await world.revive_gateway()
    anna.say(type="call", id="c", op="clock.now")

    assert (await anna.reply_to("c"))["ok"] is True
    assert [str(each) for each in world.crashes[0].exceptions] == ["burnt"]


def test_two_features_with_one_frame_are_a_mistake():
    with pytest.raises(AssertionError, match="diary"):
        Features(Diary(), Diary())


def test_a_feature_takes_no_frame_of_the_protocol():
    diary = Diary()
    diary.frames = {"sync": diary._read}

    with pytest.raises(AssertionError, match="sync"):
        FrameHandlers(Features(diary).frames)
