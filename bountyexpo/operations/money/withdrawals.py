"""Earnings on their way to a bank, or to a debit card at once (contract money §2.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bountyexpo.actors.money.payee_messages import RequestWithdrawal, RetryWithdrawal
from bountyexpo.domain import amounts, limits
from bountyexpo.domain.field_types import Dollars, Id, Moment, ProviderId, text
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.money.fees import instant_payout_fee
from bountyexpo.domain.money.withdrawal import Status
from bountyexpo.errors import Conflict, InvalidRequest, NotFound
from bountyexpo.operations.catalogue import PAYOUT, operation
from bountyexpo.operations.idempotency.requests import IdempotencyKey, id_of_call, request_hash
from bountyexpo.operations.money.payments import PROVIDER_ASK_S
from bountyexpo.operations.money.wallet import balance_of
from bountyexpo.persistence.money import withdrawals

if TYPE_CHECKING:
    from bountyexpo.actors.money.payee_messages import Progress
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.money.withdrawals import Withdrawal

# What a bank takes.
ARRIVES_AFTER = timedelta(days=2)

# What has happened to the payout, as clients know it.
PAYOUT_STATUS = {
    Status.PAID: "paid",
    Status.MANUALLY_PAID: "paid",
    Status.VOID: "failed",
    Status.REVERSING: "failed",
    Status.REVERSED: "failed",
}


class NewWithdrawal(msgspec.Struct, kw_only=True):
    """How many dollars are wanted, and where."""

    amount: Dollars
    currency: Annotated[str, text(1, 16)] = "usd"
    bankAccountId: ProviderId | None = None
    idempotencyKey: IdempotencyKey | None = None


class NewInstantPayout(msgspec.Struct, kw_only=True):
    """How many dollars are wanted at once, and on which card; the fee comes on top."""

    amount: Dollars
    currency: Annotated[str, text(1, 16)] = "usd"
    debitCardId: ProviderId | None = None
    idempotencyKey: IdempotencyKey | None = None


class WithdrawalToRetry(msgspec.Struct, kw_only=True):
    """What has come back and is to be tried again."""

    transactionId: Id
    bankAccountId: ProviderId | None = None


class WithdrawalView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far it has come; ``status`` is completed once the money has left for the account."""

    transferId: str | None
    status: str
    payoutStatus: str
    amount: float
    currency: str
    accountId: str
    transactionId: str
    newBalance: float
    estimatedArrival: Moment
    message: str
    duplicate: bool = False


class InstantPayoutView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """As a withdrawal's, with what haste costs in dollars, if there was haste."""

    transferId: str | None
    payoutId: str | None
    payoutMethod: str
    status: str
    payoutStatus: str
    amount: float
    currency: str
    accountId: str
    transactionId: str
    newBalance: float
    estimatedFee: float
    message: str
    fellBackToStandard: bool = False
    duplicate: bool = False


class RetryView(msgspec.Struct, kw_only=True):
    """The withdrawal that tries it again."""

    success: bool
    transferId: str | None
    transactionId: str
    message: str


@operation("withdrawal.request", http="POST /connect/transfer", rate=PAYOUT)
async def request_withdrawal(call: Call, request: NewWithdrawal) -> WithdrawalView:
    """Have earnings paid into one's bank account, which takes days."""
    amounts.check_currency(request.currency)
    cents = limits.withdrawal_amount(_cents(request.amount), policy=call.services.policy)
    wanted = _wanted(call, request, cents, destination_id=request.bankAccountId)
    progress = await _ask(call, wanted)
    found = progress.withdrawal
    return WithdrawalView(
        **await _told(call, progress),
        estimatedArrival=await withdrawals.begun_at(call.services.db, found.id) + ARRIVES_AFTER,
    )


@operation("withdrawal.instant", http="POST /connect/instant-payout", rate=PAYOUT)
async def instant_payout(call: Call, request: NewInstantPayout) -> InstantPayoutView:
    """Have earnings paid to one's debit card at once, for a fee on top.

    Where the card cannot be paid at once the money goes to the bank account, without the fee.
    """
    amounts.check_currency(request.currency)
    policy = call.services.policy
    # How many there were today is seen by whoever takes one at a time.
    cents = limits.instant_payout_amount(_cents(request.amount), paid_today=0, policy=policy)
    wanted = _wanted(call, request, cents, destination_id=request.debitCardId, is_instant=True)
    progress = await _ask(call, wanted)
    found = progress.withdrawal
    fee_cents = instant_payout_fee(found.amount_cents, policy) if found.is_instant else 0
    return InstantPayoutView(
        **await _told(call, progress),
        payoutId=found.payout_id,
        payoutMethod="instant" if found.is_instant else "standard",
        estimatedFee=amounts.dollars(fee_cents),
        fellBackToStandard=not found.is_instant,
    )


@operation("withdrawal.retry", http="POST /connect/retry-transfer", rate=PAYOUT)
async def retry_withdrawal(call: Call, request: WithdrawalToRetry) -> RetryView:
    """Try a withdrawal again whose money has come back."""
    if not is_id(request.transactionId):
        raise NotFound("This withdrawal does not exist.")
    try:
        progress = await _ask(
            call,
            RetryWithdrawal(
                retry_id=id_of_call(call, "withdrawal.retry"),
                withdrawal_id=request.transactionId,
                destination_id=request.bankAccountId,
            ),
        )
    except Conflict as error:
        if error.error_code != "max_retries_reached":
            raise
        raise InvalidRequest(
            error.message, code=error.error_code, maxRetriesReached=True
        ) from error
    found = progress.withdrawal
    return RetryView(
        success=True,
        transferId=found.transfer_id,
        transactionId=found.id,
        message=_message(found),
    )


async def _ask(call: Call, message: RequestWithdrawal | RetryWithdrawal) -> Progress:
    return await call.services.actors.payee(call.user_id).ask(message, timeout_s=PROVIDER_ASK_S)


def _wanted(
    call: Call,
    request: NewWithdrawal | NewInstantPayout,
    cents: int,
    *,
    destination_id: str | None,
    is_instant: bool = False,
) -> RequestWithdrawal:
    return RequestWithdrawal(
        amount_cents=cents,
        is_instant=is_instant,
        destination_id=destination_id,
        idempotency_key=call.idempotency_key,
        request_hash=request_hash(request),
    )


async def _told(call: Call, progress: Progress) -> dict[str, Any]:
    """Return what is told of every withdrawal, however fast it is."""
    found = progress.withdrawal
    return {
        "transferId": found.transfer_id,
        "status": _status(found),
        "payoutStatus": PAYOUT_STATUS.get(found.status, "in_flight"),
        "amount": amounts.dollars(found.amount_cents),
        "currency": "usd",
        "accountId": found.stripe_account_id,
        "transactionId": found.id,
        "newBalance": await balance_of(call),
        "message": _message(found),
        # That of another call, and not what is left of this one.
        "duplicate": progress.is_repeat and not call.is_repeat,
    }


def _cents(dollars: Any) -> int:
    return amounts.check_cents(amounts.cents_from_dollars(dollars), field="amount")


def _status(found: Withdrawal) -> str:
    if found.status in {Status.VOID, Status.REVERSED}:
        return "failed"
    return "completed" if found.transfer_id else "pending"


def _message(found: Withdrawal) -> str:
    if found.transfer_id is None:
        return "Your withdrawal is being sent."
    return "Your money is on its way."
