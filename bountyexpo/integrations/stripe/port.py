"""The provider as the rest of the service knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.integrations.stripe.accounts import Accounts
from bountyexpo.integrations.stripe.calls import Bounds, Calls
from bountyexpo.integrations.stripe.customers import Customers
from bountyexpo.integrations.stripe.intents import Intents
from bountyexpo.integrations.stripe.payment_methods import PaymentMethods
from bountyexpo.integrations.stripe.payouts import Payouts
from bountyexpo.integrations.stripe.setup_intents import SetupIntents
from bountyexpo.integrations.stripe.transfers import Transfers
from bountyexpo.integrations.stripe_events import ProviderEvent, verify_event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Stripe:
    """The card processor, noun by noun.

    ``api_base`` is an address without ``/v1``; None means Stripe itself. Every call that changes
    something demands an idempotency key, with which the SDK repeats it.
    """

    def __init__(
        self,
        secret_key: str,
        api_base: str | None,
        webhook_secrets: Sequence[str],
        *,
        livemode: bool,
        bounds: Bounds | None = None,
    ) -> None:
        self.livemode = livemode
        self._webhook_secrets = tuple(webhook_secrets)
        self._calls = Calls(secret_key, api_base, bounds or Bounds())
        self.accounts = Accounts(self._calls)
        self.customers = Customers(self._calls)
        self.intents = Intents(self._calls)
        self.payment_methods = PaymentMethods(self._calls)
        self.payouts = Payouts(self._calls)
        self.setup_intents = SetupIntents(self._calls)
        self.transfers = Transfers(self._calls)

    def verify_event(self, raw: bytes, signature: str | None, *, now: datetime) -> ProviderEvent:
        """Check and read a webhook; see ``stripe_events.verify_event``."""
        return verify_event(raw, signature, secrets=self._webhook_secrets, now=now)

    async def aclose(self) -> None:
        """Close the connections to the processor."""
        await self._calls.aclose()
