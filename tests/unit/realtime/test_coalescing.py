"""A busy socket may leave out what the catalogue says, and nothing else (realtime §4.7).

Every event is tried: of those that pass by the last of a kind is enough, a numbered one never is.
"""

from __future__ import annotations

import msgspec
import pytest
from bountyexpo.domain.event_catalogue import declared
from bountyexpo.domain.events import payload_of

from tests.sample_values import sample
from tests.unit.ws.session.session_fakes import World

DURABLE = [spec for spec in declared() if spec.is_durable]
PASSING = [spec for spec in declared() if not spec.is_durable]
TOLD_APART = [(spec, name) for spec in PASSING for name in spec.coalesce.fields]


def names(specs):
    return [f"{spec.stream}:{spec.type}" for spec in specs]


@pytest.fixture
async def world():
    async with World() as world:
        yield world


async def busy(world):
    anna = await world.open("anna")
    anna.room = 0
    return anna


@pytest.mark.parametrize("spec", PASSING, ids=names(PASSING))
async def test_of_what_passes_by_the_last_is_enough(autojump_clock, world, spec):
    anna = await busy(world)

    for _ in range(3):
        world.hub.tell(sample(spec.struct), of="it", users=["anna"])
    anna.drain()

    assert anna.types() == ["welcome", spec.type]


@pytest.mark.parametrize(
    ("spec", "name"), TOLD_APART, ids=[f"{spec.type}-{name}" for spec, name in TOLD_APART]
)
async def test_what_differs_in_a_declared_field_does_not_stand_for_another(
    autojump_clock, world, spec, name
):
    anna = await busy(world)
    one = sample(spec.struct)
    other = msgspec.convert(payload_of(one) | {name: "another"}, spec.struct)

    for each in (one, other, one):
        world.hub.tell(each, of="it", users=["anna"])
    anna.drain()

    assert anna.types() == ["welcome", spec.type, spec.type]


@pytest.mark.parametrize("spec", DURABLE, ids=names(DURABLE))
async def test_a_numbered_event_stands_for_itself(autojump_clock, world, spec):
    entity = "anna" if spec.stream == "user" else "it"
    stream, told = spec.stream.of(entity), payload_of(sample(spec.struct))
    world.database.members["it"] = {"anna"}
    anna = await busy(world)
    for _ in range(2):
        world.publish(stream, type=spec.type, payload=told, users=("anna",))

    anna.drain()
    assert anna.types() == ["welcome", "gap"]
    anna.say(type="sync", id="s", streams={stream: {"seq": 0, "epoch": "e1"}})
    await anna.reply_to("s")

    assert anna.seqs(stream) == [1, 2]
