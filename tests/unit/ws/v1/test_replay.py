"""What a client missed is replayed: whole, in order, once, or it is told that it is not."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.ws.session.limits import SessionLimits
from hypothesis import given
from hypothesis import strategies as st

from tests.repetition import tried
from tests.unit.ws.session.session_fakes import World


@pytest.fixture
async def world():
    async with World() as world:
        yield world


def fill(world, stream, number, **fields):
    return [world.database.commit(stream, **fields) for _ in range(number)]


async def sync(connection, **streams):
    """Ask for a replay and return what ended it."""
    positions = {name: {"seq": seq, "epoch": "e1"} for name, seq in streams.items()}
    sync_id = f"sync{len(connection.raw)}"
    connection.say(type="sync", id=sync_id, streams=positions)
    return await connection.reply_to(sync_id)


async def test_hello_with_positions_replays_what_was_missed(autojump_clock, world):
    world.database.members["c"] = {"anna"}
    fill(world, "conv:c", 3)
    fill(world, "user:anna", 2)

    anna = await world.open(
        "anna", streams={"conv:c": {"seq": 1, "epoch": "e1"}, "user:anna": {"seq": 2}}
    )

    assert anna.types() == ["welcome", "message.new", "message.new", "synced"]
    assert anna.seqs("conv:c") == [2, 3]
    assert all(frame["replay"] for frame in anna.frames[1:3])
    assert anna.frames[-1]["limited"] == []


async def test_live_events_carry_no_mark_of_a_replay(autojump_clock, world):
    anna = await world.open("anna", streams={"user:anna": {"seq": 0, "epoch": "e1"}})

    world.publish("user:anna", users=("anna",))

    assert "replay" not in anna.frames[-1]


async def test_more_than_200_events_are_limited_with_a_cursor(autojump_clock, world):
    fill(world, "user:anna", 300)
    anna = await world.open("anna")

    synced = await sync(anna, **{"user:anna": 10})
    world.publish("user:anna", users=("anna",))

    assert synced["limited"] == [
        {"stream": "user:anna", "fromSeq": 211, "headSeq": 300, "epoch": "e1", "cursor": "210"}
    ]
    assert anna.seqs("user:anna") == [*range(11, 211), 301]


async def test_no_more_than_2000_events_per_session(autojump_clock, world):
    streams = {f"bounty:{n:02}": 0 for n in range(11)}
    for stream in streams:
        fill(world, stream, 200)
    anna = await world.open("anna")

    synced = await sync(anna, **streams)

    assert [entry["stream"] for entry in synced["limited"]] == ["bounty:10"]
    assert sum(len(anna.seqs(stream)) for stream in streams) == 2000


async def test_500_streams_are_read_together(autojump_clock, world):
    streams = {f"bounty:{n:03}": 0 for n in range(250)}
    for stream in streams:
        fill(world, stream, 3)
    for number in range(249):
        streams[f"conv:stranger-{number:03}"] = 0
    anna = await world.open("anna")
    world.database.reads.clear()

    synced = await sync(anna, **streams)

    assert len(world.database.reads) <= 8
    assert len(synced["limited"]) == 249
    assert sum(len(anna.seqs(stream)) for stream in streams) == 750


async def test_500_topics_are_looked_up_together(autojump_clock, world):
    topics = [f"conv:stranger-{number:03}" for number in range(300)]
    topics += [f"bounty:{number:03}" for number in range(200)]
    anna = await world.open("anna")
    world.database.reads.clear()

    anna.say(type="subscribe", id="s", topics=topics)
    answer = await anna.reply_to("s")

    assert len(world.database.reads) <= 3
    assert [len(answer["accepted"]), len(answer["rejected"])] == [200, 300]


async def test_no_more_bytes_than_the_limit(autojump_clock):
    async with World(limits=SessionLimits(replay_bytes_max=1000)) as world:
        fill(world, "user:anna", 10, payload={"text": "x" * 200})
        anna = await world.open("anna")

        synced = await sync(anna, **{"user:anna": 0})

        assert anna.seqs("user:anna") == [1, 2, 3]
        assert synced["limited"][0]["cursor"] == "3"


async def test_a_pruned_stream_is_limited_rather_than_torn(autojump_clock, world):
    fill(world, "user:anna", 10)
    del world.database.log["user:anna"][2]
    world.database.log["user:anna"].append(world.database.log["user:anna"][-1])
    anna = await world.open("anna")

    synced = await sync(anna, **{"user:anna": 0})

    assert anna.seqs("user:anna") == [1, 2]
    assert synced["limited"][0]["fromSeq"] == 3


@pytest.mark.parametrize("position", [{"seq": 2, "epoch": "e0"}, {"seq": 9, "epoch": "e1"}])
async def test_another_numbering_is_named_stale(autojump_clock, world, position):
    fill(world, "user:anna", 4)
    anna = await world.open("anna")

    anna.say(type="sync", id="s", streams={"user:anna": position})
    synced = await anna.reply_to("s")

    (entry,) = synced["limited"]
    assert (entry["code"], entry["headSeq"], entry["fromSeq"]) == ("STALE_EPOCH", 4, 1)
    assert anna.seqs("user:anna") == []


async def test_streams_of_others_are_not_replayed(autojump_clock, world):
    world.database.members["theirs"] = {"ben"}
    for stream in ("user:ben", "conv:theirs", "feed:open"):
        fill(world, stream, 2)
    anna = await world.open("anna")

    synced = await sync(anna, **{"user:ben": 0, "conv:theirs": 0, "feed:open": 0})

    assert {entry["code"] for entry in synced["limited"]} == {"FORBIDDEN"}
    assert len(synced["limited"]) == 3
    assert anna.types() == ["welcome", "synced"]


async def test_private_events_are_redacted_in_a_replay_too(autojump_clock, world):
    secret = {"type": "request.new", "payload": {"note": "secret"}, "private": True}
    fill(world, "bounty:b", 1, users=("poster",), **secret)
    viewer, poster = await world.open("viewer"), await world.open("poster")

    for each in (viewer, poster):
        await sync(each, **{"bounty:b": 0})

    seen = viewer.frames[1]
    assert (seen["type"], seen["bountyId"], seen["seq"]) == ("bounty.updated", "b", 1)
    assert "note" not in seen
    assert poster.frames[1]["note"] == "secret"


async def test_a_replay_cut_short_by_the_database_says_so_and_goes_on_live(autojump_clock, world):
    fill(world, "user:anna", 3)
    anna = await world.open("anna")
    world.database.fails_with = DatabaseUnavailable()

    error = await sync(anna, **{"user:anna": 1})
    world.database.fails_with = None
    world.publish("user:anna", users=("anna",))

    assert (error["code"], error["retryable"]) == ("DATABASE_UNAVAILABLE", True)
    assert anna.is_open
    assert anna.seqs("user:anna") == [4]


async def test_other_streams_stay_live_while_one_is_synced(autojump_clock, world):
    fill(world, "user:anna", 3)
    anna = await world.open("anna")
    gate = trio.Event()
    world.database.pause = gate.wait
    anna.say(type="sync", id="s", streams={"user:anna": {"seq": 0}})
    await trio.testing.wait_all_tasks_blocked()

    world.publish("user:anna", users=("anna",))
    world.publish("conv:c", users=("anna",))
    assert anna.seqs("conv:c") == [1]
    assert anna.seqs("user:anna") == []
    gate.set()
    await anna.reply_to("s")

    assert anna.seqs("user:anna") == [1, 2, 3, 4]


async def test_too_many_events_behind_a_replay_become_a_gap(autojump_clock):
    async with World(limits=SessionLimits(buffered_frames_max=2)) as world:
        anna = await world.open("anna")
        gate = trio.Event()
        world.database.pause = gate.wait
        anna.say(type="sync", id="s", streams={"user:anna": {"seq": 0}, "bounty:b": {"seq": 0}})
        await trio.testing.wait_all_tasks_blocked()
        world.database.log.clear()
        for _ in range(5):
            world.publish("user:anna", users=("anna",))
        events, world.database.log["user:anna"] = world.database.log["user:anna"], []

        gate.set()
        await anna.until(lambda: "gap" in anna.types())

        assert anna.types() == ["welcome", "synced", "message.new", "message.new", "gap"]
        world.database.log["user:anna"] = events
        await sync(anna, **{"user:anna": 2})
        assert anna.seqs("user:anna") == [1, 2, 3, 4, 5]


async def test_a_replay_waits_for_a_reader_who_is_slow(autojump_clock, world):
    fill(world, "user:anna", 50)
    anna = await world.open("anna")
    anna.room = 10
    anna.say(type="sync", id="s", streams={"user:anna": {"seq": 0}})
    await trio.testing.wait_all_tasks_blocked()
    assert len(anna.seqs("user:anna")) == 10

    for _ in range(6):
        anna.drain(room=10)
        await trio.testing.wait_all_tasks_blocked()

    assert anna.seqs("user:anna") == list(range(1, 51))
    assert anna.types()[-1] == "synced"


async def test_a_replay_to_a_reader_who_left_ends(autojump_clock, world):
    fill(world, "user:anna", 50)
    anna = await world.open("anna")
    anna.room = 10
    anna.say(type="sync", id="s", streams={"user:anna": {"seq": 0}})
    await trio.testing.wait_all_tasks_blocked()

    anna.close(1001)
    await trio.testing.wait_all_tasks_blocked()

    assert not world.gateway._nursery.child_tasks
    assert not world.hub.users


async def test_a_late_copy_of_a_replayed_event_is_not_sent_twice(autojump_clock, world):
    anna = await world.open("anna")
    late = fill(world, "user:anna", 3)
    await sync(anna, **{"user:anna": 0})

    world.hub.publish(late)
    world.publish("user:anna", users=("anna",))

    assert anna.seqs("user:anna") == [1, 2, 3, 4]
    assert anna.handler.session.delivery._watermarks is None


class Writer:
    """Commits to the stream of one user, and publishes each event a little later."""

    def __init__(self, world, delays, *, is_ordered):
        self.world = world
        self.delays = delays
        self.is_ordered = is_ordered

    async def run(self):
        async with trio.open_nursery() as nursery:
            for steps, lag in self.delays:
                await checkpoints(steps)
                event = self.world.database.commit("user:anna", users=("anna",))
                if self.is_ordered:
                    await self._publish(event, lag)
                else:
                    nursery.start_soon(self._publish, event, lag)

    async def _publish(self, event, lag):
        await checkpoints(lag)
        self.world.hub.publish([event])


class Client:
    """What a correct client makes of its frames: it keeps a position and syncs when told to."""

    def __init__(self, connection, position):
        self.connection = connection
        self.position = position
        self.is_told = False
        self.taken = 0

    def read(self):
        for frame in self.connection.frames[self.taken :]:
            self.taken += 1
            if frame["type"] in {"gap", "synced"}:
                self.is_told = frame["type"] == "gap"
            if "seq" in frame and frame["seq"] == self.position + 1:
                self.position += 1
            elif "seq" in frame and frame["seq"] > self.position:
                assert self.is_told, f"{frame['seq']} after {self.position} and nobody said so"

    async def sync(self):
        # What comes before the answer may be out of order, and the client knows it.
        self.is_told = True
        await sync(self.connection, **{"user:anna": self.position})


async def checkpoints(number):
    for _ in range(number):
        await trio.lowlevel.checkpoint()


def run_mocked(main):
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


delays = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=25)


@tried(40)
@given(
    before=st.integers(0, 30),
    cut=st.integers(0, 30),
    unpublished=st.integers(0, 3),
    delays=delays,
    pace=st.integers(1, 4),
)
def test_a_resumed_client_has_all_it_missed_once_and_in_order(
    before, cut, unpublished, delays, pace
):
    async def main():
        async with World() as world:
            world.database.pause = lambda: checkpoints(pace)
            old = fill(world, "user:anna", before, users=("anna",))
            position = min(cut, before)
            anna = world.connect()
            anna.say(
                type="hello",
                v=1,
                token="anna",
                streams={"user:anna": {"seq": position, "epoch": "e1"}},
            )

            # What is committed may not be published yet when the client comes.
            world.hub.publish(old[before - unpublished :] if unpublished < before else old)
            await Writer(world, delays, is_ordered=True).run()
            await trio.sleep(1)

            head = len(world.database.log["user:anna"])
            assert anna.seqs("user:anna") == list(range(position + 1, head + 1))
            assert anna.types().count("synced") == 1

    run_mocked(main)


@tried(40)
@given(
    delays=delays,
    pace=st.integers(1, 3),
    rooms=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 12)), max_size=4),
    syncs=st.lists(st.integers(0, 20), max_size=3),
)
def test_a_slow_client_that_syncs_when_told_lacks_nothing(delays, pace, rooms, syncs):
    async def main():
        async with World(limits=SessionLimits(enabled=False)) as world:
            world.database.pause = lambda: checkpoints(pace)
            anna = await world.open("anna")
            client = Client(anna, 0)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(Writer(world, delays, is_ordered=False).run)
                for (room, wait), pause in zip(rooms, [*syncs, 0, 0, 0, 0], strict=False):
                    anna.room = room
                    await checkpoints(wait)
                    anna.drain(room=None)
                    client.read()
                    await checkpoints(pause)
                    await client.sync()
            await trio.sleep(1)
            client.read()
            for _ in range(3):
                await client.sync()
                await trio.sleep(1)
                client.read()

            assert client.position == len(world.database.log["user:anna"])
            assert client.is_told is False
            assert anna.is_open

    run_mocked(main)
