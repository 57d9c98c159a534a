"""Where earnings are paid to: banks and debit cards, which the provider keeps (money §2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.money.payee_messages import ListDestinations
from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import ProviderId
from bountyexpo.errors import NoLongerOffered
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.money.payments import PROVIDER_ASK_S
from bountyexpo.persistence.money import ledger

if TYPE_CHECKING:
    from bountyexpo.actors.money.payee_messages import Destinations
    from bountyexpo.operations.call import Call

# Where banks and cards are entered now.
PRESENT = "/connect/create-account-link"


class BankTarget(msgspec.Struct, kw_only=True):
    """A bank account; of its numbers only the last digits are shown."""

    id: str
    bankName: str | None
    last4: str
    routingNumber: str | None
    accountHolderName: str | None
    accountType: str | None
    default: bool
    status: str | None


class BankTargets(msgspec.Struct, kw_only=True):
    """Where the caller is paid, and how much at least and at most, in dollars."""

    bankAccounts: list[BankTarget]
    minWithdrawal: float
    maxWithdrawal: float
    availableBalance: float


class CardTarget(msgspec.Struct, kw_only=True):
    """A debit card, and whether money gets there at once."""

    id: str
    brand: str | None
    last4: str
    expMonth: int
    expYear: int
    availablePayoutMethods: list[str]
    instantEligible: bool


class CardTargets(msgspec.Struct, kw_only=True):
    """The caller's debit cards."""

    debitCards: list[CardTarget]
    instantAvailableCents: int
    instantCashOutEnabled: bool


class TargetById(msgspec.Struct, kw_only=True):
    """One bank account or card."""

    target_id: ProviderId


class TargetChanged(msgspec.Struct, kw_only=True):
    """Never told: this is done at the provider."""

    success: bool


@operation("payout_target.banks", http="GET /connect/bank-accounts", rate=READ)
async def list_banks(call: Call) -> BankTargets:
    """List the bank accounts that the caller is paid into."""
    found = await _destinations(call)
    policy = call.services.policy
    wallet = await ledger.wallet(call.services.db, call.user_id)
    return BankTargets(
        bankAccounts=[
            BankTarget(
                id=each.id,
                bankName=each.bank_name,
                last4=each.last4,
                routingNumber=f"•••••{each.routing_number[-4:]}" if each.routing_number else None,
                accountHolderName=each.account_holder_name,
                accountType=each.account_type,
                default=bool(each.default_for_currency),
                status=each.status,
            )
            for each in found.banks
        ],
        minWithdrawal=amounts.dollars(policy.withdrawal_cents_min),
        maxWithdrawal=amounts.dollars(policy.withdrawal_cents_max),
        availableBalance=amounts.dollars(wallet.free_cents),
    )


@operation("payout_target.cards", http="GET /connect/debit-cards", rate=READ)
async def list_cards(call: Call) -> CardTargets:
    """List the debit cards that the caller is paid to."""
    found = await _destinations(call)
    return CardTargets(
        debitCards=[
            CardTarget(
                id=each.id,
                brand=each.brand,
                last4=each.last4,
                expMonth=each.exp_month,
                expYear=each.exp_year,
                availablePayoutMethods=each.available_payout_methods or [],
                instantEligible=each.is_instant,
            )
            for each in found.cards
        ],
        instantAvailableCents=found.instant_cents,
        instantCashOutEnabled=call.services.policy.instant_payouts_per_day_max > 0,
    )


@operation(
    "payout_target.add_bank",
    http="POST /connect/bank-accounts",
    rate=WRITE,
    keeps=Keeps.NOTHING,
)
async def add_bank(call: Call) -> TargetChanged:  # noqa: ARG001
    """Refused: banks are entered in the provider's pages."""
    raise _gone("Bank accounts are added in your payout account.", "manual_bank_entry_deprecated")


@operation(
    "payout_target.remove_bank",
    http="DELETE /connect/bank-accounts/{target_id}",
    rate=WRITE,
    keeps=Keeps.NOTHING,
)
async def remove_bank(call: Call, request: TargetById) -> TargetChanged:  # noqa: ARG001
    """Refused: banks are removed in the provider's pages."""
    raise _gone(
        "Bank accounts are removed in your payout account.", "bank_account_remove_deprecated"
    )


@operation(
    "payout_target.default_bank",
    http="POST /connect/bank-accounts/{target_id}/default",
    rate=WRITE,
    keeps=Keeps.NOTHING,
)
async def default_bank(call: Call, request: TargetById) -> TargetChanged:  # noqa: ARG001
    """Refused: the first choice is made in the provider's pages."""
    raise _gone(
        "The default bank account is chosen in your payout account.",
        "bank_account_default_deprecated",
    )


@operation(
    "payout_target.add_card", http="POST /connect/debit-cards", rate=WRITE, keeps=Keeps.NOTHING
)
async def add_card(call: Call) -> TargetChanged:  # noqa: ARG001
    """Refused: cards are entered in the provider's pages."""
    raise _gone("Debit cards are added in your payout account.", "debit_card_add_deprecated")


@operation(
    "payout_target.remove_card",
    http="DELETE /connect/debit-cards/{target_id}",
    rate=WRITE,
    keeps=Keeps.NOTHING,
)
async def remove_card(call: Call, request: TargetById) -> TargetChanged:  # noqa: ARG001
    """Refused: cards are removed in the provider's pages."""
    raise _gone("Debit cards are removed in your payout account.", "debit_card_remove_deprecated")


async def _destinations(call: Call) -> Destinations:
    return await call.services.actors.payee(call.user_id).ask(
        ListDestinations(), timeout_s=PROVIDER_ASK_S
    )


def _gone(message: str, code: str) -> NoLongerOffered:
    return NoLongerOffered(message, code=code, migrate_to=PRESENT)
