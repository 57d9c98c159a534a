"""How long nobody has moved a bounty or said a word about it (operations §5)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bountyexpo.domain.market.bounty import Event, Status
from bountyexpo.persistence.chat import conversations

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.domain.policy import Policy, Quiet
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.queries import Queries


async def facts(
    db: Queries, event: Event, bounty: Bounty, policy: Policy, now: datetime
) -> dict[str, bool]:
    """Return what the rules want to know before they say that a bounty is quiet.

    The second step comes as long after the first one as the policy has it, however late that was.
    """
    if event is not Event.QUIET_TICK:
        return {}
    rule = rule_of(bounty.status, policy)
    if rule is None or not rule.notice_days:
        return {}
    since = await _since(db, bounty)
    noticed = bounty.quiet_notified_at
    is_noticed = noticed is not None and noticed >= since
    grace = timedelta(days=rule.end_days - rule.notice_days)
    return {
        "is_quiet": since + timedelta(days=rule.notice_days) <= now,
        "is_quiet_noticed": is_noticed,
        "is_abandoned": bool(rule.end_days)
        and noticed is not None
        and is_noticed
        and noticed + grace <= now,
    }


def rule_of(status: Status, policy: Policy) -> Quiet | None:
    """Return after how many days something happens to a quiet bounty in this status."""
    return {Status.OPEN: policy.unanswered, Status.IN_PROGRESS: policy.idle}.get(status)


async def _since(db: Queries, bounty: Bounty) -> datetime:
    if bounty.hunter_id is None:
        return bounty.quiet_since
    sides = (bounty.poster_id, bounty.hunter_id)
    talk = await conversations.between(db, sides, bounty_id=bounty.id)
    said_at = talk.last_message_at if talk else None
    return max(bounty.quiet_since, said_at) if said_at else bounty.quiet_since
