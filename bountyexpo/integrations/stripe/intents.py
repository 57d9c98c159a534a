"""Payment intents: each is one attempt to move one amount from one payer.

The payer's own device speaks to the provider, too. So a step that somebody else has made already is
no error here: the intent is returned as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.errors import AlreadyMoved
from bountyexpo.integrations.stripe.calls import once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import stripe

    from bountyexpo.integrations.stripe.calls import Calls


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An intent as the provider shows it."""

    id: str
    status: str
    amount_cents: int
    amount_received_cents: int
    currency: str
    client_secret: str | None
    metadata: dict[str, str]
    error_code: str | None = None
    decline_code: str | None = None
    error_message: str | None = None
    next_action: dict[str, Any] | None = None
    latest_charge: str | None = None
    # The kinds of payment that it was made for, such as "card".
    method_types: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # Whoever holds the client secret can finish the intent: it stays out of logs.
        return f"Intent(id={self.id!r}, status={self.status!r}, amount_cents={self.amount_cents})"


class Intents:
    """The attempts to take money."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sdk = calls.sdk.payment_intents

    async def create(
        self,
        *,
        amount_cents: int,
        currency: str,
        customer_id: str,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> Intent:
        """Create an intent that the app's own SDK, or ``confirm``, completes."""
        params: Any = {
            "amount": amount_cents,
            "currency": currency,
            "customer": customer_id,
            "metadata": dict(metadata),
            # A redirect would need a return address, which a phone app does not have.
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
        return await self._calls.ask(
            "payment_intents.create",
            lambda: self._sdk.create_async(params, once(idempotency_key)),
            _answered,
        )

    async def confirm(
        self, intent_id: str, *, payment_method: str | None, idempotency_key: str
    ) -> Intent:
        """Try to take the money now.

        Raises:
            CardRefused: the card was declined; the intent waits for another card.
        """
        params: Any = {"payment_method": payment_method} if payment_method else {}
        return await self._moved(
            "payment_intents.confirm",
            intent_id,
            lambda: self._sdk.confirm_async(intent_id, params, once(idempotency_key)),
        )

    async def cancel(self, intent_id: str, *, idempotency_key: str) -> Intent:
        """Give an intent up."""
        return await self._moved(
            "payment_intents.cancel",
            intent_id,
            lambda: self._sdk.cancel_async(intent_id, {}, once(idempotency_key)),
        )

    async def retrieve(self, intent_id: str) -> Intent:
        """Return the intent as it is now."""
        return await self._calls.ask(
            "payment_intents.retrieve", lambda: self._sdk.retrieve_async(intent_id), _answered
        )

    async def _moved(
        self, name: str, intent_id: str, call: Callable[[], Awaitable[stripe.PaymentIntent]]
    ) -> Intent:
        """Move an intent on, or return it as it is where it was moved by somebody else."""
        try:
            return await self._calls.ask(name, call, _answered)
        except AlreadyMoved:
            return await self.retrieve(intent_id)


class _Problem(msgspec.Struct):
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


class _Shown(msgspec.Struct):
    id: str
    status: str
    amount: int
    currency: str
    amount_received: int | None = None
    client_secret: str | None = None
    metadata: dict[str, str] | None = None
    last_payment_error: _Problem | None = None
    next_action: dict[str, Any] | None = None
    latest_charge: str | None = None
    payment_method_types: list[str] | None = None


def intent_of(found: Mapping[str, Any]) -> Intent:
    """Read an intent as an answer or an event carries it.

    Raises:
        msgspec.ValidationError: it is none.
    """
    shown = msgspec.convert(found, _Shown)
    problem = shown.last_payment_error or _Problem()
    return Intent(
        id=shown.id,
        status=shown.status,
        amount_cents=shown.amount,
        amount_received_cents=shown.amount_received or 0,
        currency=shown.currency,
        client_secret=shown.client_secret,
        metadata=shown.metadata or {},
        error_code=problem.code,
        decline_code=problem.decline_code,
        error_message=problem.message,
        next_action=shown.next_action,
        latest_charge=shown.latest_charge,
        method_types=tuple(shown.payment_method_types or ()),
    )


def _answered(found: Mapping[str, Any]) -> Intent:
    """Read an answer to our own call, which must say what has arrived."""
    intent = intent_of(found)
    if intent.status == "succeeded" and intent.amount_received_cents <= 0:
        raise msgspec.ValidationError("succeeded without amount_received")
    return intent
