"""The escrow of a bounty, asked for by its poster (contract money §2.3 and §2.10).

A price is locked when its bounty is posted, and follows what happens to it: these operations take
the step of the bounty that releases it or gives it back, and the rules of that step decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from bountyexpo.domain import amounts, limits
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.field_types import Id, Moment, text
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Status
from bountyexpo.domain.money.escrow import State
from bountyexpo.domain.money.escrow_rules import (
    GIVEN_BACK,
    IN_DISPUTE,
    NO_MONEY,
    NO_PAYMENT,
    NOT_CAPTURED,
    PAID_OUT,
)
from bountyexpo.domain.money.ledger.wallets import settlement_key
from bountyexpo.errors import Conflict, InvalidRequest, NotAllowed, NotFound
from bountyexpo.operations.catalogue import PAYMENT, READ, WRITE, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.market.bounty.shortcuts import move_to
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.money import escrows, ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.money.escrows import Escrow
    from bountyexpo.persistence.money.ledger import Booked

# How clients know the states.
STATUSES: Final[Mapping[State, str]] = {
    State.NONE: "failed",
    State.FUNDING: "pending_payment",
    State.HELD: "captured",
    State.FROZEN: "disputed",
    State.RELEASING: "captured",
    State.REFUNDING: "refund_pending",
    State.RELEASED: "released",
    State.REFUNDED: "refunded",
    State.CHARGED_BACK: "disputed",
}

# In which the price is on one of its ways, or has gone.
PAID: Final = frozenset({State.RELEASING, State.RELEASED})
RETURNED: Final = frozenset({State.REFUNDING, State.REFUNDED})

# Why it can go to neither side for now, or any more.
NOT_TO_HUNTER: Final = {
    State.FUNDING: NOT_CAPTURED,
    State.FROZEN: IN_DISPUTE,
    **dict.fromkeys(RETURNED, GIVEN_BACK),
}
NOT_TO_POSTER: Final = {State.FROZEN: IN_DISPUTE, **dict.fromkeys(PAID, PAID_OUT)}

BY_BOUNTY: Final = {"bountyId": "bounty_id"}
BY_HUNTER: Final = BY_BOUNTY | {"hunterId": "hunter_id"}


class EscrowOfBounty(msgspec.Struct, kw_only=True):
    """The escrow of a bounty, or the one that a payment intent has paid for."""

    bounty_id: Id


class Release(msgspec.Struct, kw_only=True):
    """Whom the poster pays; it can only be the hunter who was accepted."""

    bounty_id: Id
    hunter_id: Id | None = None


class Refund(msgspec.Struct, kw_only=True):
    """What comes back to the poster, and why."""

    bounty_id: Id
    reason: Annotated[str, text(0, limits.CANCELLATION_REASON_CHARS_MAX)] | None = None


class FundedView(msgspec.Struct, kw_only=True):
    """A funded escrow; ``amount`` is in dollars. What a wallet has paid has no intent."""

    bountyPaymentId: str
    paymentIntentId: str | None
    clientSecret: str | None
    status: str
    amount: float
    amountCents: int
    reused: bool


class ReleasedView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the hunter got, in dollars; ``transferId`` names the entry in the books."""

    released: bool
    transferId: str
    hunterId: str
    amount: float
    platformFee: float
    hunterAmount: float
    status: str
    reused: bool = False


class RefundedView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came back to the poster, in dollars; ``refundId`` names the entry in the books."""

    refunded: bool
    refundId: str
    paymentIntentId: str | None
    amount: float
    status: str
    reused: bool = False


class ReleaseEntryView(msgspec.Struct, kw_only=True):
    """The entry that has paid the hunter; in dollars."""

    id: str
    amount: float
    platformFee: float
    createdAt: Moment


class ReleaseStatusView(msgspec.Struct, kw_only=True):
    """Whether the hunter was paid."""

    bountyId: str
    isReleased: bool
    releaseTransaction: ReleaseEntryView | None


@operation(
    "escrow.fund",
    http="POST /bounty-payments/create",
    rate=WRITE,
    aliases=(Alias("POST /payments/escrows", reply=old_forms.escrow_made),),
    aliased_fields=BY_BOUNTY,
    # The price was locked with the bounty: nothing is left to be done.
    keeps=Keeps.NOTHING,
)
async def fund_escrow(call: Call, request: EscrowOfBounty) -> FundedView:
    """Tell how the price of a bounty is locked; posting the bounty has locked it."""
    bounty, escrow = await funded(call, request.bounty_id, "escrow.fund")
    return FundedView(
        bountyPaymentId=bounty.id,
        paymentIntentId=escrow.intent_id,
        clientSecret=None,
        status=STATUSES[escrow.state],
        amount=amounts.dollars(escrow.amount_cents),
        amountCents=escrow.amount_cents,
        reused=True,
    )


@operation(
    "escrow.release",
    http="POST /bounty-payments/release",
    rate=PAYMENT,
    aliases=(
        Alias("POST /payments/escrows/{bounty_id}/release", reply=old_forms.escrow_released),
        Alias("POST /api/completion-release", reply=old_forms.work_released),
    ),
    aliased_fields=BY_HUNTER,
)
async def release_escrow(call: Call, request: Release) -> ReleasedView:
    """Approve the work that waits, which pays the hunter; what was paid before is told again."""
    bounty, escrow = await funded(call, request.bounty_id, "escrow.release")
    is_repeat = await pay_out(call, bounty, escrow, request.hunter_id)
    return await released_view(call, bounty.id, is_repeat=is_repeat)


@operation(
    "escrow.refund",
    http="POST /bounty-payments/cancel",
    rate=PAYMENT,
    aliases=(Alias("POST /payments/escrows/{bounty_id}/refund", reply=old_forms.escrow_refunded),),
    aliased_fields=BY_BOUNTY,
)
async def refund_escrow(call: Call, request: Refund) -> RefundedView:
    """Cancel a bounty that nobody works on, which gives the price back.

    Where somebody does, the other side must agree, or an admin decide: 409 ``invalid_status``.
    """
    bounty, escrow = await funded(call, request.bounty_id, "escrow.refund")
    is_repeat = await give_back(call, bounty, escrow, request.reason)
    return await refunded_view(call, bounty, is_repeat=is_repeat)


@operation("escrow.status", http="GET /api/completion-release/{bounty_id}/status", rate=READ)
async def escrow_status(call: Call, request: EscrowOfBounty) -> ReleaseStatusView:
    """See whether the hunter was paid; for the two sides."""
    bounty, escrow = await funded(call, request.bounty_id, "escrow.status")
    view = ReleaseStatusView(bountyId=bounty.id, isReleased=False, releaseTransaction=None)
    if escrow.state is not State.RELEASED:
        return view
    assert escrow.hunter_id is not None
    paid = await _settlement(call, escrow, escrow.hunter_id)
    entry = ReleaseEntryView(
        id=paid.id,
        amount=amounts.dollars(paid.cents),
        platformFee=amounts.dollars(escrow.amount_cents - paid.cents),
        createdAt=paid.posted_at,
    )
    return msgspec.structs.replace(view, isReleased=True, releaseTransaction=entry)


async def pay_out(call: Call, bounty: Bounty, escrow: Escrow, hunter_id: str | None) -> bool:
    """Take the step that pays the hunter; return True where an earlier request has.

    Raises:
        Conflict: the price is on no way to the hunter, or the work is not there to be approved.
    """
    if hunter_id is not None and hunter_id.lower() != bounty.hunter_id:
        raise NotAllowed("This is not the hunter who was accepted.", code="hunter_mismatch")
    if escrow.state in PAID:
        return not call.is_repeat
    if escrow.state in NOT_TO_HUNTER:
        raise NOT_TO_HUNTER[escrow.state].raised(None)
    if bounty.hunter_id is None:
        raise InvalidRequest("There is no hunter to pay.", code="no_hunter")
    await move_to(call, bounty.id, Status.COMPLETED)
    return False


async def give_back(call: Call, bounty: Bounty, escrow: Escrow, reason: str | None) -> bool:
    """Take the step that gives the price back; return True where an earlier request has.

    Raises:
        Conflict: the price was paid, or may not go back without the hunter.
    """
    if escrow.state in RETURNED:
        return not call.is_repeat
    if escrow.state in NOT_TO_POSTER:
        raise NOT_TO_POSTER[escrow.state].raised(None)
    if bounty.hunter_id is not None:
        raise Conflict(
            "Somebody works on this: ask them to agree to a cancellation.",
            code="invalid_status",
            currentStatus=bounty.status.value,
        )
    await move_to(call, bounty.id, Status.CANCELLED, reason)
    return False


async def released_view(call: Call, bounty_id: str, *, is_repeat: bool) -> ReleasedView:
    """Return what the books say of the release."""
    escrow = await newest(call, bounty_id)
    assert escrow.hunter_id is not None
    paid = await _settlement(call, escrow, escrow.hunter_id)
    return ReleasedView(
        released=True,
        transferId=paid.id,
        hunterId=escrow.hunter_id,
        amount=amounts.dollars(escrow.amount_cents),
        platformFee=amounts.dollars(escrow.amount_cents - paid.cents),
        hunterAmount=amounts.dollars(paid.cents),
        status=STATUSES[escrow.state],
        reused=is_repeat,
    )


async def refunded_view(call: Call, bounty: Bounty, *, is_repeat: bool) -> RefundedView:
    """Return what the books say of the refund; of a split, the poster's part."""
    escrow = await newest(call, bounty.id)
    settled = await _settlement(call, escrow, bounty.poster_id)
    return RefundedView(
        refunded=True,
        refundId=settled.id,
        paymentIntentId=escrow.intent_id,
        amount=amounts.dollars(settled.cents),
        status=STATUSES[escrow.state],
        reused=is_repeat,
    )


async def funded(call: Call, named: str, operation_name: str) -> tuple[Bounty, Escrow]:
    """Return a bounty and its escrow, if the caller may do this with them.

    Raises:
        NotFound: there is no such bounty, or nothing was ever paid for it.
        NotAllowed: they are not the caller's.
        InvalidRequest: it is for honor.
    """
    db = call.services.db
    bounty_id = named.lower() if is_id(named) else await escrows.bounty_of(db, named)
    bounty = await bounties.get(db, bounty_id) if bounty_id else None
    if bounty is None:
        raise NotFound("This bounty does not exist.", code="bounty_not_found")
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=bounty.hunter_id)
    GRANTS[operation_name].check(caller)
    if bounty.is_for_honor:
        raise NO_MONEY.raised(None)
    return bounty, await newest(call, bounty.id)


async def newest(call: Call, bounty_id: str) -> Escrow:
    """Return the escrow of the present funding round.

    Raises:
        NotFound: nothing was ever paid.
    """
    escrow = await escrows.newest(call.services.db, bounty_id)
    if escrow is None:
        raise NO_PAYMENT.raised(None)
    return escrow


async def _settlement(call: Call, escrow: Escrow, user_id: str) -> Booked:
    """Return how the books have the end of the escrow, and what it was to this user."""
    key = settlement_key(escrow.bounty_id, escrow.settlement_round)
    found = await ledger.booked(call.services.db, key, user_id)
    assert found is not None, "what is settled is in the books"
    return found
