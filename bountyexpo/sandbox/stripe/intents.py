"""Payment intents of the Stripe emulator: the rules, with no I/O.

    requires_payment_method ── confirm ──► succeeded | requires_action | processing
            ▲                                  requires_action ── authenticate ──► succeeded
            └──── declined, failed ◄───────────processing ── settle ──► succeeded
    any but these two and processing ── cancel ──► canceled

Each function takes the object as the API shows it and returns the changed one with the names of the
events that Stripe would send.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, assert_never

from bountyexpo.sandbox.stripe.cards import AUTHENTICATION_FAILED, BANK_REFUSED, METHODS, Outcome

AMOUNT_MIN = 50
AMOUNT_MAX = 99_999_999
CURRENCIES = frozenset({"usd", "eur", "gbp"})

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELABLE = CONFIRMABLE | {"requires_capture"}

Json = dict[str, Any]


class StripeRefusal(Exception):
    """The API refuses a request; nothing has changed."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        details = {"type": kind, "message": message, "code": code, "param": param, **more}
        self.body = {"error": {name: value for name, value in details.items() if value is not None}}


@dataclass(frozen=True)
class Change:
    """A changed object, the events to send, and the refusal to answer with, if the card said no."""

    intent: Json
    events: tuple[str, ...]
    refusal: Json | None = None


def create(params: Json, *, intent_id: str, secret: str, created: int) -> Change:
    """Make an intent from the parameters of the API.

    Raises:
        StripeRefusal: a parameter is missing or wrong.
    """
    amount = _amount(params.get("amount"))
    currency = str(params.get("currency", "")).lower()
    if currency not in CURRENCIES:
        raise StripeRefusal(f"Invalid currency: {currency}", param="currency")
    method = _method_name(params)
    intent = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": _automatic(params),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{intent_id}_secret_{secret}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "customer": params.get("customer"),
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": _metadata(params.get("metadata")),
        "next_action": None,
        "payment_method": method,
        "payment_method_types": _listed(params.get("payment_method_types")) or ["card"],
        "processing": None,
        "status": "requires_confirmation" if method else "requires_payment_method",
        "transfer_group": params.get("transfer_group"),
    }
    return Change(intent, ("payment_intent.created",))


def confirm(intent: Json, params: Json, *, charge_id: str) -> Change:
    """Ask the payment method for the money.

    Raises:
        StripeRefusal: the intent is past this step, or there is no method.
    """
    if intent["status"] == "requires_action" and _method_name(params) is None:
        return Change(intent, ())
    _require_status(intent, CONFIRMABLE, "confirm")
    name = _method_name(params) or intent["payment_method"]
    if name is None:
        text = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise _unexpected_state(intent, text)
    method = METHODS[name]
    asked = {**intent, "payment_method": name, "last_payment_error": None}
    match method.outcome:
        case Outcome.SUCCEEDS:
            return _succeeded(asked, charge_id)
        case Outcome.DECLINED:
            return _failed(asked, method.error(), charge_id)
        case Outcome.NEEDS_AUTHENTICATION:
            action = {
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": charge_id},
            }
            waiting = {**asked, "status": "requires_action", "next_action": action}
            return Change(waiting, ("payment_intent.requires_action",))
        case Outcome.TAKES_DAYS:
            waiting = {**asked, "status": "processing", "latest_charge": charge_id}
            return Change(waiting, ("payment_intent.processing",))
        case _:
            assert_never(method.outcome)


def authenticate(intent: Json, *, succeeds: bool, charge_id: str) -> Change:
    """Let the payer pass, or fail, the bank's check."""
    _require_status(intent, frozenset({"requires_action"}), "authenticate")
    if succeeds:
        return _succeeded(intent, charge_id)
    return _failed(intent, AUTHENTICATION_FAILED, None)


def settle(intent: Json, *, succeeds: bool) -> Change:
    """Let the bank's answer arrive, days after the question."""
    _require_status(intent, frozenset({"processing"}), "settle")
    if succeeds:
        return _succeeded(intent, intent["latest_charge"])
    return _failed(intent, BANK_REFUSED, intent["latest_charge"])


def cancel(intent: Json, params: Json, *, now: int) -> Change:
    """Give the intent up."""
    _require_status(intent, CANCELABLE, "cancel")
    canceled = {
        **intent,
        "status": "canceled",
        "canceled_at": now,
        "cancellation_reason": params.get("cancellation_reason"),
        "next_action": None,
    }
    return Change(canceled, ("payment_intent.canceled",))


def without_refusal(change: Change) -> Change:
    """Return the change as news: nobody asked, so nobody is refused."""
    return replace(change, refusal=None)


def _succeeded(intent: Json, charge_id: str | None) -> Change:
    done = {
        **intent,
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge_id,
        "next_action": None,
    }
    return Change(done, ("payment_intent.succeeded",))


def _failed(intent: Json, error: Json, charge_id: str | None) -> Change:
    told = {**error, "payment_method": {"id": intent["payment_method"], "object": "payment_method"}}
    failed = {
        **intent,
        "status": "requires_payment_method",
        "last_payment_error": told,
        "latest_charge": charge_id,
        "next_action": None,
        "payment_method": None,
    }
    refusal = {**told, "charge": charge_id, "payment_intent": failed}
    return Change(failed, ("payment_intent.payment_failed",), refusal)


def _require_status(intent: Json, allowed: frozenset[str], verb: str) -> None:
    if intent["status"] not in allowed:
        raise _unexpected_state(
            intent,
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        )


def _unexpected_state(intent: Json, text: str) -> StripeRefusal:
    return StripeRefusal(text, code="payment_intent_unexpected_state", payment_intent=intent)


def _amount(text: Any) -> int:
    if not isinstance(text, str) or not text.isdecimal():
        raise StripeRefusal("Invalid integer: amount", param="amount", code="parameter_invalid")
    amount = int(text)
    if amount < AMOUNT_MIN:
        text = "Amount must be at least $0.50 usd"
        raise StripeRefusal(text, param="amount", code="amount_too_small")
    if amount > AMOUNT_MAX:
        raise StripeRefusal(
            "Amount must be no more than $999,999.99", param="amount", code="amount_too_large"
        )
    return amount


def _method_name(params: Json) -> str | None:
    name = params.get("payment_method")
    if name is not None and name not in METHODS:
        text = f"No such PaymentMethod: '{name}'"
        raise StripeRefusal(text, param="payment_method", code="resource_missing")
    return name


def _automatic(params: Json) -> Json | None:
    found = params.get("automatic_payment_methods")
    if not isinstance(found, dict):
        return None
    redirects = found.get("allow_redirects", "always")
    return {"enabled": found.get("enabled") == "true", "allow_redirects": redirects}


def _metadata(found: Any) -> dict[str, str]:
    return (
        {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
    )


def _listed(found: Any) -> list[str]:
    """Read a list as the form has it: a mapping from index to value."""
    return [str(value) for value in found.values()] if isinstance(found, dict) else []
