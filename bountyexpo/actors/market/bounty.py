"""The bounty actor: one decision at a time about one bounty, each in one transaction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import msgspec

from bountyexpo.actors.market import applying, closing, judging, posting, rows, stepping
from bountyexpo.actors.market.bounty_messages import (
    BountyKind,
    BountyMessage,
    CloseSome,
    CreateBounty,
    Created,
    StepTaken,
    SubmitApplication,
    TakeDisputeStep,
    TakeStep,
)
from bountyexpo.domain.market.bounty import Status
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.domain.market.events import BountyInFeed
from bountyexpo.domain.market.search.matching import subject_of
from bountyexpo.observability import metrics
from bountyexpo.persistence.market.requests import Application
from bountyexpo.runtime import Actor, Context

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.domain.market.search.matching import Subject
    from bountyexpo.persistence.market.bounties import Bounty

Reply: TypeAlias = Created | Application | StepTaken | bool

COUNTED: Final = {
    Status.IN_PROGRESS: metrics.BOUNTIES_ACCEPTED,
    Status.COMPLETED: metrics.BOUNTIES_COMPLETED,
}


class BountyActor(Actor[BountyKind]):
    """One bounty with its applications, its work, its cancellations, disputes and escrow.

    Owns:      the rows of all of these, at the version of the bounty.
    Accepts:   CreateBounty, SubmitApplication, TakeStep, CloseSome, TakeDisputeStep.
    Persists:  each decision with all of its effects, events and audit in one transaction.
    Restarts:  reloads the committed rows; a repeated message finds its step done.
    """

    kind = "bounty"

    def __init__(
        self, actor_id: str, context: Context[BountyKind], ports: ActorDependencies
    ) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._rows: Rows | None = None

    async def load(self) -> None:
        """Read the bounty and what belongs to it."""
        self._rows = await rows.load(self._ports.db, self.id)

    async def handle(self, message: BountyMessage) -> Reply:
        """Decide one message, and keep what has become of the rows."""
        ports, now = self._ports, self.context.now()
        kept: Rows | None
        reply: Reply
        match message:
            case CreateBounty():
                if self._rows is not None:
                    return Created(bounty=self._rows.bounty, replayed=True)
                kept, reply = await posting.create(ports, self.id, message, now)
            case SubmitApplication():
                kept, reply = await applying.apply(ports, self._present, message, now)
            case TakeStep():
                kept, reply = await stepping.take(ports, self._present, message, now)
            case CloseSome():
                kept, reply = await closing.close_some(ports, self._present, now)
            case TakeDisputeStep():
                kept, reply = await judging.judge(ports, self._present, message, now)
            case _:
                assert_never(message)
        self._keep(kept)
        return reply

    def __repr__(self) -> str:
        return (
            f"<BountyActor {self.id} {self._rows.bounty.status.value if self._rows else 'absent'}>"
        )

    @property
    def _present(self) -> Rows:
        if self._rows is None:
            raise MACHINE.absent.raised(None)
        return self._rows

    def _keep(self, kept: Rows | None) -> None:
        """Count and show what has changed for everybody; only what has committed comes here."""
        before = self._rows
        # Of the applications the next command looks up what it needs.
        self._rows = kept.knowing() if kept is not None else None
        if kept is None or (before is not None and kept.bounty is before.bounty):
            return
        bounty, earlier = kept.bounty, before.bounty if before else None
        if earlier is None:
            metrics.BOUNTIES_CREATED.labels(hasAmount=str(bool(bounty.amount_cents)).lower()).inc()
        elif earlier.status is not bounty.status and bounty.status in COUNTED:
            COUNTED[bounty.status].inc()
        if _is_news_to_all(earlier, bounty):
            self._ports.feed(self.id, _in_feed(bounty), partial(_subject, bounty))


def _subject(bounty: Bounty) -> Subject:
    return subject_of(bounty, status=bounty.status.value, amount_cents=bounty.amount_cents)


def _is_news_to_all(earlier: Bounty | None, bounty: Bounty) -> bool:
    """Tell whether the list of open bounties looks different now."""
    if earlier is None:
        return True
    if Status.OPEN not in {earlier.status, bounty.status}:
        return False
    shown = msgspec.structs.replace(_in_feed(earlier), version=bounty.version)
    return shown != _in_feed(bounty)


def _in_feed(bounty: Bounty) -> BountyInFeed:
    """Return what anybody may see of a bounty in the public feed."""
    return BountyInFeed(
        bounty_id=bounty.id,
        status=bounty.status.value,
        title=bounty.title,
        amount_cents=bounty.amount_cents,
        is_for_honor=bounty.is_for_honor,
        poster_id=bounty.poster_id,
        username=bounty.username,
        category=bounty.category,
        work_type=bounty.work_type,
        version=bounty.version,
    )
