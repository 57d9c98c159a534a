"""Telling bounties that something is due for them: found by queries, told one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from bountyexpo.actors.market.bounty_messages import TakeStep
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.errors import BountyExpoError
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.market import due

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from bountyexpo.actors.market.bounty_messages import BountyKind
    from bountyexpo.domain.policy import Policy, Quiet
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.runtime import Ref

# So many are told at once.
BATCH = 100

log = get_logger(__name__)


class Told(NamedTuple):
    """How many bounties were told that something is due, and how it went."""

    processed: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One look for what is due now."""

    db: Queries
    bounty: Callable[[str], Ref[BountyKind]]
    policy: Policy
    now: datetime

    async def expired(self) -> Told:
        """Tell of end dates that have passed, and of those that passed long ago."""
        found = await due.expired(self.db, MACHINE.moved_by(Event.EXPIRY_TICK), self.now, BATCH)
        if self.policy.expired_archive_days:
            told_before = self.now - timedelta(days=self.policy.expired_archive_days)
            found += await due.long_expired(
                self.db, told_before=told_before, now=self.now, limit=BATCH
            )
        return await self._tell(found, Event.EXPIRY_TICK, Role.TIMER)

    async def quiet(self) -> Told:
        """Tell of bounties that nobody moves."""
        found: list[str] = []
        for rule, query in (
            (self.policy.unanswered, due.unanswered),
            (self.policy.idle, due.idle),
        ):
            if rule.notice_days:
                since, told = self._bounds(rule)
                found += await query(self.db, silent_before=since, told_before=told, limit=BATCH)
        return await self._tell(found, Event.QUIET_TICK, Role.TIMER)

    async def left(self) -> Told:
        """Tell of bounties whose hunter or poster has no account any more."""
        alone = await due.without_hunter(self.db, MACHINE.moved_by(Event.HUNTER_GONE), BATCH)
        orphaned = await due.without_poster(self.db, MACHINE.moved_by(Event.POSTER_GONE), BATCH)
        hunters = await self._tell(alone, Event.HUNTER_GONE, Role.SYSTEM)
        posters = await self._tell(orphaned, Event.POSTER_GONE, Role.SYSTEM)
        return Told(*(one + other for one, other in zip(hunters, posters, strict=True)))

    def _bounds(self, rule: Quiet) -> tuple[datetime, datetime | None]:
        """Return before when all must be silent, and before when people must have been told."""
        silent_before = self.now - timedelta(days=rule.notice_days)
        if not rule.end_days:
            return silent_before, None
        return silent_before, self.now - timedelta(days=rule.end_days - rule.notice_days)

    async def _tell(self, found: Iterable[str], event: Event, role: Role) -> Told:
        step = TakeStep(event=event, actor_id=None, role=role)
        succeeded = failed = 0
        for bounty_id in dict.fromkeys(found):
            try:
                await self.bounty(bounty_id).ask(step)
                succeeded += 1
            except BountyExpoError as error:
                failed += 1
                told = {"bounty": bounty_id, "step": event.value, "error": error.error_code}
                log.warning("a bounty was not told what is due", **told)
        return Told(succeeded + failed, succeeded, failed)
