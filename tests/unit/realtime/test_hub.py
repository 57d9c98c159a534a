"""Who hears an event, in which order, and what happens when one is missing."""

from __future__ import annotations

import random

import pytest
import trio
from bountyexpo.domain.market.events import BountyInFeed
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.realtime import fan_out
from bountyexpo.realtime.hub import Hub
from bountyexpo.ws.v1 import serializer

from tests.unit.ws.session.session_fakes import START, Database, Event


def in_feed(bounty_id, version):
    return BountyInFeed(
        bounty_id=bounty_id,
        status="open",
        title="Paint the fence",
        amount_cents=100,
        is_for_honor=False,
        poster_id="anna",
        username="anna",
        category=None,
        work_type=None,
        version=version,
    )


class Ear:
    """A listener that writes down what it hears."""

    def __init__(self, hub, user_id, used_codec=serializer.JSON):
        self.user_id = user_id
        self.serializer = used_codec
        self.heard = []
        self.raw = []
        self.notices = []
        self.missed = []
        self.closed_with = None
        self.is_connected = True
        self.identity = None
        hub.register(self)

    def deliver(self, stream, seq, frame):
        self.heard.append(seq)
        self.raw.append(frame)

    def deliver_ephemeral(self, stream, frame, key=None):
        self.notices.append(self.serializer.decode(frame[2 if frame[1] < 126 else 4 :]))

    def send_now(self, message):
        self.notices.append(message)
        return True

    def miss(self, stream):
        self.missed.append(stream)

    def disconnect(self, code, reason):
        self.closed_with = code

    def messages(self):
        return [self.serializer.decode(frame[2 if frame[1] < 126 else 4 :]) for frame in self.raw]


@pytest.fixture
def database():
    return Database()


@pytest.fixture
async def hub(database, nursery):
    hub = Hub(lambda: START)
    await nursery.start(hub.run, database.read_after)
    return hub


def events(database, stream, number, **fields):
    return [database.commit(stream, payload={"n": n}, **fields) for n in range(1, number + 1)]


async def test_an_event_reaches_its_users_and_nobody_else(autojump_clock, hub, database):
    anna, ben, eve = Ear(hub, "anna"), Ear(hub, "ben"), Ear(hub, "eve")

    hub.publish(events(database, "conv:c", 2, users=("anna", "ben")))

    assert anna.heard == ben.heard == [1, 2]
    assert eve.heard == []


async def test_every_socket_of_a_user_gets_the_same_bytes(autojump_clock, hub, database):
    phone, tablet = Ear(hub, "anna"), Ear(hub, "anna")

    hub.publish(events(database, "conv:c", 1, users=("anna",)))

    assert phone.raw[0] is tablet.raw[0]
    assert phone.messages()[0] == {
        "type": "message.new",
        "stream": "conv:c",
        "seq": 1,
        "epoch": "e1",
        "timestamp": "2026-01-01T00:00:00Z",
        "n": 1,
    }


async def test_each_codec_is_served_in_its_own_words(autojump_clock, hub, database):
    text, binary = Ear(hub, "anna"), Ear(hub, "ben", serializer.MSGPACK)

    hub.publish(events(database, "conv:c", 1, users=("anna", "ben")))

    assert text.raw != binary.raw
    assert text.messages() == binary.messages()


async def test_a_participant_who_also_subscribed_hears_once(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    hub.subscribe(anna, "bounty:b")

    hub.publish(events(database, "bounty:b", 1, users=("anna", "anna")))

    assert anna.heard == [1]


async def test_a_private_event_is_redacted_for_a_viewer(autojump_clock, hub, database):
    poster, viewer = Ear(hub, "poster"), Ear(hub, "viewer")
    hub.subscribe(viewer, "bounty:b")
    database.commit("bounty:b", type="bounty.status", payload={"status": "open"})
    database.commit(
        "bounty:b", type="request.new", payload={"note": "secret"}, users=("poster",), private=True
    )

    hub.publish(database.log["bounty:b"])

    assert viewer.heard == [1, 2]
    assert viewer.messages()[1] == {
        "type": "bounty.updated",
        "bountyId": "b",
        "stream": "bounty:b",
        "seq": 2,
        "epoch": "e1",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    assert poster.messages()[-1]["note"] == "secret"


async def test_an_early_event_waits_for_its_predecessor(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    one, two, three = events(database, "user:anna", 3, users=("anna",))

    hub.publish([one, three])
    assert anna.heard == [1]
    hub.publish([two])

    assert anna.heard == [1, 2, 3]
    await trio.sleep(1)
    assert database.reads == []


async def test_a_repeated_event_is_dropped(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    batch = events(database, "user:anna", 3, users=("anna",))

    hub.publish(batch)
    hub.publish(batch)

    assert anna.heard == [1, 2, 3]


async def test_a_hole_is_filled_from_the_database_after_100_ms(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    batch = events(database, "user:anna", 5, users=("anna",))
    hub.publish([batch[0], batch[4]])

    await trio.sleep(0.09)
    assert anna.heard == [1]
    await trio.sleep(0.02)

    assert anna.heard == [1, 2, 3, 4, 5]
    assert anna.missed == []
    assert hub.statistics()["holes"] == 0


async def test_a_late_copy_of_a_repaired_event_is_dropped(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    batch = events(database, "user:anna", 3, users=("anna",))
    hub.publish([batch[0], batch[2]])
    await trio.sleep(1)

    hub.publish([batch[1]])

    assert anna.heard == [1, 2, 3]


@pytest.mark.parametrize("failure", [DatabaseUnavailable(), RuntimeError("broken")])
async def test_a_hole_that_cannot_be_filled_is_announced(autojump_clock, hub, database, failure):
    anna = Ear(hub, "anna")
    batch = events(database, "user:anna", 3, users=("anna",))
    database.fails_with = failure
    hub.publish([batch[0], batch[2]])

    await trio.sleep(1)
    assert anna.heard == [1, 3]
    assert anna.missed == ["user:anna"]

    database.fails_with = None
    hub.publish([database.commit("user:anna", users=("anna",))])
    assert anna.heard == [1, 3, 4]


async def test_a_head_that_was_read_tells_a_hole_but_drops_nothing(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    batch = events(database, "user:anna", 5, users=("anna",))
    hub.observe(["user:anna"], {"user:anna": (3, "e1")})

    hub.publish([batch[4]])
    assert anna.heard == []
    hub.publish([batch[2]])
    hub.publish([batch[3]])

    assert anna.heard == [3, 4, 5]


async def test_a_stream_that_was_empty_begins_with_its_first_event(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    one, two = events(database, "user:anna", 2, users=("anna",))
    hub.observe(["user:anna"], {})

    hub.publish([two])
    assert anna.heard == []
    hub.publish([one])

    assert anna.heard == [1, 2]


async def test_an_event_too_late_for_an_unknown_stream_is_announced(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    batch = events(database, "conv:c", 3, users=("anna",))

    hub.publish([batch[1], batch[0], batch[2]])

    assert anna.heard == [2, 3]
    assert anna.missed == ["conv:c"]


async def test_a_new_epoch_starts_the_numbers_anew(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    hub.publish(events(database, "user:anna", 3, users=("anna",)))

    hub.publish([Event(stream="user:anna", seq=1, epoch="e2", users=("anna",))])

    assert anna.heard == [1, 2, 3, 1]


async def test_publications_in_any_order_are_heard_in_order(autojump_clock, hub, database):
    anna, ben = Ear(hub, "anna"), Ear(hub, "ben")
    hub.subscribe(ben, "user:anna")
    batch = events(database, "user:anna", 200, users=("anna",))
    hub.publish(batch[:1])
    rest = batch[1:]
    random.Random(7).shuffle(rest)

    for event in rest[:150]:
        hub.publish([event])
    await trio.sleep(1)

    last = max(event.seq for event in rest[:150])
    assert last > 150
    assert anna.heard == ben.heard == list(range(1, max(last, 200) + 1))


async def test_a_large_audience_is_served_in_chunks_and_in_order(autojump_clock, hub, database):
    ears = [Ear(hub, f"u{n}") for n in range(2 * fan_out.CHUNK + 1)]
    for ear in ears:
        hub.subscribe(ear, "bounty:b")

    hub.publish(events(database, "bounty:b", 1))
    assert all(ear.heard == [] for ear in ears)
    hub.unsubscribe(ears[0], "bounty:b")
    for ear in ears[3:]:
        hub.unsubscribe(ear, "bounty:b")
    hub.publish([database.commit("bounty:b")])
    await trio.sleep(1)

    assert ears[1].heard == [1, 2]
    assert ears[-1].heard == [1]
    assert hub.statistics()["backlog"] == 0


async def test_an_overfull_backlog_tells_the_listeners(autojump_clock, hub, database, monkeypatch):
    monkeypatch.setattr(fan_out, "BACKLOG_MAX", 2)
    ears = [Ear(hub, f"u{n}") for n in range(fan_out.CHUNK + 1)]
    for ear in ears:
        hub.subscribe(ear, "bounty:b")

    hub.publish(events(database, "bounty:b", 5))
    await trio.sleep(1)
    hub.publish([database.commit("bounty:b")])
    await trio.sleep(1)

    assert ears[0].heard == [1, 2, 6]
    assert ears[0].missed == ["bounty:b"]


async def test_a_broken_listener_is_closed_and_the_others_hear(autojump_clock, hub, database):
    broken, anna = Ear(hub, "broken"), Ear(hub, "anna")
    broken.deliver = None

    hub.publish(events(database, "conv:c", 1, users=("broken", "anna")))

    assert broken.closed_with == 1011
    assert anna.heard == [1]


async def test_an_event_that_cannot_be_written_does_not_fail_the_commit(
    autojump_clock, hub, database
):
    anna = Ear(hub, "anna")

    hub.publish([database.commit("conv:c", payload={"x": object()}, users=("anna",))])
    hub.publish([database.commit("conv:d", users=("anna",))])

    assert anna.heard == [1]


async def test_the_feed_tells_the_last_state_of_a_bounty_once_a_second(autojump_clock, hub):
    anna = Ear(hub, "anna")
    hub.publish_feed("b0", in_feed("b0", 0), None)
    hub.subscribe(anna, "feed:open")
    hub.publish_feed("b1", in_feed("b1", 1), None)
    await trio.sleep(0.5)

    for n in (2, 3):
        hub.publish_feed("b1", in_feed("b1", n), None)
    hub.publish_feed("b2", in_feed("b2", 4), None)
    await trio.sleep(0.4)
    assert [notice["version"] for notice in anna.notices] == [1]
    await trio.sleep(0.2)

    assert [notice["version"] for notice in anna.notices] == [1, 3, 4]


async def test_the_origin_of_a_message_is_not_sent_its_copy(autojump_clock, hub, database):
    phone, tablet = Ear(hub, "anna"), Ear(hub, "anna")
    payload = {"senderId": "anna", "clientMsgId": "m1"}
    hub.expect_origin(phone, "m1")

    hub.publish([database.commit("conv:c", payload=payload, users=("anna",))])
    hub.forget_origin(phone, "m1")
    hub.publish([database.commit("conv:c", payload=payload, users=("anna",))])

    assert tablet.heard == [1, 2]
    assert phone.heard == [2]


async def test_nothing_is_kept_of_those_who_left(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    hub.subscribe(anna, "bounty:b")
    hub.publish(events(database, "user:anna", 1, users=("anna",)))

    hub.unregister(anna, ["bounty:b"])
    hub.publish(events(database, "conv:c", 1, users=("anna",)))

    assert not hub.users
    assert not hub.topics
    assert hub.statistics()["streams"] == 0


async def test_a_quiet_stream_is_forgotten_in_time(autojump_clock, hub, database):
    anna = Ear(hub, "anna")
    hub.subscribe(anna, "bounty:b")
    for stream in ("conv:c", "user:anna", "bounty:b"):
        hub.publish(events(database, stream, 1, users=("anna",)))

    await trio.sleep(601)
    assert hub.statistics()["streams"] == 3
    await trio.sleep(600)

    assert hub.statistics()["streams"] == 2
