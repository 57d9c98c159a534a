"""The account that a user's earnings are paid into: made once, and known as the provider tells it.

The provider is asked; what it says replaces what is stored (contract money §3.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.money.effects.connect_account import Told, carry_out
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money.connect_account import MACHINE, Event, Facts
from bountyexpo.domain.money.withdrawal_rules import ONBOARD_FIRST
from bountyexpo.errors import InvalidRequest, ProviderFailed, Unavailable
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import connect_accounts

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.integrations.stripe.accounts import Account
    from bountyexpo.persistence.money.connect_accounts import ConnectAccount


def linked(account: ConnectAccount) -> str:
    """Return the provider's id of an account.

    Raises:
        InvalidRequest: ``connect_not_onboarded``: none was made yet.
    """
    if account.stripe_account_id is None:
        raise ONBOARD_FIRST.raised(None)
    return account.stripe_account_id


class PayoutAccount:
    """The payout account of one user."""

    def __init__(self, ports: ActorDependencies, user_id: str) -> None:
        self._ports = ports
        self._user_id = user_id

    async def stored(self) -> ConnectAccount:
        """Return what is stored."""
        return await connect_accounts.of_user(self._ports.db, self._user_id)

    async def made(self, now: datetime) -> ConnectAccount:
        """Return the account, which is made if there is none; a cut off attempt is gone on with."""
        account = await self.stored()
        decision = MACHINE.decide(account.state, Event.CREATE, Role.OWNER, Facts())
        if decision.is_move:
            async with self._ports.db.transaction() as tx:
                account = await carry_out(tx, account, decision, now=now)
        if account.stripe_account_id is not None:
            return account
        found = await self._ports.stripe.accounts.create(
            user_id=self._user_id,
            # The version stands still until the answer is kept.
            idempotency_key=f"connect_acct_{self._user_id}_{account.version}",
        )
        return await self._take_in(account, found, now)

    async def looked_at(self, now: datetime, *, inbox_id: int | None = None) -> ConnectAccount:
        """Return the account as the provider says that it is; without one nobody is asked."""
        account = await self.stored()
        if account.stripe_account_id is None:
            return account
        found = await self._ports.stripe.accounts.retrieve(account.stripe_account_id)
        return await self._take_in(account, found, now, inbox_id=inbox_id)

    async def ready(self, now: datetime) -> ConnectAccount:
        """Return the account, to which money can be paid at this moment.

        Raises:
            InvalidRequest: ``connect_not_onboarded`` or ``payouts_disabled``.
            Unavailable: ``account_verification_failed``.
        """
        linked(await self.stored())
        try:
            account = await self.looked_at(now)
        except (ProviderFailed, Unavailable) as error:
            raise Unavailable(
                "Your payout account cannot be checked at present. Please try again.",
                code="account_verification_failed",
            ) from error
        if not account.are_payouts_enabled:
            raise InvalidRequest(
                "Your payout account cannot receive money yet.",
                code="payouts_disabled",
                disabledReason=account.disabled_reason,
                requirementsCurrentlyDue=account.requirements,
            )
        return account

    async def part(self, account_id: str, now: datetime, *, inbox_id: int) -> ConnectAccount:
        """Forget an account whose owner has left the platform."""
        account = await self.stored()
        facts = Facts(is_ours=account.stripe_account_id == account_id)
        decision = MACHINE.decide(account.state, Event.DEAUTHORIZED, Role.PROVIDER, facts)
        async with self._ports.db.transaction() as tx:
            if decision.is_move:
                account = await carry_out(tx, account, decision, now=now)
            await inbox.mark_processed(tx, inbox_id)
        return account

    async def _take_in(
        self,
        account: ConnectAccount,
        found: Account,
        now: datetime,
        *,
        inbox_id: int | None = None,
    ) -> ConnectAccount:
        told = Told(
            stripe_account_id=found.id,
            are_details_submitted=found.details_submitted,
            are_charges_enabled=found.charges_enabled,
            are_payouts_enabled=found.payouts_enabled,
            disabled_reason=found.asks.disabled_reason,
            requirements=found.asks.currently_due or [],
        )
        facts = Facts(
            are_details_submitted=told.are_details_submitted,
            are_payouts_enabled=told.are_payouts_enabled,
            is_newest=account.told_at is None or now >= account.told_at,
            was_onboarded=account.onboarded_at is not None,
        )
        decision = MACHINE.decide(account.state, Event.TOLD, Role.PROVIDER, facts)
        is_news = facts.is_newest and any(
            getattr(account, name) != getattr(told, name) for name in Told.__struct_fields__
        )
        async with self._ports.db.transaction() as tx:
            if decision.is_move or is_news:
                account = await carry_out(tx, account, decision, told=told, now=now)
            if inbox_id is not None:
                await inbox.mark_processed(tx, inbox_id)
        return account
