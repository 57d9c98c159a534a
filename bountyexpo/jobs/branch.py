"""The jobs that run beside the actors, each a supervised child.

Effects and webhooks are taken under row locks, so every node works on them; of the others a lease
picks one node.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.actors.market.effects.applications import CLOSE_REST
from bountyexpo.actors.market.posting import SEARCH_ALERTS
from bountyexpo.actors.money.payment import RESUME
from bountyexpo.actors.money.provider_events import ProviderEvents
from bountyexpo.jobs.chat.reactions import REACTIONS
from bountyexpo.jobs.market.applications import close_rest
from bountyexpo.jobs.market.disputes import DISPUTES, STAGED_EVIDENCE
from bountyexpo.jobs.market.expiry import EXPIRY, LEFT, QUIET
from bountyexpo.jobs.market.search_alerts import tell_searchers
from bountyexpo.jobs.market.search_index import SEARCH_INDEX
from bountyexpo.jobs.money import webhooks, withdrawals
from bountyexpo.jobs.money.books import BOOKS, STUCK_WEBHOOKS
from bountyexpo.jobs.money.dead_letters import tell_dead_letter
from bountyexpo.jobs.money.deposits import PROCESSING, UNPAID, resume_payment
from bountyexpo.jobs.prune import PRUNE
from bountyexpo.jobs.users.sign_ins import SIGN_INS
from bountyexpo.persistence.outbox import Relay
from bountyexpo.supervisors import ChildSpec, Every, Job, Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.actors.system import Actors
    from bountyexpo.jobs.periodic import JobDependencies
    from bountyexpo.persistence.after_commit import Bell
    from bountyexpo.persistence.outbox import Handler
    from bountyexpo.persistence.pool import Pool

# What runs by the clock, on one node of all.
PERIODIC = (
    BOOKS,
    *DISPUTES,
    EXPIRY,
    LEFT,
    PROCESSING,
    PRUNE,
    QUIET,
    REACTIONS,
    SEARCH_INDEX,
    SIGN_INS,
    STAGED_EVIDENCE,
    STUCK_WEBHOOKS,
    UNPAID,
    withdrawals.DUE,
)


def effect_handlers(actors: Actors, db: Pool) -> Mapping[str, Handler]:
    """Return who carries out each type of effect that a transaction may leave."""
    ask = partial(withdrawals.carry_out, actors, db)
    return dict.fromkeys(withdrawals.CALLS, ask) | {
        CLOSE_REST: partial(close_rest, actors),
        RESUME: partial(resume_payment, actors),
        withdrawals.MAKE_ACCOUNT: partial(withdrawals.make_account, actors),
        withdrawals.RETRY: partial(withdrawals.begin_retry, actors),
        SEARCH_ALERTS: partial(tell_searchers, db),
    }


def webhook_job(dependencies: JobDependencies, *, livemode: bool) -> Job:
    """Return the job that routes stored webhooks; whoever stores one wakes it."""
    db = dependencies.db
    events = ProviderEvents(db, dependencies.actors, livemode=livemode)
    body = partial(webhooks.process_webhooks, db, events)
    return Job("webhooks", Every(webhooks.EVERY_S), body)


def branch(dependencies: JobDependencies, bell: Bell, webhooks_job: Job) -> ChildSpec:
    """Build the supervisor of all jobs; ``bell`` is rung when effects were left."""
    handlers = effect_handlers(dependencies.actors, dependencies.db)
    relay = Relay(dependencies.db, handlers, bell, tell_dead_letter)
    children = [
        ChildSpec(id="outbox", start=relay.run),
        webhooks_job.as_child(),
        *(periodic.job(dependencies).as_child() for periodic in PERIODIC),
    ]
    return Supervisor("jobs", children).as_child()
