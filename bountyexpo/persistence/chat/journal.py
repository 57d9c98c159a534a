"""Group commit of chat messages: many senders share one commit.

One writer takes whatever has queued up during its last commit and writes it as one statement in one
transaction; there is no gathering delay, so a lone message is committed at once and a crowd shares.
The statement hands out the sequence numbers itself, under the row locks of the conversations, so
two nodes that both believe to own a conversation do no harm; a repeated client id finds the row of
the first time in the same statement; a sender who was checked against an old set of participants
(``expected_version``) is refused.

A message that cannot be stored costs its sender a refusal and the others next to nothing: the batch
is taken apart around it (``batches``).

A message whose number is given back is durable. One that gets ``DatabaseUnavailable`` may be or may
not: the client sends it again under the same client id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import psycopg
import trio

from bountyexpo.errors import (
    DatabaseUnavailable,
    InvalidRequest,
    MailboxFull,
    NotStorable,
    StaleVersion,
    Unavailable,
)
from bountyexpo.observability import metrics
from bountyexpo.persistence.chat import in_doubt
from bountyexpo.persistence.chat.batches import Parts, Suspects
from bountyexpo.persistence.chat.message_stream import message_event
from bountyexpo.persistence.chat.messages import CommittedMessage, NewMessage
from bountyexpo.persistence.chat.under_way import UnderWay

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.statement import Row
    from bountyexpo.persistence.streams import StreamEvent

# The most rows of one commit; a longer statement makes everybody in it wait.
BATCH_ROWS_MAX = 512

# The most messages that may wait; at the rates measured this is about a second of work.
QUEUE_MAX = 20_000

# A head's own clock never goes back, whatever the machine's does. The limit in ``known`` makes the
# planner look each row up by the index: a plan made while the table is small would scan it, and be
# kept while it grows.
_APPEND = """
    with input as (
        select * from json_to_recordset(%s::json) as i(
            nth int, id uuid, conversation_id uuid, expected_version bigint, sender_id uuid,
            client_message_id text, body text, kind text, media_url text, reply_to uuid,
            is_encrypted boolean)
    ), known as (
        select i.nth, m.id, m.seq, m.created_at, c.epoch,
               m.edited_at is not null or m.deleted_at is not null as is_changed,
               m.conversation_id = i.conversation_id
               -- What was changed since can no longer be compared; it is taken for the same.
               and (m.edited_at is not null or m.deleted_at is not null
                    or (m.body, m.kind, m.media_url, m.reply_to) is not distinct from
                       (i.body, i.kind, i.media_url, i.reply_to)) as same_content
        from input i
        cross join lateral (
            select * from messages where sender_id = i.sender_id
                and client_message_id = i.client_message_id limit 1) m
        join conversations c on c.id = m.conversation_id
    ), fresh as (
        select i.*, row_number() over (partition by conversation_id, expected_version
                                       order by nth) as place
        from input i where nth not in (select nth from known)
    ), heads as (
        update conversations c
        set last_seq = c.last_seq + wanted.rows,
            last_message_at = greatest(c.last_message_at, clock_timestamp()),
            updated_at = greatest(c.last_message_at, clock_timestamp())
        from (select conversation_id, expected_version, count(*) as rows
              from fresh group by conversation_id, expected_version) wanted
        where c.id = wanted.conversation_id and c.version = wanted.expected_version
        returning c.id, c.version, c.last_seq - wanted.rows as base, c.last_message_at as at,
                  c.epoch
    ), numbered as (
        select f.*, h.base + f.place as seq, h.at, h.epoch
        from fresh f
        join heads h on h.id = f.conversation_id and h.version = f.expected_version
    ), written as (
        insert into messages (id, conversation_id, seq, sender_id, client_message_id, body, kind,
                              media_url, reply_to, is_encrypted, created_at)
        select id, conversation_id, seq, sender_id, client_message_id, body, kind, media_url,
               reply_to, is_encrypted, at
        from numbered
    )
    select nth, id, seq, epoch, at as created_at, false as duplicate, true as same_content,
           false as is_changed
    from numbered
    union all
    select nth, id, seq, epoch, created_at, true, same_content, is_changed from known
"""


Settle: TypeAlias = Callable[[CommittedMessage | Exception], None]


@dataclass(slots=True)
class _Entry:
    """A queued message and who is to be told; nobody, after the first result."""

    message: NewMessage
    settle: Settle | None
    under_way: UnderWay

    def resolve(self, result: CommittedMessage | Exception) -> None:
        """Tell the sender; only the first result counts."""
        settle, self.settle = self.settle, None
        if settle is not None:
            self.under_way.remove(self.message.conversation_id)
            settle(result)


class Journal:
    """The one writer of chat messages in this process: a supervised child.

    Bounds: ``QUEUE_MAX`` waiting messages; beyond that ``submit`` is refused with ``MailboxFull``.
    ``publish`` gets the ``message.new`` events of each commit; it may not block or raise.
    """

    def __init__(self, db: Queries, publish: Callable[[Sequence[StreamEvent]], None]) -> None:
        self._db = db
        self._publish_events = publish
        self._queue: deque[_Entry] = deque()
        self._in_flight: list[_Entry] = []
        self._under_way = UnderWay()
        self._in_doubt = in_doubt.InDoubt()
        self._suspects = Suspects()
        self._wake = trio.Event()
        self._is_running = False

    def __repr__(self) -> str:
        return f"<Journal {len(self._in_flight)} in flight, {len(self._queue)} queued>"

    def submit(self, message: NewMessage, settle: Settle) -> None:
        """Queue a message; ``settle`` gets its number, or why there is none, and must not raise.

        The errors that it may get: ``StaleVersion`` when the conversation has changed or is not
        there (load it and check again), ``InvalidRequest`` when the message cannot be stored, and
        ``DatabaseUnavailable``.

        Raises:
            Unavailable: the writer is down.
            MailboxFull: the queue is full.
        """
        if not self._is_running:
            raise Unavailable
        if len(self._queue) >= QUEUE_MAX:
            raise MailboxFull
        self._queue.append(_Entry(message, settle, self._under_way))
        self._under_way.add(message.conversation_id)
        self._wake.set()

    async def settled(self, conversation_id: str) -> None:
        """Wait until every message of a conversation is settled, whoever handed it in."""
        await self._under_way.wait(conversation_id)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until cancelled; whoever waits then is told."""
        self._is_running = True
        task_status.started()
        try:
            while True:
                if not self._queue:
                    self._wake = trio.Event()
                    await self._in_doubt.wait(self._wake)
                if self._in_doubt.is_due():
                    await self._look_for_in_doubt()
                self._in_flight = self._next_batch()
                await self._commit(self._in_flight)
        finally:
            self._is_running = False
            self._in_doubt.add(entry.message for entry in self._in_flight if entry.settle)
            for entry in (*self._in_flight, *self._queue):
                entry.resolve(DatabaseUnavailable())
            self._queue.clear()

    def _next_batch(self) -> list[_Entry]:
        """Take the next batch; a twin of a message in it waits, and a suspect's go alone."""
        batch: list[_Entry] = []
        waiting: list[_Entry] = []
        client_ids: set[tuple[str, str]] = set()
        suspect = self._suspects.among(self._queue[0].message.sender_id) if self._queue else None
        while self._queue and len(batch) < BATCH_ROWS_MAX and len(waiting) < BATCH_ROWS_MAX:
            entry = self._queue.popleft()
            message = entry.message
            client_id = (message.sender_id, message.client_message_id or message.id)
            is_twin = client_id in client_ids
            if is_twin or self._suspects.among(message.sender_id) != suspect:
                waiting.append(entry)
                continue
            client_ids.add(client_id)
            batch.append(entry)
        self._queue.extendleft(reversed(waiting))
        return batch

    async def _commit(self, batch: list[_Entry]) -> None:
        """Write a batch and tell its senders; one that is refused is taken apart."""
        parts = Parts(batch, lambda entry: entry.message.conversation_id)
        while part := parts.take():
            try:
                rows = await self._write_again(part)
            except (psycopg.Error, NotStorable, StaleVersion) as error:
                if len(part) > 1:
                    parts.halve(part)
                    continue
                [entry] = part
                if isinstance(error, NotStorable):
                    self._suspects.add(entry.message.sender_id)
                entry.resolve(_meaning(error))
            except DatabaseUnavailable:
                self._in_doubt.add(entry.message for entry in part)
                for entry in part:
                    entry.resolve(DatabaseUnavailable())
            else:
                self._announce(part, rows)

    async def _write_again(self, part: list[_Entry]) -> list[Row]:
        """Write, a second time if need be.

        The other owner of a conversation may have written the same client id at the same moment;
        the second attempt finds it.
        """
        try:
            return await self._write(part)
        except StaleVersion:
            return await self._write(part)

    async def _write(self, part: list[_Entry]) -> list[Row]:
        records = [_record(nth, entry.message) for nth, entry in enumerate(part)]
        try:
            data = msgspec.json.encode(records).decode()
        except ValueError as error:  # a text that has no form in UTF-8
            raise NotStorable from error
        began = trio.current_time()
        rows = await self._db.fetch(_APPEND, (data,))
        metrics.JOURNAL_COMMIT_MS.observe((trio.current_time() - began) * 1000)
        metrics.JOURNAL_BATCH_ROWS.observe(len(part))
        return rows

    def _announce(self, batch: list[_Entry], rows: list[Row]) -> None:
        """Tell every sender, then publish; whoever was woken runs only after this returns."""
        events: list[StreamEvent] = []
        for row in rows:
            entry = batch[row["nth"]]
            entry.resolve(_committed(entry.message, row))
            if not row["duplicate"]:
                events.append(_event(entry.message, row))
            # What one in doubt says now, if it was changed, is read together with the others.
            elif not row["is_changed"] and (message := self._in_doubt.pop(row["id"])):
                events.append(_event(message, row))
        for entry in batch:
            entry.resolve(StaleVersion())  # those without a row
        self._publish(events)

    async def _look_for_in_doubt(self) -> None:
        """Publish what was committed although its answer was lost."""
        try:
            rows = await self._db.fetch(in_doubt.FIND, (self._in_doubt.ids,))
        except (psycopg.Error, DatabaseUnavailable):
            self._in_doubt.postpone()
            return
        found = [(message, row) for row in rows if (message := self._in_doubt.pop(row["id"]))]
        self._in_doubt.looked()
        self._publish([_event(message, row) for message, row in found])

    def _publish(self, events: list[StreamEvent]) -> None:
        if events:
            events.sort(key=lambda event: (event.stream, event.seq))
            self._publish_events(events)


def _record(nth: int, message: NewMessage) -> dict[str, Any]:
    return {
        "nth": nth,
        "id": message.id,
        "conversation_id": message.conversation_id,
        "expected_version": message.expected_version,
        "sender_id": message.sender_id,
        "client_message_id": message.client_message_id,
        "body": message.text,
        "kind": message.kind,
        "media_url": message.media_url,
        "reply_to": message.reply_to,
        "is_encrypted": message.is_encrypted,
    }


def _committed(message: NewMessage, row: Row) -> CommittedMessage:
    return CommittedMessage(
        message_id=row["id"],
        conversation_id=message.conversation_id,
        seq=row["seq"],
        epoch=row["epoch"],
        created_at=row["created_at"],
        duplicate=row["duplicate"],
        same_content=row["same_content"],
    )


def _event(message: NewMessage, row: Row) -> StreamEvent:
    told = _record(0, message) | row
    return message_event(told, row["epoch"], message.participants)


def _meaning(error: Exception) -> Exception:
    """Say what a refusal of the database means to the sender."""
    if isinstance(error, NotStorable) and "reply_to" in (error.constraint or ""):
        return InvalidRequest(
            "The message you reply to is not in this conversation.", code="BAD_REPLY"
        )
    return error
