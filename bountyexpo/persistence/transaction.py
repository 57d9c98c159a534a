"""The one way in which a decision is committed: state, events, effects and audit, all or nothing.

Events, effects, notices and audit rows are collected while the transaction is open and written just
before the commit. So the rows that hand out the numbers of a stream are locked only for that last
moment, always in the same order, and a rollback leaves no hole.

When the answer to a COMMIT is lost, nobody knows whether it happened: the caller gets
``DatabaseUnavailable`` and may repeat the command, which is why commands are idempotent. Events of
such a commit are not published live; clients find them by their gap in the numbers.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, Self

import psycopg
import trio

from bountyexpo.domain.events import payload_of
from bountyexpo.errors import DatabaseUnavailable, InternalError
from bountyexpo.persistence import audit, notices, outbox
from bountyexpo.persistence.connection import translated
from bountyexpo.persistence.statement import Json, statement
from bountyexpo.persistence.streams import CONVERSATION, StreamEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from psycopg.pq.abc import PGresult

    from bountyexpo.domain.events import Event
    from bountyexpo.domain.notices import Audience, Notice
    from bountyexpo.persistence.after_commit import AfterCommit
    from bountyexpo.persistence.connection import Connection
    from bountyexpo.persistence.statement import Parameters, Row

# Writing the events and committing is not interrupted, but it is bounded.
COMMIT_TIMEOUT_S = 15.0

_TAKE_NUMBERS = """
    insert into streams as s (stream, last_seq)
        select stream, count(*) from input group by stream order by stream
    on conflict (stream) do update set last_seq = s.last_seq + excluded.last_seq
    returning s.stream, s.last_seq, s.epoch
"""

_TAKE_CONVERSATION_NUMBERS = """
    update conversations c set last_seq = c.last_seq + wanted.rows
    from (select stream, count(*) as rows from input group by stream) wanted
    where c.id = substr(wanted.stream, 6)::uuid
    returning wanted.stream, c.last_seq, c.epoch
"""

# The time is taken after the head's lock, so it never goes back along a stream.
_WRITE_EVENTS = """
    with input as (
        select i.*, count(*) over (partition by stream) as total
        from jsonb_to_recordset(%s) as i(
            nth int, stream text, type text, payload jsonb, users uuid[], private boolean)
    ), heads as ({take_numbers}), written as (
        insert into stream_events (stream, seq, type, payload, users, private, created_at)
        select i.stream, h.last_seq - i.total + i.nth, i.type, i.payload, i.users, i.private,
               clock_timestamp()
        from input i join heads h using (stream)
        returning stream, seq, created_at
    )
    select w.stream, w.seq, w.created_at, h.epoch
    from written w join heads h using (stream) order by w.stream, w.seq
"""

_WRITE_STREAM_EVENTS = _WRITE_EVENTS.replace("{take_numbers}", _TAKE_NUMBERS)
_WRITE_CONVERSATION_EVENTS = _WRITE_EVENTS.replace("{take_numbers}", _TAKE_CONVERSATION_NUMBERS)

_LOCK = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"


class Sessions(Protocol):
    """What a transaction needs of the pool."""

    @property
    def after_commit(self) -> AfterCommit:
        """Who is told."""

    async def acquire(self) -> Connection:
        """Take a session."""

    def release(self, session: Connection) -> None:
        """Give it back."""


class Transaction:
    """A database transaction: committed when its block ends well, else rolled back.

    Owns a session from ``async with`` to its end. Errors are those of ``Pool.fetch``; a statement
    that a constraint refused has doomed the transaction. ``committed_events`` is filled once the
    commit has succeeded, in the order they were added.
    """

    __slots__ = (
        "_effects",
        "_events",
        "_notices",
        "_numbered",
        "_pool",
        "_records",
        "_session",
        "committed_events",
    )

    def __init__(self, pool: Sessions) -> None:
        self._pool = pool
        self._session: Connection | None = None
        self._events: list[dict[str, Any]] = []
        self._numbered: list[tuple[int, StreamEvent]] = []
        self._effects: list[dict[str, Any]] = []
        self._notices: list[dict[str, Any]] = []
        self._records: list[dict[str, Any]] = []
        self.committed_events: list[StreamEvent] = []

    async def __aenter__(self) -> Self:
        assert self._session is None, "a transaction is used once"
        self._session = await self._pool.acquire()
        try:
            await self._command(b"begin")
        except BaseException:
            self._pool.release(self._session)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        try:
            if error is None:
                await self._commit()
            elif isinstance(error, Exception) and self._session.is_alive:
                with suppress(DatabaseUnavailable):
                    await self._command(b"rollback")
        finally:
            # After a cancellation the session is still inside; the pool rolls it back aside.
            self._pool.release(self._session)
        if self.committed_events:
            self._pool.after_commit.publish(self.committed_events)
        if error is None and self._effects:
            self._pool.after_commit.wake_relay()

    async def fetch(self, sql: str, params: Parameters = ()) -> list[Row]:
        """Run one statement and return every row."""
        prepared = statement(sql)
        return prepared.load(await self._run(sql, params))

    async def fetch_one(self, sql: str, params: Parameters = ()) -> Row | None:
        """Like ``fetch``, for the first row or None."""
        rows = await self.fetch(sql, params)
        return rows[0] if rows else None

    async def execute(self, sql: str, params: Parameters = ()) -> int:
        """Like ``fetch``, for the number of rows that changed."""
        return (await self._run(sql, params)).command_tuples or 0

    async def lock(self, name: str) -> None:
        """Wait until no other transaction holds this name; held until this one ends."""
        await self._run(_LOCK, (name,))

    def event(self, event: Event, *, of: str, users: Sequence[str] = ()) -> None:
        """Add an event to the stream of the entity ``of``; it gets its number at the commit.

        ``users`` hear it live, wherever they are; of a private event nobody else learns more than
        that there was one.
        """
        spec = event.spec()
        assert spec.is_durable, spec.type
        self._events.append(
            {
                "place": self._place(),
                "stream": spec.stream.of(of),
                "type": spec.type,
                "payload": payload_of(event),
                "users": list(users),
                "private": spec.is_private,
            }
        )

    def numbered(self, event: StreamEvent) -> None:
        """Announce what this transaction has written under a number of its own."""
        self._numbered.append((self._place(), event))

    def notify(
        self,
        kind: Notice,
        recipients: Sequence[str] | Audience,
        data: Mapping[str, Any],
        *,
        dedupe_key: str,
    ) -> None:
        """Let people be told while they are away; the same key tells once."""
        self._notices.append(notices.row(kind, recipients, data, dedupe_key))

    def effect(
        self,
        type: str,  # noqa: A002 - the outbox's own name
        aggregate: tuple[str, str],
        version: int,
        payload: Mapping[str, Any],
        *,
        recipients: Sequence[str] = (),
        due_after_s: float = 0,
    ) -> None:
        """Leave an effect on the outside world for the outbox relay; one row for all recipients."""
        self._effects.append(
            outbox.row(
                type, aggregate, version, payload, recipients=recipients, due_after_s=due_after_s
            )
        )

    def audit(
        self,
        *,
        category: str,
        action: str,
        actor_id: str | None,
        target: tuple[str, str],
        **metadata: Any,
    ) -> None:
        """Record who did what to whom; names of columns go there, the rest to ``metadata``."""
        self._records.append(audit.row(category, action, actor_id, target, metadata))

    async def _commit(self) -> None:
        """Write what was collected and commit; from here on a cancellation waits for the end."""
        assert self._session is not None
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._session.has_failed:
            await self._command(b"rollback")
            raise InternalError from psycopg.errors.InFailedSqlTransaction()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + COMMIT_TIMEOUT_S):
            try:
                written = await self._write_collected()
                await self._command(b"commit")
            except Exception:
                if self._session.is_alive and not self._session.is_clean:
                    await self._command(b"rollback")
                raise
            self.committed_events = written
            return
        raise DatabaseUnavailable  # the deadline passed; the pool gives the session up

    async def _write_collected(self) -> list[StreamEvent]:
        if self._effects:
            await self._run(outbox.WRITE, (Json(self._effects),))
        if self._notices:
            await self._run(notices.WRITE, (Json(self._notices),))
        if self._records:
            await self._run(audit.WRITE, (Json(self._records),))
        in_conversations = [e for e in self._events if e["stream"].startswith(CONVERSATION)]
        in_streams = [e for e in self._events if not e["stream"].startswith(CONVERSATION)]
        written = list(self._numbered)
        if in_conversations:
            written += await self._write_events(_WRITE_CONVERSATION_EVENTS, in_conversations)
        if in_streams:
            written += await self._write_events(_WRITE_STREAM_EVENTS, in_streams)
        # Published in the order in which the decision told them, so that no event comes before
        # its cause, whatever its stream.
        return [event for _, event in sorted(written, key=lambda pair: pair[0])]

    def _place(self) -> int:
        return len(self._events) + len(self._numbered)

    async def _write_events(
        self, sql: str, events: list[dict[str, Any]]
    ) -> list[tuple[int, StreamEvent]]:
        nth: Counter[str] = Counter()
        for event in events:
            nth[event["stream"]] += 1
            event["nth"] = nth[event["stream"]]
        rows = await self.fetch(sql, (Json(events),))
        if len(rows) != len(events):
            raise InternalError from LookupError("an event names a conversation that is not there")
        in_order = sorted(events, key=lambda event: (event["stream"], event["nth"]))
        by_stream = sorted(rows, key=lambda row: (row["stream"], row["seq"]))
        return [
            (event["place"], _stream_event(event, row))
            for event, row in zip(in_order, by_stream, strict=True)
        ]

    async def _run(self, sql: str, params: Parameters) -> PGresult:
        assert self._session is not None, "the transaction is not open"
        prepared = statement(sql)
        began = trio.current_time()
        try:
            return await self._session.query(prepared, params)
        except Exception as error:
            prepared.errors.inc()
            meaning = translated(error)
            if meaning is error:
                raise
            raise meaning from error
        finally:
            prepared.count.inc()
            prepared.milliseconds.observe((trio.current_time() - began) * 1000)

    async def _command(self, sql: bytes) -> None:
        assert self._session is not None
        try:
            await self._session.command(sql)
        except Exception as error:
            meaning = translated(error)
            if meaning is error:
                raise
            raise meaning from error


def _stream_event(event: dict[str, Any], row: Row) -> StreamEvent:
    return StreamEvent(
        stream=row["stream"],
        seq=row["seq"],
        epoch=row["epoch"],
        type=event["type"],
        payload=event["payload"],
        users=tuple(event["users"]),
        private=event["private"],
        created_at=row["created_at"],
    )
