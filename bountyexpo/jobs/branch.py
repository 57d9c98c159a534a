"""The jobs that run beside the actors, each a supervised child.

Effects and webhooks are taken under row locks, so every node works on them; of the others a lease
picks one node.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.actors.market.bounty_messages import TellExpiry
from bountyexpo.actors.money.payment import RESUME
from bountyexpo.actors.money.payment_messages import GiveUpPayment, ResumePayment
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.market.bounty_rules import MACHINE as BOUNTY
from bountyexpo.domain.money import payment
from bountyexpo.errors import BountyExpoError
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import idempotency, leases, outbox, streams
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.money import ledger, payments
from bountyexpo.persistence.outbox import Effect, Relay
from bountyexpo.supervisors import ChildSpec, Job, Supervisor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.actors.money.provider_events import ProviderEvents
    from bountyexpo.actors.system import Actors
    from bountyexpo.persistence.pool import Pool

# Stored webhooks are looked for this often when nothing wakes the job.
WEBHOOKS_EVERY_S = 2.0

# How often the sum of all accounts is taken; it must be zero.
BOOKS_EVERY_S = 60.0

# What has served its time is deleted once an hour: events of user streams (realtime §4.4), effects
# that were carried out, idempotency keys.
PRUNE_EVERY_S = 3_600.0
STREAM_DAYS = 30
STREAM_EVENTS = 5_000
EFFECT_DAYS = 7

# A step of a payment may wait for the provider this long.
STEP_S = 20.0

# What has fallen due by time is looked for this often, and so many at once.
DUE_EVERY_S = 60.0
DUE_BATCH = 100

# A deposit that could not be given up is tried again after an hour.
GIVE_UP_AGAIN_S = 3_600.0

log = get_logger(__name__)


def branch(db: Pool, actors: Actors, events: ProviderEvents) -> ChildSpec:
    """Build the supervisor of all jobs, and let commits and webhooks wake them."""
    relay = Relay(db, {RESUME: partial(_resume_payment, actors)})
    db.on_effects = relay.wake
    webhooks = Job("webhooks", WEBHOOKS_EVERY_S, partial(_process_webhooks, db, events))
    events.on_received = webhooks.wake
    children = [
        ChildSpec(id="outbox", start=relay.run),
        webhooks.as_child(),
        _one_node_job(db, "books", BOOKS_EVERY_S, _check_books).as_child(),
        _one_node_job(db, "prune", PRUNE_EVERY_S, _prune).as_child(),
        _one_node_job(db, "expiry", DUE_EVERY_S, partial(tell_expired, actors)).as_child(),
        _one_node_job(db, "unpaid", DUE_EVERY_S, partial(give_up_unpaid, actors)).as_child(),
    ]
    return Supervisor("jobs", children).as_child()


def _one_node_job(
    db: Pool, name: str, every_s: float, body: Callable[[Pool], Awaitable[None]]
) -> Job:
    """Return a job that one node runs; another takes over when that one misses two periods."""
    lease = partial(leases.held, db, name, new_id(), 2 * every_s)
    return Job(name, every_s, partial(body, db), lease=lease)


async def _process_webhooks(db: Pool, events: ProviderEvents) -> None:
    if db.is_ready:
        await events.process_due()


async def _check_books(db: Pool) -> None:
    metrics.LEDGER_IMBALANCE_CENTS.set(await ledger.imbalance_cents(db))


async def _prune(db: Pool) -> None:
    await streams.prune(db, days=STREAM_DAYS, most=STREAM_EVENTS)
    await outbox.prune(db, EFFECT_DAYS)
    await idempotency.prune(db)


async def tell_expired(actors: Actors, db: Pool) -> None:
    """Tell the posters of bounties whose end date has passed."""
    for bounty_id in await bounties.expired(db, BOUNTY.moved_by(Event.EXPIRY_TICK), DUE_BATCH):
        try:
            await actors.bounty(bounty_id).ask(TellExpiry())
        except BountyExpoError as error:
            log.warning("an expiry was not told", bounty=bounty_id, error=error.error_code)


async def give_up_unpaid(actors: Actors, db: Pool) -> None:
    """Cancel deposits that nobody has paid in time."""
    unpaid = payment.MACHINE.moved_by(payment.Event.GIVE_UP)
    for payment_id in await payments.given_up(db, unpaid, DUE_BATCH):
        try:
            await actors.payment(payment_id).ask(GiveUpPayment(), timeout_s=STEP_S)
        except BountyExpoError as error:
            log.warning("a deposit was not given up", payment=payment_id, error=error.error_code)
        # Also when the provider had nothing new to say.
        await payments.give_up_later(db, payment_id, GIVE_UP_AGAIN_S)


async def _resume_payment(actors: Actors, effect: Effect) -> None:
    await actors.payment(effect.aggregate_id).ask(ResumePayment(), timeout_s=STEP_S)
