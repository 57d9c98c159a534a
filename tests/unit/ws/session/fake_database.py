"""The committed streams of a test, and what sessions read of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import trio

START = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = "e1"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    stream: str
    seq: int
    type: str = "message.new"
    payload: dict = {}
    users: tuple[str, ...] = ()
    private: bool = False
    epoch: str = EPOCH
    created_at: datetime = START


class Database:
    """The streams as they are committed, and the ``Reader`` of them."""

    def __init__(self):
        self.log = defaultdict(list)
        self.members = defaultdict(set)
        self.markers = defaultdict(dict)
        self.seen = {}
        self.counts = {}
        self.epochs = {}
        self.hidden = set()
        self.fails_with = None
        self.reads = []
        self.pause = trio.lowlevel.checkpoint

    def commit(self, stream, **fields):
        event = Event(stream=stream, seq=len(self.log[stream]) + 1, **fields)
        self.log[stream].append(event)
        return event

    async def _read(self, name):
        self.reads.append(name)
        await self.pause()
        if self.fails_with is not None:
            raise self.fails_with

    async def heads(self, streams):
        await self._read("heads")
        result = {
            stream: (len(self.log[stream]), self.epochs.get(stream, EPOCH))
            for stream in streams
            if self.log.get(stream)
        }
        await self.pause()
        return result

    async def read_after(self, stream, seq, limit):
        await self._read("read_after")
        result = [event for event in self.log[stream] if event.seq > seq][:limit]
        await self.pause()
        return result

    async def read_all_after(self, wanted):
        await self._read("read_all_after")
        result = [
            [event for event in self.log[stream] if event.seq > seq][:limit]
            for stream, seq, limit in wanted
        ]
        await self.pause()
        return result

    async def readable(self, user_id, streams):
        await self._read("readable")
        return {stream for stream in streams if self._may_read(user_id, stream)}

    def _may_read(self, user_id, stream):
        kind, _, name = stream.partition(":")
        if kind == "user":
            return name == user_id
        return stream not in self.hidden if kind == "bounty" else user_id in self.members[name]

    async def sign_on(self, user_id, names):
        await self._read("sign_on")
        mine = sorted(name for name, users in self.members.items() if user_id in users)
        known = {
            stream: (len(self.log[stream]), self.epochs.get(stream, EPOCH))
            for stream in [*names, *(f"conv:{each}" for each in mine)]
            if self.log.get(stream)
        }
        await self.pause()
        found = SimpleNamespace(
            conversations=[(each, *known.get(f"conv:{each}", (0, EPOCH))) for each in mine],
            unread=3,
        )
        return found, {name: known[name] for name in known if name[:5] != "conv:"}

    async def receipts(self, user_id, conversation_ids):
        await self._read("receipts")
        return {
            name: [
                SimpleNamespace(user_id=each, delivered_seq=delivered, read_seq=read)
                for each, (delivered, read) in sorted(self.markers[name].items())
            ]
            for name in conversation_ids
            if user_id in self.members[name] and self.markers[name]
        }

    async def acquainted(self, user_id, others):
        await self._read("acquainted")
        return {
            other for users in self.members.values() if user_id in users for other in users
        } & set(others)

    async def last_seen(self, users):
        await self._read("last_seen")
        return {user: self.seen[user] for user in users if user in self.seen}

    async def save_last_seen(self, moments):
        await self._read("save_last_seen")
        self.seen.update(moments)

    async def unread(self, users):
        await self._read("unread")
        return {user: dict(self.counts.get(user, {})) for user in users}

    async def partners(self, user_id, limit):
        await self._read("partners")
        shared = defaultdict(list)
        for name, users in sorted(self.members.items()):
            for other in users - {user_id} if user_id in users else ():
                shared[other].append(name)
        return dict(list(shared.items())[:limit])
