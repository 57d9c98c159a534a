"""Payment intents of the Stripe emulator: the rules, with no I/O.

    requires_payment_method ── confirm ──► succeeded | requires_action | processing
            ▲                                  requires_action ── authenticate ──► succeeded
            └──── declined, failed ◄───────────processing ── settle ──► succeeded
    any but succeeded, canceled and processing ── cancel ──► canceled

With ``capture_method: manual`` a card leads to ``requires_capture`` instead of ``succeeded``, and
``capture`` from there to it. Each function takes the objects as the API shows them and returns the
changed ones with the names of the events that Stripe would send.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from bountyexpo.sandbox.stripe.cards import (
    AUTHENTICATION_FAILED,
    BANK_REFUSED,
    Outcome,
    PaymentMethod,
)
from bountyexpo.sandbox.stripe.refusal import StripeRefusal

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELABLE = CONFIRMABLE | {"requires_capture"}
ENDED = frozenset({"succeeded", "canceled"})


@dataclass(frozen=True, kw_only=True)
class Change:
    """A changed intent, what it says of its charge, and the refusal, if the card said no."""

    intent: Json
    events: tuple[str, ...] = ()
    # What the charge of the intent, whose id it names, is from here on.
    charge: Json | None = None
    refusal: Json | None = None


def confirm(
    intent: Json, name: str | None, method: PaymentMethod | None, *, charge_id: str
) -> Change:
    """Ask a payment method for the money: the one that is named, or else that of the intent.

    Raises:
        StripeRefusal: the intent is past this step, or there is no method.
    """
    if intent["status"] == "requires_action" and name is None:
        return Change(intent=intent)
    require_status(intent, CONFIRMABLE, "confirm")
    name = name or intent["payment_method"]
    if name is None or method is None:
        text = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise _unexpected_state(intent, text)
    asked = {**intent, "payment_method": name, "last_payment_error": None}
    match method.outcome:
        case Outcome.SUCCEEDS:
            return _approved(asked, charge_id)
        case Outcome.DECLINED:
            return _failed(asked, method.error(), charge_id)
        case Outcome.NEEDS_AUTHENTICATION:
            action = {
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": charge_id},
            }
            waiting = {**asked, "status": "requires_action", "next_action": action}
            return Change(intent=waiting, events=("payment_intent.requires_action",))
        case Outcome.TAKES_DAYS:
            waiting = {**asked, "status": "processing", "latest_charge": charge_id}
            return Change(
                intent=waiting, events=("payment_intent.processing",), charge={"status": "pending"}
            )
        case _:
            assert_never(method.outcome)


def authenticate(intent: Json, *, succeeds: bool, charge_id: str) -> Change:
    """Let the payer pass, or fail, the bank's check."""
    require_status(intent, frozenset({"requires_action"}), "authenticate")
    if succeeds:
        return _approved(intent, charge_id)
    return _failed(intent, AUTHENTICATION_FAILED, None)


def settle(intent: Json, *, succeeds: bool) -> Change:
    """Let the bank's answer arrive, days after the question."""
    require_status(intent, frozenset({"processing"}), "settle")
    if succeeds:
        return _succeeded(intent, intent["latest_charge"], intent["amount"])
    return _failed(intent, BANK_REFUSED, intent["latest_charge"])


def capture(intent: Json, amount: int | None) -> Change:
    """Take the money that a card has set aside, or a part of it; the rest is let go."""
    require_status(intent, frozenset({"requires_capture"}), "capture")
    taken = intent["amount_capturable"] if amount is None else amount
    if not 0 < taken <= intent["amount_capturable"]:
        text = "The amount to capture must be positive and at most the amount that is capturable."
        raise StripeRefusal(text, param="amount_to_capture", code="amount_too_large")
    return _succeeded(intent, intent["latest_charge"], taken)


def cancel(intent: Json, reason: str | None, *, now: int) -> Change:
    """Give the intent up."""
    require_status(intent, CANCELABLE, "cancel")
    canceled = {
        **intent,
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    was_held = intent["status"] == "requires_capture"
    return Change(
        intent=canceled,
        events=("payment_intent.canceled",),
        charge={"refunded": True, "amount_refunded": intent["amount"]} if was_held else None,
    )


def without_refusal(change: Change) -> Change:
    """Return the change as news: nobody asked, so nobody is refused."""
    return replace(change, refusal=None)


def require_status(intent: Json, allowed: frozenset[str], verb: str) -> None:
    """Refuse what the intent's status does not allow."""
    if intent["status"] not in allowed:
        raise _unexpected_state(
            intent,
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        )


def _approved(intent: Json, charge_id: str) -> Change:
    """Take the money at once, or set it aside when it is to be captured later."""
    if intent["capture_method"] != "manual":
        return _succeeded(intent, charge_id, intent["amount"])
    held = {
        **intent,
        "status": "requires_capture",
        "amount_capturable": intent["amount"],
        "latest_charge": charge_id,
        "next_action": None,
    }
    return Change(
        intent=held,
        events=("payment_intent.amount_capturable_updated",),
        charge={"status": "succeeded", "paid": True},
    )


def _succeeded(intent: Json, charge_id: str | None, taken: int) -> Change:
    done = {
        **intent,
        "status": "succeeded",
        "amount_capturable": 0,
        "amount_received": taken,
        "latest_charge": charge_id,
        "next_action": None,
    }
    return Change(
        intent=done,
        events=("payment_intent.succeeded",),
        charge={"status": "succeeded", "paid": True, "captured": True, "amount_captured": taken},
    )


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
    charge = {
        "status": "failed",
        "failure_code": error.get("code"),
        "failure_message": error.get("message"),
        "payment_method": intent["payment_method"],
    }
    return Change(
        intent=failed,
        events=("payment_intent.payment_failed",),
        charge=charge if charge_id is not None else None,
        refusal={**told, "charge": charge_id, "payment_intent": failed},
    )


def _unexpected_state(intent: Json, text: str) -> StripeRefusal:
    return StripeRefusal(text, code="payment_intent_unexpected_state", payment_intent=intent)
