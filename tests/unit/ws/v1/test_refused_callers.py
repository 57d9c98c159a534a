"""Every frame of an open socket: whoever may not act any more is refused, whatever they say."""

from __future__ import annotations

import msgspec
import pytest
from bountyexpo.domain.identity import Identity
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.ws.v1.frame_handlers import HANDLERS
from bountyexpo.ws.v1.reference import FRAMES

from tests.unit.ws.session.session_fakes import World, declare_operations

areas.declare()

# What is answered where it arrives, and does nothing.
SIGNS_OF_LIFE = {"ping", "pong"}
OF_OPERATIONS = {each.frame for each in CATALOGUE.all() if each.frame is not None}
OF_PROTOCOL = {name for frame in FRAMES.client for name in frame.types}
NAMES = sorted((OF_PROTOCOL | set(HANDLERS) | OF_OPERATIONS | {"odd"}) - SIGNS_OF_LIFE - {"hello"})


@pytest.fixture
async def world():
    async with World() as found:
        declare_operations(found)
        yield found


def banned(world, _session):
    world.authority.status["anna"] = "banned"


def signed_out(world, session):
    session.identity = msgspec.structs.replace(session.identity, session_id="one")
    world.authority.ended.add("one")


@pytest.mark.parametrize(("end", "code"), [(banned, 4403), (signed_out, 4410)])
@pytest.mark.parametrize("name", NAMES)
async def test_a_frame_of_whoever_may_not_act_does_nothing(autojump_clock, world, name, end, code):
    anna = await world.open("anna")
    end(world, anna.handler.session)
    world.database.reads.clear()

    anna.say(type=name, id="x", op="clock.now", token="anna", clientMsgId="k")

    assert await anna.closed() == code
    assert not world.calls
    assert not world.database.reads
    (refusal,) = [frame for frame in anna.frames if frame["type"] == "error"]
    assert refusal["re"] == "x"
    assert refusal["code"] == {4403: "ACCOUNT_SUSPENDED", 4410: "SESSION_REVOKED"}[code]


async def test_the_frames_of_features_are_among_them(world):
    assert world.context.features.frames.keys() <= set(NAMES)


@pytest.mark.parametrize(("end", "code"), [("banned", 4403), ("ended", 4410)])
@pytest.mark.parametrize("way", ["token", "ticket"])
async def test_a_hello_of_whoever_may_not_act_is_refused(autojump_clock, world, way, end, code):
    identity = Identity(user_id="anna", expires_at=2**40, session_id="one")
    world.tickets["t"] = identity
    world.verifier.identities["anna"] = identity
    if end == "banned":
        world.authority.status["anna"] = "banned"
    else:
        world.authority.ended.add("one")
    given = {"token": "anna"} if way == "token" else {}
    anna = world.connect(query={"ticket": "t"} if way == "ticket" else {})

    anna.say(type="hello", v=1, **given)

    assert await anna.closed() == code
    assert not world.hub.users


async def test_a_withdrawn_role_counts_from_the_next_frame_on(autojump_clock, world):
    anna = await world.open("anna")
    anna.handler.session.identity = msgspec.structs.replace(
        anna.handler.session.identity, is_admin=True
    )

    for number, expected in enumerate((True, False, True)):
        world.authority.roles["anna"] = "admin" if expected else "user"
        anna.say(type="call", id=f"c{number}", op="clock.now")
        await anna.reply_to(f"c{number}")
        assert world.calls[-1].is_admin is expected
