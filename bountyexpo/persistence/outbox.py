"""Effects on the outside world, left in the transaction of the decision and carried out after it.

The relay leases rows that are due (``for update skip locked``, so any number of nodes may work),
hands each to the handler of its type, and marks it done; a failure is tried again with growing
pauses. A node that dies leaves its leases to run out, or to whoever takes the database over, who
frees them. So an effect runs at least once: handlers carry an idempotency key outside.

Effects of one aggregate are carried out in their order, whichever nodes do it: none is leased while
an earlier one is due, leased, or waits for another try. One that was left for a later time is a
timer, and holds up nobody. What no handler knows, and what failed to the last, is a dead letter:
it stays in the table, raises an alarm, and lets those behind it go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import trio

from bountyexpo.domain.ids import new_id
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.persistence.after_commit import Bell
    from bountyexpo.persistence.queries import Database, Queries

# How many rows one relay takes at once, of as many aggregates; it works on all of them together, so
# that each is done with before its lease has run out.
BATCH_ROWS = 16

# A relay that has not finished with a row by then has died, as far as the others can tell.
LEASE_S = 60

# The pauses grow from the first to the last, by two; together about an hour and a half.
ATTEMPTS_MAX = 12
BACKOFF_FIRST_S = 2.0
BACKOFF_MAX_S = 1800.0

ERROR_CHARS_MAX = 500

# How often the relay looks when nobody wakes it; effects of other nodes are found by this.
INTERVAL_S = 1.0

WRITE = """
    insert into outbox (aggregate_type, aggregate_id, aggregate_version, type, payload, recipients,
                        available_at)
    select aggregate_type, aggregate_id, version, type, payload, recipients,
           clock_timestamp() + make_interval(secs => due_after_s)
    from jsonb_to_recordset(%s) as i(aggregate_type text, aggregate_id text, version bigint,
                                     type text, payload jsonb, recipients uuid[],
                                     due_after_s double precision)
"""

_LEASE = """
    with due as (
        select o.id from outbox o
        where o.status in ('pending', 'leased') and o.available_at <= clock_timestamp()
            and not exists (
                select 1 from outbox before
                where before.aggregate_type = o.aggregate_type
                    and before.aggregate_id = o.aggregate_id and before.id < o.id
                    and before.status in ('pending', 'leased')
                    and (before.attempts > 0 or before.available_at <= clock_timestamp()))
        order by o.available_at, o.id limit %(limit)s for update skip locked
    )
    update outbox o set status = 'leased', attempts = attempts + 1, lease_owner = %(owner)s,
        available_at = clock_timestamp() + make_interval(secs => %(lease_s)s::int)
    from due where o.id = due.id
    returning o.id, o.aggregate_type, o.aggregate_id, o.aggregate_version, o.type, o.payload,
              o.recipients, o.attempts, o.created_at
"""

# A relay may have died of this very effect: only the first time is it tried again at once.
_FREE = """
    update outbox set status = 'pending', lease_owner = null,
        available_at = least(available_at, clock_timestamp() + make_interval(
            secs => case when attempts > 1
                then least(%(most_s)s::double precision,
                           %(first_s)s::double precision * 2 ^ (attempts - 1))
                else 0 end))
    where status = 'leased'
"""

_DONE = """
    update outbox set status = 'done', done_at = clock_timestamp(), lease_owner = null
    where id = %s and lease_owner = %s
"""

_FAILED = """
    update outbox set status = 'pending', last_error = %s, lease_owner = null,
        available_at = clock_timestamp() + make_interval(secs => %s::double precision)
    where id = %s and lease_owner = %s
"""

_DEAD = """
    update outbox set status = 'dead', last_error = %s, lease_owner = null
    where id = %s and lease_owner = %s
"""

_LAG = """
    select coalesce(extract(epoch from clock_timestamp() - min(available_at)), 0)::float8 as lag_s
    from outbox where status = 'pending' and available_at <= clock_timestamp()
"""

_PRUNE = "delete from outbox where status = 'done' and done_at < now() - make_interval(days => %s)"

_log = get_logger(__name__)


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the outbox, as a handler sees it; ``id`` serves as idempotency key outside."""

    id: int
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    type: str
    payload: dict[str, Any]
    # Whom it is for, where it is for people; one row, however many they are.
    recipients: tuple[str, ...]
    attempts: int
    created_at: datetime


# Carries out one effect; raises when that has to be tried again.
Handler: TypeAlias = Callable[[Effect], Awaitable[None]]

# Lets people know of a dead letter, in the transaction that makes it one.
Alarm: TypeAlias = Callable[["Queries", Effect, str], Awaitable[None]]


def row(
    type: str,  # noqa: A002 - the column's own name
    aggregate: tuple[str, str],
    version: int,
    payload: Mapping[str, Any],
    *,
    recipients: Sequence[str],
    due_after_s: float,
) -> dict[str, Any]:
    """Return the row that ``WRITE`` takes."""
    return {
        "aggregate_type": aggregate[0],
        "aggregate_id": aggregate[1],
        "version": version,
        "type": type,
        "payload": payload,
        "recipients": sorted(set(recipients)),
        "due_after_s": due_after_s,
    }


async def lease(db: Queries, *, owner: str, limit: int, lease_s: int = LEASE_S) -> list[Effect]:
    """Take effects that are due; nobody else gets them before the lease has run out."""
    rows = await db.fetch(_LEASE, {"owner": owner, "limit": limit, "lease_s": lease_s})
    effects = [Effect(**{**found, "recipients": tuple(found["recipients"])}) for found in rows]
    return sorted(effects, key=lambda effect: effect.id)


async def free(db: Queries) -> int:
    """Give back what relays that are no more had taken; return how many effects there were."""
    return await db.execute(_FREE, {"first_s": BACKOFF_FIRST_S, "most_s": BACKOFF_MAX_S})


async def prune(db: Queries, days: int) -> int:
    """Forget effects that were done longer ago than this; return how many."""
    return await db.execute(_PRUNE, (days,))


class Relay:
    """Carries out the effects: a supervised child. The bell makes it look at once."""

    def __init__(
        self,
        db: Database,
        handlers: Mapping[str, Handler],
        bell: Bell,
        alarm: Alarm,
        *,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._db = db
        self._handlers = handlers
        self._interval_s = interval_s
        self._owner = new_id()
        self._bell = bell
        self._alarm = alarm

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Relay until cancelled."""
        task_status.started()
        while True:
            try:
                while await self.run_once():
                    pass
            except DatabaseUnavailable:
                _log.debug("outbox waits for the database")
            await self._bell.wait(self._interval_s)

    async def run_once(self) -> int:
        """Carry out one batch of what is due; return how many rows there were."""
        effects = await lease(self._db, owner=self._owner, limit=BATCH_ROWS)
        if not effects:
            metrics.OUTBOX_LAG_S.set(0)
            return 0
        found = await self._db.fetch_one(_LAG)
        metrics.OUTBOX_LAG_S.set(found["lag_s"] if found else 0)
        async with trio.open_nursery() as nursery:
            for effect in effects:
                nursery.start_soon(self._carry_out, effect)
        return len(effects)

    async def _carry_out(self, effect: Effect) -> None:
        handler = self._handlers.get(effect.type)
        if handler is None:
            await self._bury(effect, "no handler knows this type")
            return
        if effect.attempts > ATTEMPTS_MAX:
            await self._bury(effect, "whoever tried it to the last has died")
            return
        try:
            with trio.fail_after(LEASE_S / 2):
                await handler(effect)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is written down and retried
            await self._note_failure(effect, f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX])
        else:
            await self._write(_DONE, (effect.id, self._owner))
            metrics.OUTBOX_EVENTS.labels(effect.type).inc()

    async def _note_failure(self, effect: Effect, reason: str) -> None:
        if effect.attempts >= ATTEMPTS_MAX:
            await self._bury(effect, reason)
            return
        pause_s = min(BACKOFF_FIRST_S * 2 ** (effect.attempts - 1), BACKOFF_MAX_S)
        _log.warning("effect failed", type=effect.type, id=effect.id, reason=reason)
        await self._write(_FAILED, (reason, pause_s, effect.id, self._owner))

    async def _bury(self, effect: Effect, reason: str) -> None:
        """Make a dead letter of an effect, and raise the alarm; both or neither."""
        try:
            async with self._db.transaction() as tx:
                is_ours = await tx.execute(_DEAD, (reason, effect.id, self._owner))
                if is_ours:
                    await self._alarm(tx, effect, reason)
        except DatabaseUnavailable:
            _log.warning("dead letter not marked; its lease will run out", id=effect.id)
            return
        if is_ours:
            _log.error("effect is a dead letter", type=effect.type, id=effect.id, reason=reason)
            metrics.OUTBOX_DEAD.labels(effect.type).inc()

    async def _write(self, sql: str, params: tuple[Any, ...]) -> None:
        try:
            await self._db.execute(sql, params)
        except DatabaseUnavailable:
            _log.warning("effect not marked; its lease will run out", id=params[-2])
