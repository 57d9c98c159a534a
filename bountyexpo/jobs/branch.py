"""The jobs that run beside the actors, each a supervised child.

Effects and webhooks are taken under row locks, so every node works on them; of the others a lease
picks one node.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.actors.money.payment import RESUME
from bountyexpo.actors.money.provider_events import ProviderEvents
from bountyexpo.domain.ids import new_id
from bountyexpo.jobs import prune
from bountyexpo.jobs.market import expiry
from bountyexpo.jobs.money import books, deposits, webhooks
from bountyexpo.persistence import leases
from bountyexpo.persistence.outbox import Relay
from bountyexpo.supervisors import ChildSpec, Job, Supervisor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.actors.system import Actors
    from bountyexpo.persistence.after_commit import Bell
    from bountyexpo.persistence.outbox import Handler
    from bountyexpo.persistence.pool import Pool


def effect_handlers(actors: Actors) -> Mapping[str, Handler]:
    """Return who carries out each type of effect."""
    return {RESUME: partial(deposits.resume_payment, actors)}


def webhook_job(db: Pool, actors: Actors) -> Job:
    """Return the job that routes stored webhooks; whoever stores one wakes it."""
    body = partial(webhooks.process_webhooks, db, ProviderEvents(db, actors))
    return Job("webhooks", webhooks.EVERY_S, body)


def branch(db: Pool, actors: Actors, bell: Bell, webhooks_job: Job) -> ChildSpec:
    """Build the supervisor of all jobs; ``bell`` is rung when effects were left."""
    relay = Relay(db, effect_handlers(actors), bell)
    children = [
        ChildSpec(id="outbox", start=relay.run),
        webhooks_job.as_child(),
        _one_node_job(db, "books", books.EVERY_S, books.check_books),
        _one_node_job(db, "prune", prune.EVERY_S, prune.prune),
        _one_node_job(db, "expiry", expiry.EVERY_S, partial(expiry.tell_expired, actors)),
        _one_node_job(db, "unpaid", deposits.EVERY_S, partial(deposits.give_up_unpaid, actors)),
    ]
    return Supervisor("jobs", children).as_child()


def _one_node_job(
    db: Pool, name: str, every_s: float, body: Callable[[Pool], Awaitable[None]]
) -> ChildSpec:
    """Return a job that one node runs; another takes over when that one misses two periods."""
    lease = partial(leases.held, db, name, new_id(), 2 * every_s)
    return Job(name, every_s, partial(body, db), lease=lease).as_child()
