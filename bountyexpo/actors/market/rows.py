"""The rows that the owner of a bounty keeps, and what the rules want to know of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.market.completion import State as Work
from bountyexpo.persistence.market import (
    bounties,
    cancellations,
    disputes,
    overlays,
    requests,
    submissions,
)
from bountyexpo.persistence.market.bounties import Bounty
from bountyexpo.persistence.market.cancellations import Cancellation
from bountyexpo.persistence.market.disputes import Dispute
from bountyexpo.persistence.market.requests import Application
from bountyexpo.persistence.market.submissions import Submission
from bountyexpo.persistence.market.updates import Update
from bountyexpo.persistence.money import escrows
from bountyexpo.persistence.money.escrows import Escrow

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries


class Rows(msgspec.Struct, kw_only=True):
    """A bounty and what belongs to it; of work, cancellations and disputes the newest.

    There may be any number of applications. So of these only those are here that the present
    command is about, or that its effects have looked up; none of them is kept after it.
    """

    bounty: Bounty
    applications: dict[str, Application] = msgspec.field(default_factory=dict)
    # Whether the poster has an application to answer.
    has_waiting_applications: bool = False
    # That of the present funding round; None where nothing was ever paid.
    escrow: Escrow | None = None
    submission: Submission | None = None
    ready_at: datetime | None = None
    cancellation: Cancellation | None = None
    dispute: Dispute | None = None
    hidden_by: frozenset[str] = frozenset()
    rated_by: frozenset[str] = frozenset()
    # What the present command tells the other side.
    update: Update | None = None
    # The conversation of poster and hunter, where it is known.
    conversation_id: str | None = None

    def draft(self) -> Rows:
        """Return a copy that a step may write to."""
        return msgspec.structs.replace(self, applications=dict(self.applications))

    def knowing(self, *applications: Application | None) -> Rows:
        """Return a copy with what a command has to know of applications, and nothing else."""
        found = {row.id: row for row in applications if row is not None}
        return msgspec.structs.replace(self, applications=found, update=None)

    @property
    def work(self) -> Work:
        """Where the work of the present hunter stands."""
        submission = self.submission
        if submission is not None and submission.hunter_id == self.bounty.hunter_id:
            return Work(submission.status)
        return Work.NONE if self.ready_at is None else Work.READY

    @property
    def live_dispute(self) -> Dispute | None:
        """The dispute that is to be decided, if there is one."""
        return self.dispute if self.dispute is not None and self.dispute.is_live else None

    def application_of(self, hunter_id: str | None) -> Application | None:
        """Return the application of this hunter, if it is known."""
        mine = (row for row in self.applications.values() if row.hunter_id == hunter_id)
        return next(mine, None)


async def load(db: Queries, bounty_id: str) -> Rows | None:
    """Read a bounty and what belongs to it; None where there is none."""
    bounty = await bounties.get(db, bounty_id)
    if bounty is None:
        return None
    over = await overlays.of_bounty(db, bounty_id)
    return Rows(
        bounty=bounty,
        has_waiting_applications=await requests.has_waiting(db, bounty_id),
        escrow=await escrows.newest(db, bounty_id),
        submission=await submissions.newest(db, bounty_id),
        ready_at=over.ready_at,
        cancellation=(
            await cancellations.get(db, over.cancellation_id) if over.cancellation_id else None
        ),
        dispute=await disputes.get(db, over.dispute_id) if over.dispute_id else None,
        hidden_by=frozenset(over.hidden_by),
        rated_by=frozenset(over.rated_by),
    )
