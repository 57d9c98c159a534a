"""Transactions that keep what they are told, with a database or without one.

An actor's command is tested twice by the same test. ``RecordingDatabase`` has no PostgreSQL behind
it: a script answers each statement that the command runs. ``RecordedPool`` has one, and keeps as
well what the command tells. What is told counts once the transaction has committed, and not at all
when it was rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from bountyexpo.persistence.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from bountyexpo.domain.events import Event
    from bountyexpo.domain.notices import Audience, Notice
    from bountyexpo.persistence.pool import Pool

Row: TypeAlias = dict[str, Any]
# The rows that a statement returns for its parameters.
Answers: TypeAlias = "Mapping[str, Callable[[Any], Sequence[Row]]]"


class ToldEvent(NamedTuple):
    """One event, the entity whose stream it goes to, and who hears it wherever they are."""

    event: Event
    of: str
    users: tuple[str, ...]


class ToldNotice(NamedTuple):
    """What is told to people while they are away."""

    kind: Notice
    recipients: tuple[str, ...] | Audience
    data: Mapping[str, Any]
    dedupe_key: str


@dataclass
class Told:
    """All that was told by the transactions that have committed."""

    events: list[ToldEvent] = field(default_factory=list)
    notices: list[ToldNotice] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    audits: list[str] = field(default_factory=list)

    def notices_once(self) -> list[ToldNotice]:
        """The notices without those that repeat a key: two machines may tell of the same thing."""
        return list({notice.dedupe_key: notice for notice in self.notices}.values())

    def add(self, other: Told) -> None:
        """Take over what a transaction was told."""
        self.events += other.events
        self.notices += other.notices
        self.effects += other.effects
        self.audits += other.audits

    def clear(self) -> None:
        """Forget it all."""
        self.events, self.notices, self.effects, self.audits = [], [], [], []


class Listening:
    """The part of a transaction that is told things; ``told`` is what it heard."""

    def __init__(self) -> None:
        self.told = Told()

    def event(self, event: Event, *, of: str, users: Sequence[str] = ()) -> None:
        self.told.events.append(ToldEvent(event, of, tuple(users)))

    def notify(
        self,
        kind: Notice,
        recipients: Sequence[str] | Audience,
        data: Mapping[str, Any],
        *,
        dedupe_key: str,
    ) -> None:
        named = recipients if isinstance(recipients, str) else tuple(recipients)
        self.told.notices.append(ToldNotice(kind, named, data, dedupe_key))

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
        self.told.effects.append(type)

    def audit(
        self,
        *,
        category: str,
        action: str,
        actor_id: str | None,
        target: tuple[str, str],
        **metadata: Any,
    ) -> None:
        self.told.audits.append(f"{category}.{action}")


class RecordingTransaction(Listening):
    """A transaction on no database: its statements are answered by a script."""

    def __init__(self, database: RecordingDatabase) -> None:
        super().__init__()
        self._database = database

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._database.told.add(self.told)

    async def fetch(self, sql: str, params: Any = ()) -> list[Row]:
        return await self._database.fetch(sql, params)

    async def fetch_one(self, sql: str, params: Any = ()) -> Row | None:
        return await self._database.fetch_one(sql, params)

    async def execute(self, sql: str, params: Any = ()) -> int:
        return await self._database.execute(sql, params)

    async def lock(self, name: str) -> None:
        """Nobody else is there."""


class RecordingDatabase:
    """What a command takes for its pool; a statement without an answer fails the test."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.told = Told()

    def transaction(self) -> RecordingTransaction:
        return RecordingTransaction(self)

    async def fetch(self, sql: str, params: Any = ()) -> list[Row]:
        assert sql in self._answers, f"the script has no answer for {sql}"
        return list(self._answers[sql](params))

    async def fetch_one(self, sql: str, params: Any = ()) -> Row | None:
        return next(iter(await self.fetch(sql, params)), None)

    async def execute(self, sql: str, params: Any = ()) -> int:
        return len(await self.fetch(sql, params))


class RecordedTransaction(Listening, Transaction):
    """A transaction on a database, which keeps what it is told."""

    def __init__(self, pool: Pool, told: Told) -> None:
        Listening.__init__(self)
        Transaction.__init__(self, pool)
        self._all = told

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await Transaction.__aexit__(self, kind, error, trace)
        if error is None:
            self._all.add(self.told)

    def event(self, event: Event, **more: Any) -> None:
        Listening.event(self, event, **more)
        Transaction.event(self, event, **more)

    def notify(self, *what: Any, **more: Any) -> None:
        Listening.notify(self, *what, **more)
        Transaction.notify(self, *what, **more)

    def effect(self, *what: Any, **more: Any) -> None:
        Listening.effect(self, *what, **more)
        Transaction.effect(self, *what, **more)

    def audit(self, **what: Any) -> None:
        Listening.audit(self, **what)
        Transaction.audit(self, **what)


class RecordedPool:
    """A pool whose transactions are recorded; for the rest it is the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.told = Told()

    def transaction(self) -> RecordedTransaction:
        return RecordedTransaction(self._pool, self.told)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)
