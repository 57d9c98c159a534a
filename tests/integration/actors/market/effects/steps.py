"""Steps of a bounty without a command: decided on what is stored, and committed like the actor's.

After each step the rows that an owner would keep are compared with those that it would load.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from bountyexpo.actors.market import rows as kept_rows
from bountyexpo.actors.market.commit import commit
from bountyexpo.actors.market.effects import disputes
from bountyexpo.actors.market.step import Change, Command, decide
from bountyexpo.domain.machine import Role
from bountyexpo.domain.policy import Policy
from bountyexpo.persistence.market import requests

if TYPE_CHECKING:
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.domain.market import dispute
    from bountyexpo.domain.market.bounty import Event

PRICE = 10_000


class Job:
    """One bounty with its poster, a hunter who may be accepted, and an admin."""

    def __init__(self, market: Any, poster: str, hunter: str, admin: str, bounty_id: str) -> None:
        self.market, self.db = market, market.db
        self.poster, self.hunter, self.admin, self.id = poster, hunter, admin, bounty_id

    async def rows(self) -> Rows:
        found = await kept_rows.load(self.db, self.id)
        assert found is not None
        return found

    async def take(
        self,
        event: Event,
        actor_id: str | None,
        role: Role | None = None,
        *,
        about: str | None = None,
        **given: Any,
    ) -> Rows:
        """Take a step as the bounty's owner would, ``about`` the application of somebody."""
        rows = await self.rows()
        command = self._command(rows, actor_id, role, given)
        application = await requests.of_hunter(self.db, self.id, about or self.hunter)
        step = decide(rows.knowing(application), event, command, application=application)
        assert step.decision.is_move
        async with self.db.transaction() as tx:
            kept = await commit(tx, step)
        await self._same(kept)
        return kept

    async def judge(
        self,
        event: dispute.Event,
        actor_id: str | None,
        role: Role,
        *,
        known: dict[str, Any] | None = None,
        **given: Any,
    ) -> Rows:
        """Take a step of the dispute."""
        rows = await self.rows()
        bounty_role = Role.ADMIN if actor_id == self.admin else None
        bounty_role = bounty_role or (Role.SYSTEM if actor_id is None else None)
        command = self._command(rows, actor_id, bounty_role, given)
        change = Change(command=command, before=rows, after=rows.draft())
        step = disputes.decided(change, event, role, **known or {})
        assert step.decision.is_move
        async with self.db.transaction() as tx:
            kept = await commit(tx, step)
        await self._same(kept)
        return kept

    async def begin(self) -> None:
        """Let the hunter be accepted."""
        applied = await self.market.apply(self.hunter, self.id)
        await self.market.accept(self.poster, self.id, applied.id)

    async def notices(self) -> dict[str, Any]:
        """What people are told while they are away, by the keys."""
        found = await self.db.fetch("select * from notices order by id")
        return {row["dedupe_key"]: row for row in found}

    async def told(self, kind: str) -> list[Any]:
        return [event.payload for event in await self.market.events(self.id, kind)]

    async def one(self, sql: str, *params: Any) -> Any:
        return await self.db.fetch_one(sql, params)

    def _command(
        self, rows: Rows, actor_id: str | None, role: Role | None, given: dict[str, Any]
    ) -> Command:
        fields = {"now": datetime.now(UTC)} | given
        if role is None:
            assert actor_id is not None
            role = rows.bounty.parties.role_of(actor_id)
        return Command(actor_id=actor_id, role=role, policy=Policy(), **fields)

    async def _same(self, kept: Rows) -> None:
        stored = await self.rows()
        same = msgspec.structs.replace(kept.knowing(), conversation_id=None)
        stored.conversation_id = None
        assert msgspec.to_builtins(same) == msgspec.to_builtins(stored)


async def a_job(market: Any, *, cents: int = PRICE, wallet: int = 3 * PRICE, **terms: Any) -> Job:
    """Let somebody post a bounty, paid from their wallet."""
    poster = await market.person(cents=wallet)
    hunter, admin = await market.person(), await market.person()
    bounty_id = await market.bounty(poster, cents=cents, **terms)
    return Job(market, poster, hunter, admin, bounty_id)
