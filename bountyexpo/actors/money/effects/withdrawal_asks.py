"""What each call that a withdrawal has left comes to at the provider (contract money §3.2, §3.5).

A definite refusal goes back and a definite success goes on. Whatever is not known stays as it is
and is asked again: first what has been made already is looked for, because the provider forgets
keys after a day; then the call is repeated with its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from bountyexpo.actors.money.effects.withdrawal_step import About, word
from bountyexpo.domain.money.withdrawal import Effect, Event, Status
from bountyexpo.errors import (
    AlreadyMoved,
    BountyExpoError,
    IdempotencyConflict,
    NotFound,
    ProviderFailed,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.integrations.stripe.payouts import Payout, PayoutMethod
    from bountyexpo.integrations.stripe.transfers import Reversal
    from bountyexpo.persistence.money.escrows import Call
    from bountyexpo.persistence.money.withdrawals import Withdrawal

    Answer: TypeAlias = tuple[Event, About]
    Ask: TypeAlias = Callable[..., Awaitable[About]]

# The provider's word for money that is not there.
SHORT: Final = "balance_insufficient"

# What it says of an account that money cannot be sent to.
UNREACHABLE: Final = frozenset({"insufficient_capabilities_for_transfer", "account_invalid"})


class Turn(NamedTuple):
    """A kind of call: in which state it is still wanted, and what each outcome is called."""

    wanted: frozenset[Status]
    ask: Ask
    made: Event
    refused: Event
    unknown: Event


async def answer(
    ports: ActorDependencies, withdrawal: Withdrawal, *, is_repeat: bool
) -> Answer | None:
    """Ask what is left to be asked, and return what came of it; None where nothing is left."""
    call = withdrawal.call
    turn = TURNS.get(call.effect) if call is not None else None
    if call is None or turn is None or not _is_wanted(turn, withdrawal):
        return None
    try:
        return turn.made, await turn.ask(ports, withdrawal, call, is_repeat=is_repeat)
    except (ProviderFailed, IdempotencyConflict):
        return turn.unknown, About()
    except BountyExpoError as error:
        if _is_unknown(turn, withdrawal, error):
            return turn.unknown, About()
        return turn.refused, _refused(turn, error)


async def payout_as_it_is(
    ports: ActorDependencies, withdrawal: Withdrawal, payout_id: str
) -> Answer:
    """Return what the provider says of a payout."""
    found = await ports.stripe.payouts.retrieve(withdrawal.stripe_account_id, payout_id)
    about = _about(found)
    if found.status == "paid":
        return Event.PAID, about
    return (Event.PAYOUT_FAILED if found.status in FAILED else Event.PAYOUT_MADE), about


async def news_of_reversals(
    ports: ActorDependencies, withdrawal: Withdrawal, transfer_id: str
) -> list[About]:
    """Return what has come back of a transfer and was not heard of, the oldest first."""
    found = await ports.stripe.transfers.reversals(transfer_id)
    return [_back(each) for each in reversed(found) if _is_news(withdrawal, each)]


# A payout that the bank has not taken, or has sent back.
FAILED: Final = frozenset({"failed", "canceled"})


async def _transfer(
    ports: ActorDependencies, withdrawal: Withdrawal, call: Call, *, is_repeat: bool
) -> About:
    group = f"withdrawal_{withdrawal.id}"
    transfers = ports.stripe.transfers
    known = await transfers.of_group(group) if is_repeat else []
    made = known[0] if known else None
    if made is None:
        made = await transfers.create(
            amount_cents=call.amount_cents,
            account_id=withdrawal.stripe_account_id,
            group=group,
            metadata=_metadata(withdrawal),
            idempotency_key=call.key,
        )
    return About(transfer_id=made.id)


async def _payout(
    ports: ActorDependencies, withdrawal: Withdrawal, call: Call, *, is_repeat: bool
) -> About:
    # Without haste it goes to the first choice, as a card is only for haste.
    is_instant = withdrawal.is_instant
    is_fallback = call.effect == Effect.MAKE_STANDARD_PAYOUT
    method: PayoutMethod = "instant" if is_instant else "standard"
    payouts, account_id = ports.stripe.payouts, withdrawal.stripe_account_id
    known = await payouts.list_of(account_id) if is_repeat else []
    own = [each for each in known if _is_own(each, withdrawal, method)]
    if own:
        return _about(own[0])
    made = await payouts.create(
        account_id,
        amount_cents=call.amount_cents,
        method=method,
        destination_id=None if is_fallback else call.destination_id,
        metadata=_metadata(withdrawal),
        idempotency_key=call.key,
    )
    return _about(made)


async def _reversal(
    ports: ActorDependencies, withdrawal: Withdrawal, call: Call, *, is_repeat: bool
) -> About:
    transfer_id = call.transfer_id
    assert transfer_id is not None
    known = await news_of_reversals(ports, withdrawal, transfer_id) if is_repeat else []
    if known:
        return known[0]
    try:
        made = await ports.stripe.transfers.reverse(
            transfer_id, amount_cents=call.amount_cents, idempotency_key=call.key
        )
    except AlreadyMoved:
        known = await news_of_reversals(ports, withdrawal, transfer_id)
        if not known:
            raise
        return known[0]
    return _back(made)


_GONE: Final = frozenset({Status.VOID, Status.MANUALLY_PAID})

TURNS: Final[Mapping[str, Turn]] = {
    Effect.MAKE_TRANSFER.value: Turn(
        frozenset({Status.REQUESTED}),
        _transfer,
        Event.TRANSFER_MADE,
        Event.TRANSFER_REFUSED,
        Event.TRANSFER_UNKNOWN,
    ),
    **dict.fromkeys(
        (Effect.MAKE_PAYOUT.value, Effect.MAKE_STANDARD_PAYOUT.value),
        Turn(
            frozenset({Status.TRANSFERRED}),
            _payout,
            Event.PAYOUT_MADE,
            Event.PAYOUT_REFUSED,
            Event.PAYOUT_UNKNOWN,
        ),
    ),
    Effect.MAKE_REVERSAL.value: Turn(
        frozenset({Status.REVERSING}) | _GONE,
        _reversal,
        Event.REVERSED,
        Event.REVERSAL_REFUSED,
        Event.REVERSAL_UNKNOWN,
    ),
}


def _is_wanted(turn: Turn, withdrawal: Withdrawal) -> bool:
    is_stuck = withdrawal.is_stuck and withdrawal.status is Status.REVERSING
    return withdrawal.status in turn.wanted and not is_stuck


def _is_unknown(turn: Turn, withdrawal: Withdrawal, error: BountyExpoError) -> bool:
    """Tell whether it may be otherwise later; what was sent takes its time to be at hand."""
    if not isinstance(error, Unavailable):
        return False
    is_slow = turn.made is Event.PAYOUT_MADE and not withdrawal.is_instant
    return error.error_code != SHORT or is_slow


def _refused(turn: Turn, error: BountyExpoError) -> About:
    code = error.error_code
    if turn.made is Event.TRANSFER_MADE:
        is_unreachable = isinstance(error, NotFound) or code in UNREACHABLE
        code = "destination_account_invalid" if is_unreachable else "transfer_failed"
        if error.error_code == SHORT:
            code = "platform_balance_insufficient"
    return About(failure_code=code, failure_message=error.message)


def _metadata(withdrawal: Withdrawal) -> dict[str, str]:
    return {"user_id": withdrawal.user_id, "withdrawal_id": withdrawal.id}


def _is_own(payout: Payout, withdrawal: Withdrawal, method: PayoutMethod) -> bool:
    named = (payout.metadata or {}).get("withdrawal_id")
    return named == withdrawal.id and payout.method == method


def _is_news(withdrawal: Withdrawal, reversal: Reversal) -> bool:
    return word(Event.REVERSED, reversal.id) not in withdrawal.heard


def _about(payout: Payout) -> About:
    return About(
        payout_id=payout.id,
        failure_code=payout.failure_code,
        failure_message=payout.failure_message,
    )


def _back(reversal: Reversal) -> About:
    return About(reversal_id=reversal.id, amount_cents=reversal.amount)
