"""However often a socket falls, a client that resumes has every event once and in order."""

from __future__ import annotations

import trio
import trio.testing
from bountyexpo.ws.v1 import serializer
from hypothesis import given
from hypothesis import strategies as st

from tests.repetition import tried
from tests.unit.ws.session.session_fakes import World

# What may happen to a client: events come, the line is cut with or without our knowing, the socket
# gets slow, some frames on the way are lost with the line, time goes by.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("events"), st.integers(1, 40)),
        st.tuples(st.just("cut"), st.integers(0, 5)),
        st.tuples(st.just("half-open"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.integers(1, 50)),
        st.tuples(st.just("pace"), st.integers(0, 3)),
    ),
    max_size=25,
)


class Client:
    """Keeps what it heard; falls back to its streams when it cannot resume."""

    def __init__(self, world, used_codec):
        self.world = world
        self.serializer = used_codec
        self.seqs = []
        self.n = 0
        self.sid = ""
        self.socket = None
        self.resumes = 0

    async def connect(self):
        self.socket = self.world.connect(used_codec=self.serializer)
        self.taken = 0
        streams = {"user:anna": {"seq": len(self.seqs), "epoch": "e1"}}
        resume = {"sid": self.sid, "n": self.n}
        hello = {"resume": resume, "streams": streams, "caps": ["resume", "batch"]}
        self.socket.say(type="hello", v=1, token="anna", **hello)
        done = {"resumed", "synced"}
        await self.socket.until(lambda: done & set(self.socket.types()))
        await trio.testing.wait_all_tasks_blocked()

    def read(self, *, lost=0):
        frames = self.socket.frames[self.taken :]
        frames = frames[: len(frames) - lost] if lost else frames
        self.taken += len(frames)
        for frame in frames:
            for each in frame["frames"] if frame["type"] == "batch" else [frame]:
                self.take(each)

    def take(self, frame):
        if frame["type"] == "invalid_session":
            self.n = 0
        if frame["type"] == "welcome":
            self.sid = frame["sid"]
            self.resumes += frame["resumed"]
        if "n" in frame:
            assert frame["n"] == self.n + 1
            self.n += 1
        if "seq" in frame:
            assert frame["seq"] == len(self.seqs) + 1
            self.seqs.append(frame["seq"])


async def play(steps, used_codec):
    async with World() as world:
        client = Client(world, used_codec)
        await client.connect()
        total = 0
        for what, number in steps:
            if what == "events":
                for _ in range(number):
                    world.publish("user:anna", users=("anna",))
                total += number
            elif what == "wait":
                await trio.sleep(number)
            elif what == "pace":
                world.database.pause = lambda count=number: checkpoints(count)
            else:
                client.read(lost=number)
                if what == "cut":
                    client.socket.close(1006)
                await client.connect()
        client.read()
        assert client.seqs == list(range(1, total + 1))
        assert len(world.gateway.sockets) <= 10
        assert world.resumable.size >= 0
        return client.resumes


async def checkpoints(number):
    for _ in range(number):
        await trio.lowlevel.checkpoint()


@tried(30)
@given(steps=steps, used_codec=st.sampled_from([serializer.JSON, serializer.MSGPACK]))
def test_a_resuming_client_has_every_event_once_and_in_order(steps, used_codec):
    trio.run(play, steps, used_codec, clock=trio.testing.MockClock(autojump_threshold=0))


def test_the_play_does_resume():
    script = [("events", 5), ("cut", 2), ("events", 3), ("half-open", 1), ("wait", 10), ("cut", 0)]

    resumes = trio.run(
        play, script, serializer.JSON, clock=trio.testing.MockClock(autojump_threshold=0)
    )

    assert resumes == 3
