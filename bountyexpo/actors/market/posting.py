"""Posting a bounty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.bounty_messages import CreateBounty, Created
from bountyexpo.actors.market.commit import audited, tell_status
from bountyexpo.actors.market.effects.tables import carry_out
from bountyexpo.actors.market.rows import Rows
from bountyexpo.actors.market.step import Command, Step
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event, Facts
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.domain.policy import DAY_S
from bountyexpo.persistence import idempotency
from bountyexpo.persistence.market import bounties, bounty_writes
from bountyexpo.persistence.market.bounty_writes import NewBounty
from bountyexpo.persistence.users import users

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.domain.policy import Policy
    from bountyexpo.persistence.transaction import Transaction

# Which bounty a creation has made is kept under this scope and the caller's key.
CREATE_SCOPE = "bounty.made"

# The effect by which those hear of a bounty who look for one like it.
SEARCH_ALERTS = "search.alerts"


async def create(
    ports: ActorDependencies, bounty_id: str, message: CreateBounty, now: datetime
) -> tuple[Rows | None, Created]:
    """Post a bounty and lock its price; a repeated request finds the bounty that it made."""
    command = Command(
        actor_id=message.poster_id,
        role=Role.POSTER,
        now=now,
        policy=ports.policy,
        terms=message.terms,
    )
    rows = None
    async with ports.db.transaction() as tx:
        await tx.lock(f"post:{message.poster_id}")
        earlier_id = await _earlier(tx, message, ports.policy)
        if earlier_id is None:
            rows = await _post(tx, bounty_id, message, command)
    if rows is not None:
        return rows, Created(bounty=rows.bounty, replayed=False)
    assert earlier_id is not None
    earlier = await bounties.get(ports.db, earlier_id)
    assert earlier is not None
    return None, Created(bounty=earlier, replayed=True)


async def _earlier(tx: Transaction, message: CreateBounty, policy: Policy) -> str | None:
    """Return the bounty that an earlier delivery of this request made."""
    if message.idempotency_key is None:
        within_s = policy.repost_window_s
        return await bounties.recent_twin(tx, message.poster_id, message.terms, within_s=within_s)
    stored = await idempotency.claim(
        tx,
        scope=CREATE_SCOPE,
        user_id=message.poster_id,
        key=message.idempotency_key,
        request_hash=message.request_hash,
    )
    return stored.response["bountyId"] if stored else None


async def _post(tx: Transaction, bounty_id: str, message: CreateBounty, command: Command) -> Rows:
    poster_id, terms, policy = message.poster_id, message.terms, command.policy
    poster = await users.get(tx, poster_id)
    posted = await bounties.posted(tx, poster_id, within_s=DAY_S)
    facts = Facts(
        is_paid=terms.amount_cents > 0,
        is_verified=poster is not None and poster.email_verified_at is not None,
        has_posts_left=posted < policy.bounties_per_day_max,
    )
    decision = MACHINE.decide(None, Event.CREATE, command.role, facts)
    new = NewBounty(
        terms=terms, funding=policy.terms(), status=decision.state, posted_at=command.now
    )
    rows = Rows(bounty=await bounty_writes.insert(tx, bounty_id, poster_id, new))
    step = Step(
        command=command,
        before=rows,
        after=rows.draft(),
        event=Event.CREATE,
        decision=decision,
        role=command.role,
    )
    tell_status(tx, step, None)
    tx.effect(SEARCH_ALERTS, ("bounty", bounty_id), rows.bounty.version, {})
    await carry_out(tx, step)
    await audited(tx, step)
    if message.idempotency_key is not None:
        await idempotency.store(
            tx,
            scope=CREATE_SCOPE,
            user_id=poster_id,
            key=message.idempotency_key,
            response={"bountyId": bounty_id},
            status_code=201,
        )
    return step.after
