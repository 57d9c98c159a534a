"""The escrow of a bounty: what others may want of it, each inside the caller's transaction.

The machine of ``domain.money.escrow_rules`` decides, and every effect that it names is carried out
by the table of handlers in ``effects.escrow``; then the row is written over the version that was
decided on. What is paid from a wallet needs nobody outside, so it is settled in the same step; what
was paid by card leaves a call for the outbox and waits for its outcome, which ``hear`` takes in.

Every function returns the escrow as it is after the step, so that nobody reads it again. A repeated
command changes nothing; one that finds another version than it was given raises ``StaleVersion``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.actors.money.effects.escrow import HANDLERS
from bountyexpo.actors.money.effects.escrow_step import About, Step
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.escrow import Effect, Event, Intent, Source, State, Verdict
from bountyexpo.domain.money.escrow_rules import MACHINE
from bountyexpo.domain.policy import FundingTerms
from bountyexpo.errors import InvalidRequest, NotFound
from bountyexpo.persistence.money import escrows
from bountyexpo.persistence.money.escrows import Escrow

if TYPE_CHECKING:
    from bountyexpo.domain.money.fees import Settlement
    from bountyexpo.persistence.transaction import Transaction

# A step that has begun to pay out; one that asks nobody outside ends it at once.
BEGUN = frozenset({State.RELEASING, State.REFUNDING})

# Words about a card payment that concern the round in which it was paid, and no later one.
ABOUT_CHARGEBACK = frozenset({Event.CHARGEBACK_OPEN, Event.CHARGEBACK_WON, Event.CHARGEBACK_LOST})
OUTCOMES = frozenset({Event.SETTLED, Event.REFUSED, Event.UNKNOWN})


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """What a poster pays for a bounty, and under which terms."""

    bounty_id: str
    poster_id: str
    amount_cents: int
    terms: FundingTerms
    source: Source = Source.WALLET


async def hold(tx: Transaction, funding: Funding, *, after: Escrow | None = None) -> Escrow:
    """Lock the price of a bounty in a new round, ``after`` the one that was given back if any.

    Raises:
        InsufficientBalance: the wallet does not cover the price.
        Conflict: the bounty is funded already.
    """
    is_card = funding.source is Source.CARD
    new = Escrow(
        bounty_id=funding.bounty_id,
        round=after.round + 1 if after else 1,
        poster_id=funding.poster_id,
        hunter_id=after.hunter_id if after else None,
        source=funding.source,
        amount_cents=funding.amount_cents,
        policy_version=funding.terms.policy_version,
        platform_fee_bps=funding.terms.platform_fee_bps,
        state=after.state if after else State.NONE,
        settlement_round=after.settlement_round + 1 if after else 1,
        version=after.version if after else 0,
    )
    step = Step(new, About(actor_id=funding.poster_id))
    event = Event.FUND_CARD if is_card else Event.FUND_WALLET
    if not await _decide(tx, step, event, Role.SYSTEM):
        assert after is not None, "what was never funded has nothing to repeat"
        return after
    await escrows.insert(tx, step.escrow)
    return step.escrow


async def bind(tx: Transaction, escrow: Escrow, hunter_id: str, *, actor_id: str) -> Escrow:
    """Let the accepted hunter be the one whom a release pays.

    Raises:
        Conflict: the price is not locked.
    """
    about = About(hunter_id=hunter_id, actor_id=actor_id)
    return await _follow(tx, escrow, Event.ACCEPT, about)


async def release(
    tx: Transaction,
    escrow: Escrow,
    *,
    actor_id: str | None,
    is_verdict: bool = False,
    fee_bps: int | None = None,
) -> Escrow:
    """Pay the hunter, less the fee of the funding, or another that an admin has ordered.

    Raises:
        Conflict: it is frozen and this is no verdict, or it was settled in another way.
    """
    about = About(actor_id=actor_id, fee_bps=fee_bps)
    return await _settle(tx, escrow, Event.RELEASE, Verdict.HUNTER, about, is_verdict=is_verdict)


async def refund(
    tx: Transaction, escrow: Escrow, *, actor_id: str | None, is_verdict: bool = False
) -> Escrow:
    """Give everything back to the poster.

    Raises:
        Conflict: it is frozen and this is no verdict, or it was settled in another way.
    """
    about = About(actor_id=actor_id)
    return await _settle(tx, escrow, Event.REFUND, Verdict.POSTER, about, is_verdict=is_verdict)


async def split(
    tx: Transaction,
    escrow: Escrow,
    parts: Settlement,
    *,
    actor_id: str | None,
    is_verdict: bool = False,
) -> Escrow:
    """Give a part back and pay the rest to the hunter, into their wallets.

    Raises:
        InvalidRequest: the parts are not the whole, or one is for a hunter whom there is not.
        Conflict: it is frozen and this is no verdict, or it was settled in another way.
    """
    if parts.amount_cents != escrow.amount_cents:
        raise InvalidRequest("The parts must sum to the escrow.", code="invalid_split")
    about = About(actor_id=actor_id, parts=parts)
    return await _settle(tx, escrow, Event.REFUND, Verdict.SPLIT, about, is_verdict=is_verdict)


async def freeze(
    tx: Transaction, escrow: Escrow, dispute_id: str, *, actor_id: str | None
) -> Escrow:
    """Let nobody settle the escrow while a dispute is open.

    Raises:
        Conflict: the price is not locked any more.
    """
    about = About(dispute_id=dispute_id, actor_id=actor_id)
    return await _follow(tx, escrow, Event.DISPUTE_OPEN, about)


async def thaw(tx: Transaction, escrow: Escrow, *, actor_id: str | None) -> Escrow:
    """Let the escrow be settled again: the dispute was closed without a verdict."""
    return await _follow(tx, escrow, Event.DISPUTE_CLOSED, About(actor_id=actor_id))


async def adjust(tx: Transaction, escrow: Escrow, funding: Funding) -> Escrow:
    """Lock another price: give this round back, and begin the next one.

    Raises:
        InsufficientBalance: the wallet does not cover the new price.
        Conflict: it was settled, or the old price is still on its way back to a card.
    """
    given_back = await refund(tx, escrow, actor_id=funding.poster_id)
    return await hold(tx, funding, after=given_back)


async def hear(
    tx: Transaction, escrow: Escrow, event: Event, about: About, *, role: Role = Role.PROVIDER
) -> Escrow:
    """Apply what the provider says of a card-funded escrow, or that a timer is due.

    Raises:
        NotFound: it speaks of what is not known yet, and is to be told again.
    """
    if event in OUTCOMES and (escrow.call is None or about.call_key != escrow.call.key):
        # The outcome of an old call says nothing about the present one.
        return escrow
    intent = await _intent_of(tx, escrow, event, about)
    short = about.received_cents is not None and about.received_cents < escrow.amount_cents
    return await _follow(
        tx,
        escrow,
        event,
        about,
        role,
        intent=intent,
        is_short=short,
        is_known=about.refund_id in escrow.failed_refund_ids,
        has_refund=escrow.has_refund and _is_refund_of(escrow, event, about),
    )


async def _intent_of(tx: Transaction, escrow: Escrow, event: Event, about: About) -> Intent:
    """Say which payment an event speaks of: that of this round, or an earlier one."""
    present = escrow.facts.intent
    if about.intent_id is None:
        return present
    if escrow.is_card and escrow.intent_id in {None, about.intent_id}:
        return present
    # What an earlier round has in its books is news to nobody, but a chargeback about it is.
    is_booked = event not in ABOUT_CHARGEBACK and await escrows.is_booked(tx, about.intent_id)
    return Intent.POSTED if is_booked else Intent.STRAY


def _is_refund_of(escrow: Escrow, event: Event, about: About) -> bool:
    """Tell whether a failed refund is the one that this escrow has asked for."""
    if event is not Event.REFUND_FAILED:
        return True
    is_asked = escrow.call is not None and escrow.call.effect == Effect.MAKE_REFUND
    return is_asked and escrow.refund_id in {None, about.refund_id}


async def _settle(
    tx: Transaction,
    escrow: Escrow,
    event: Event,
    verdict: Verdict,
    about: About,
    *,
    is_verdict: bool,
) -> Escrow:
    wanted = Event.DISPUTE_DECIDED if is_verdict else event
    is_part = verdict is Verdict.SPLIT
    return await _follow(tx, escrow, wanted, about, verdict=verdict, is_part=is_part)


async def _follow(
    tx: Transaction,
    escrow: Escrow,
    event: Event,
    about: About,
    role: Role = Role.SYSTEM,
    **known: Any,
) -> Escrow:
    """Take a step, and write the escrow as it is after it."""
    step = Step(escrow, about)
    if not await _decide(tx, step, event, role, **known):
        return escrow
    due = (timer.after_s for timer in step.decision.timers)
    await escrows.save(tx, step.escrow, due_after_s=next(due, None))
    return step.escrow


async def _decide(tx: Transaction, step: Step, event: Event, role: Role, **known: Any) -> bool:
    """Decide and carry out; return False where nothing happens."""
    facts = msgspec.structs.replace(step.escrow.facts, **known)
    decision = MACHINE.decide(step.escrow.state, event, role, facts)
    if decision.outcome is Outcome.POSTPONE:
        raise NotFound("This escrow is still being funded.")
    if not decision.is_move:
        return False
    step.take(event, role, decision)
    for effect in decision.effects:
        await HANDLERS[effect](tx, step)
    asks_nobody = not step.escrow.is_card or step.about.parts is not None
    if decision.state in BEGUN and decision.source is not decision.state and asks_nobody:
        await _decide(tx, step, Event.SETTLED, Role.SYSTEM)
    return True
