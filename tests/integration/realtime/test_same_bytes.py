"""A committed event is told with the same bytes live and replayed, whoever reads it and how.

Every durable event of the catalogue is committed on the real database and heard by sockets of all
serializers, by those whom it concerns and by a stranger; then it is read back and replayed.
"""

from __future__ import annotations

from contextlib import asynccontextmanager

import msgspec
import pytest
import trio
from bountyexpo.domain.event_catalogue import declared
from bountyexpo.domain.events import Stream
from bountyexpo.domain.ids import new_id
from bountyexpo.operations.session_reader import SessionReader
from bountyexpo.persistence.after_commit import AfterCommit
from bountyexpo.persistence.chat import messages
from bountyexpo.persistence.chat.journal import Journal
from bountyexpo.persistence.chat.message_stream import message_event, read_after
from bountyexpo.persistence.pool import Pool
from bountyexpo.realtime import event_frame
from bountyexpo.ws.legacy.serializer import LEGACY
from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.v1.serializer import JSON, MSGPACK

from tests.commits import nobody
from tests.patience import PATIENCE_S
from tests.sample_values import sample
from tests.unit.ws.session.session_fakes import World

DURABLE = [spec for spec in declared() if spec.is_durable]
# Messages get their number from the journal, and are rows of their own.
COMMITTED = [spec for spec in DURABLE if spec.type != "message.new"]
IDS = [f"{spec.stream}:{spec.type}" for spec in COMMITTED]

ENVELOPE = '{"ciphertext":"c2VjcmV0","nonce":"AAAA","version":"2.0"}'


class Database(SessionReader):
    """The committed state, as the sessions of a node read it."""

    async def save_last_seen(self, _moments):
        """Keep nothing."""


class Stage:
    """A conversation and a bounty, two people who share them, and one who looks on."""

    def __init__(self, pool, world):
        self.pool, self.world = pool, world
        self.anna, self.ben, self.eve, self.conversation, self.bounty = (new_id() for _ in range(5))
        self.seq = 0

    async def set_up(self):
        for user in (self.anna, self.ben, self.eve):
            await self.pool.execute(
                "insert into users (id, username) values (%s, %s)", (user, f"user-{user[:13]}")
            )
            await self.pool.execute("insert into user_profiles (user_id) values (%s)", (user,))
        await self.pool.execute(
            "insert into conversations (id, kind, created_by) values (%s, 'group', %s)",
            (self.conversation, self.anna),
        )
        for user in (self.anna, self.ben):
            await self.pool.execute(
                "insert into conversation_participants (conversation_id, user_id) values (%s, %s)",
                (self.conversation, user),
            )
        await self.pool.execute(
            """insert into bounties (id, poster_id, title, description, amount_cents,
                                     platform_fee_bps, policy_version, is_for_honor)
               values (%s, %s, 'A title', 'A description', 0, 0, 1, true)""",
            (self.bounty, self.anna),
        )

    def entity(self, stream):
        return {
            Stream.USER: self.ben,
            Stream.CONVERSATION: self.conversation,
            Stream.BOUNTY: self.bounty,
        }[stream]

    async def listen(self, user, serializer, stream):
        """Open a socket of the protocol that hears a stream from now on."""
        socket = await self.world.open(user, used_codec=serializer)
        if stream.startswith("bounty:"):
            socket.say(type="subscribe", id="s", topics=[stream])
            assert (await socket.reply_to("s"))["accepted"] == [stream]
        return socket

    async def listen_as_of_old(self, user):
        socket = self.world.connect(path="/messages/subscribe", query={"token": user})
        await socket.until(lambda: "connected" in socket.types())
        return socket

    async def hear(self, socket, user, stream, count):
        """Return what a socket was told of a stream, once it is all that its user may hear."""
        wanted = count if user == self.ben or stream.startswith("bounty:") else 0
        with trio.fail_after(PATIENCE_S):
            await socket.until(lambda: len(heard(socket, stream)) == wanted)
        return heard(socket, stream)

    async def replay(self, user, serializer, stream):
        """Come with a new socket that has nothing of the stream, and return what it was told."""
        socket = await self.world.open(
            user, used_codec=serializer, streams={stream: {"seq": 0, "epoch": "e1"}}
        )
        await socket.until(lambda: "synced" in socket.types())
        return heard(socket, stream)


@pytest.fixture
async def stage(module_dsn):
    listeners = []

    def publish(events):
        for listener in listeners:
            listener(events)

    async with trio.open_nursery() as nursery:
        pool = Pool(module_dsn, AfterCommit(publish, nobody))
        await nursery.start(pool.run)
        with trio.fail_after(PATIENCE_S):
            await pool.wait_ready()
        async with World(database=Database(pool)) as world:
            listeners.append(world.hub.publish)
            stage = Stage(pool, world)
            await stage.set_up()
            yield stage
        nursery.cancel_scope.cancel()


def heard(socket, stream):
    return [
        frame
        for frame, told in zip(socket.raw, socket.frames, strict=True)
        if told.get("stream") == stream
    ]


def bare(struct):
    """Return an event that says no more than it must."""
    wanted = {
        field.encode_name
        for field in msgspec.structs.fields(struct)
        if field.default is msgspec.NODEFAULT
    }
    told = msgspec.to_builtins(sample(struct))
    return msgspec.convert({name: told[name] for name in wanted}, struct)


@asynccontextmanager
async def told_the_same(stage, stream):
    """Let sockets of every kind hear what the block commits, then compare with what is replayed."""
    sockets = [
        (await stage.listen(user, serializer, stream), user, serializer)
        for user in (stage.ben, stage.eve)
        for serializer in (JSON, MSGPACK)
    ]
    old = await stage.listen_as_of_old(stage.ben)
    before = len(old.raw)

    yield

    committed = await read_after(stage.pool, stream, 0, 100)
    for socket, user, serializer in sockets:
        live = await stage.hear(socket, user, stream, len(committed))
        replayed = await stage.replay(user, serializer, stream)
        marked = [frame_splice.with_fields(serializer, each, replay=True) for each in live]
        assert replayed == marked
    again = [LEGACY.frame(event_frame.full(event)) for event in committed]
    assert old.raw[before:] == [frame for frame in again if frame]


@pytest.mark.parametrize("make", [sample, bare])
@pytest.mark.parametrize("spec", COMMITTED, ids=IDS)
async def test_an_event_is_told_the_same_live_and_replayed(stage, spec, make):
    entity = stage.entity(spec.stream)

    async with told_the_same(stage, spec.stream.of(entity)), stage.pool.transaction() as tx:
        tx.event(make(spec.struct), of=entity, users=(stage.anna, stage.ben))


async def send(stage, journal, **fields):
    """Send a message by the journal and return its id."""
    message = messages.NewMessage(
        **{
            "id": new_id(),
            "conversation_id": stage.conversation,
            "expected_version": 1,
            "sender_id": stage.anna,
            "client_message_id": new_id(),
            "text": "hi",
            "participants": (stage.anna, stage.ben),
            **fields,
        }
    )
    results = []
    done = trio.Event()
    journal.submit(message, lambda result: (results.append(result), done.set()))
    with trio.fail_after(PATIENCE_S):
        await done.wait()
    return results[0].message_id


async def test_every_form_of_a_message_is_told_the_same_live_and_replayed(stage):
    journal = Journal(stage.pool, stage.world.hub.publish)
    await stage.world.nursery.start(journal.run)

    async with told_the_same(stage, Stream.CONVERSATION.of(stage.conversation)):
        first = await send(stage, journal)
        await send(stage, journal, text="so it is", reply_to=first)
        await send(stage, journal, text=None, kind="media", media_url="https://files.example/a.png")
        await send(stage, journal, text=ENVELOPE, kind="encrypted", is_encrypted=True)
        await send(stage, journal, text='"\\ \u2028 👋', client_message_id=None)
        async with stage.pool.transaction() as tx:
            row = await messages.add_system_message(
                tx,
                stage.conversation,
                sender_id=stage.anna,
                code=f"sys:accept:{stage.bounty}",
                body="It was accepted.",
            )
            tx.numbered(message_event(row, "e1", (stage.anna, stage.ben)))

    told = await read_after(stage.pool, Stream.CONVERSATION.of(stage.conversation), 0, 100)
    assert [event.payload["kind"] for event in told] == [
        *("text", "text", "media", "encrypted", "text", "system")
    ]
    assert told[-1].payload["system"] == {"code": "bounty.accepted", "bountyId": stage.bounty}
