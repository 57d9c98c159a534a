"""Card money in, through the real ``stripe`` SDK, pointed at Stripe or at the emulator.

The distinction that callers act on is between a definite refusal and an unknown outcome. After a
refusal nothing happened (``CardRefused``, ``InvalidRequest``, ``NotFound``, ``Conflict``, or
``Unavailable`` for a rate limit or a wrong key). After ``ProviderFailed`` the money may have moved:
repeat the call with the same idempotency key, or retrieve the object (contract money §3.2).

Every mutating call therefore demands an idempotency key, and the SDK repeats it with that key.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec
import stripe
import trio

from bountyexpo.errors import (
    BountyExpoError,
    CardRefused,
    Conflict,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from bountyexpo.integrations.stripe_events import ProviderEvent, verify_event
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

# One version for calls and webhooks; the SDK's own types are of this version.
API_VERSION = "2026-10-28.endive"

# Repeats of a call whose answer was lost or was a 5xx; each waits 0.5 s and more.
RETRIES_MAX = 2

# At DEBUG the SDK logs bodies, and bodies carry client secrets.
logging.getLogger("stripe").setLevel(logging.WARNING)

# Telemetry would write a file in the home directory from inside the event loop.
stripe.enable_telemetry = False

_T = TypeVar("_T")

log = get_logger(__name__)


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A payment intent: one attempt to move one amount from one payer."""

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


class StripePayments:
    """The card processor's operations that the product needs.

    ``api_base`` is an address without ``/v1``; None means Stripe itself.
    """

    def __init__(
        self,
        secret_key: str,
        api_base: str | None,
        webhook_secrets: Sequence[str],
        *,
        livemode: bool,
        timeout_s: float = 10.0,
        deadline_s: float = 25.0,
    ) -> None:
        self.livemode = livemode
        self._webhook_secrets = tuple(webhook_secrets)
        self._deadline_s = deadline_s
        self._http = _HttpClient(timeout_s)
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")} if api_base else {},
            max_network_retries=RETRIES_MAX,
            http_client=self._http,
        )

    async def create_customer(
        self, *, user_id: str, email: str | None, idempotency_key: str
    ) -> str:
        """Create the payer's record at the processor and return its id."""
        params: Any = {"metadata": {"user_id": user_id}}
        if email:
            params["email"] = email
        customer = await self._call(
            lambda: self._client.v1.customers.create_async(params, _once(idempotency_key))
        )
        return customer.id

    async def create_payment_intent(
        self,
        *,
        amount_cents: int,
        currency: str,
        customer_id: str,
        metadata: Mapping[str, str],
        idempotency_key: str,
        payment_method: str | None = None,
    ) -> Intent:
        """Create an intent that the app's own SDK, or ``confirm_payment_intent``, completes."""
        params: Any = {
            "amount": amount_cents,
            "currency": currency,
            "customer": customer_id,
            "metadata": dict(metadata),
            # A redirect would need a return address, which a phone app does not have.
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
        if payment_method is not None:
            params["payment_method"] = payment_method
        intents = self._client.v1.payment_intents
        found = await self._call(lambda: intents.create_async(params, _once(idempotency_key)))
        return _answered(found)

    async def confirm_payment_intent(
        self, intent_id: str, *, payment_method: str | None, idempotency_key: str
    ) -> Intent:
        """Try to take the money now; one that is past that is returned as it is.

        Raises:
            CardRefused: the card was declined; the intent waits for another card.
        """
        params: Any = {"payment_method": payment_method} if payment_method else {}
        intents = self._client.v1.payment_intents
        return await self._moved(
            intent_id, lambda: intents.confirm_async(intent_id, params, _once(idempotency_key))
        )

    async def retrieve_payment_intent(self, intent_id: str) -> Intent:
        """Return the intent as it is now."""
        found = await self._call(lambda: self._client.v1.payment_intents.retrieve_async(intent_id))
        return _answered(found)

    async def cancel_payment_intent(self, intent_id: str, *, idempotency_key: str) -> Intent:
        """Give up an intent; one that has taken the money or has ended is returned as it is."""
        intents = self._client.v1.payment_intents
        return await self._moved(
            intent_id, lambda: intents.cancel_async(intent_id, {}, _once(idempotency_key))
        )

    def verify_event(self, raw: bytes, signature: str | None, *, now: datetime) -> ProviderEvent:
        """Check and read a webhook; see ``stripe_events.verify_event``."""
        return verify_event(raw, signature, secrets=self._webhook_secrets, now=now)

    async def aclose(self) -> None:
        """Close the connections to the processor."""
        await self._http.close_async()

    async def _moved(
        self, intent_id: str, call: Callable[[], Awaitable[stripe.PaymentIntent]]
    ) -> Intent:
        """Move an intent on, or return it as it is where it was moved by somebody else."""
        try:
            return _answered(await self._call(call))
        except Conflict as error:
            if error.error_code not in _STATE_CODES:
                raise
        return await self.retrieve_payment_intent(intent_id)

    async def _call(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Run one SDK call under the deadline and turn its errors into ours."""
        try:
            with trio.fail_after(self._deadline_s):
                return await call()
        except trio.TooSlowError as error:
            raise ProviderFailed from error
        except stripe.StripeError as error:
            raise error_of(error) from error


class _HttpClient(stripe.HTTPClient):
    """The SDK's way out, on httpx and trio.

    The SDK's own httpx client hands over bodies in a manner that httpx has deprecated, and takes
    every exception, a bug of ours included, for a lost connection.
    """

    name = "httpx"

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(timeout=timeout_s)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request of the SDK; whether to repeat it is the SDK's decision."""
        try:
            response = await self._client.request(method, url, headers=headers, content=post_data)
        except httpx.HTTPError as error:
            lost = stripe.APIConnectionError(  # type: ignore[no-untyped-call]
                type(error).__name__, should_retry=True
            )
            raise lost from error
        return response.content, response.status_code, response.headers

    async def sleep_async(self, secs: float) -> None:
        """Wait between two attempts."""
        await trio.sleep(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _answered(found: stripe.PaymentIntent) -> Intent:
    """Read an answer to a call of ours.

    Raises:
        ProviderFailed: it makes no sense, so that its outcome is not known.
    """
    try:
        intent = intent_of(found.to_dict())
    except (KeyError, TypeError, ValueError) as error:
        raise ProviderFailed from error
    if intent.status == "succeeded" and intent.amount_received_cents <= 0:
        log.error("an intent has succeeded without money", intent=intent.id)
        raise ProviderFailed
    return intent


def intent_of(found: Mapping[str, Any]) -> Intent:
    """Read an intent as an answer or an event carries it."""
    error = found.get("last_payment_error") or {}
    return Intent(
        id=found["id"],
        status=found["status"],
        amount_cents=found["amount"],
        amount_received_cents=found.get("amount_received") or 0,
        currency=found["currency"],
        client_secret=found.get("client_secret"),
        metadata=dict(found.get("metadata") or {}),
        error_code=error.get("code"),
        decline_code=error.get("decline_code"),
        error_message=error.get("message"),
        next_action=found.get("next_action"),
        latest_charge=found.get("latest_charge"),
        method_types=tuple(found.get("payment_method_types") or ()),
    )


def error_of(error: stripe.StripeError) -> BountyExpoError:
    """Say what an error of the SDK means to the caller."""
    match error:
        case stripe.CardError():
            return _card_refused(error)
        case stripe.IdempotencyError():
            return IdempotencyConflict()
        case stripe.InvalidRequestError():
            return _refused(error.code)
        case stripe.RateLimitError() | stripe.AuthenticationError() | stripe.PermissionError():
            # Nothing happened, and the caller is not at fault: a limit, or a wrong key of ours.
            return Unavailable()
        case _:
            return ProviderFailed()


def _card_refused(error: stripe.CardError) -> CardRefused:
    details = error.json_body["error"] if isinstance(error.json_body, dict) else {}
    text = error.user_message
    # The app takes any text with this word for a fault of its own (contract rest-core §4.2).
    if text and "payment" in text.lower():
        text = None
    return CardRefused(text, code=error.code, decline_code=details.get("decline_code"))


def _refused(code: str | None) -> BountyExpoError:
    if code == "resource_missing":
        return NotFound()
    if code in _STATE_CODES:
        return Conflict(code=code)
    return InvalidRequest("The card service cannot accept this request", code=code)


# Refusals that speak of the object's state and not of the request.
_STATE_CODES = frozenset({"payment_intent_unexpected_state", "setup_intent_unexpected_state"})


def _once(idempotency_key: str) -> Any:
    return {"idempotency_key": idempotency_key}
