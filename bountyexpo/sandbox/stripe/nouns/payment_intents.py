"""Payment intents: each is one attempt to move one amount; their rules are in ``intents``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe import balances, intents
from bountyexpo.sandbox.stripe.cards import method_of
from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.nouns.charges import charge_of
from bountyexpo.sandbox.stripe.params import boolean, choice, integer, listed, metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import Answer, answer, stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.intents import Change
    from bountyexpo.sandbox.stripe.work import Json, Work

AMOUNT_MIN = 50
AMOUNT_MAX = 99_999_999
CURRENCIES = ("usd", "eur", "gbp")
CAPTURE_METHODS = ("automatic_async", "automatic", "manual")
REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")

# Both when it is made and when it is changed.
COMMON = (
    *("amount", "currency", "customer", "description", "metadata", "payment_method"),
    *("payment_method_types", "receipt_email", "setup_future_usage", "statement_descriptor_suffix"),
    "transfer_group",
)
CONFIRMATION = ("payment_method", "return_url", "off_session", "use_stripe_sdk", "receipt_email")


async def create(work: Work, _: Json) -> Json | Answer:
    """Make an intent, and confirm it when asked to."""
    params = work.params
    intent_id = stripe_id("pi")
    customer_id = await _customer(work)
    method = await _method(work, customer_id)
    made = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": _amount(params),
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": _automatic(params),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": choice(params, "capture_method", CAPTURE_METHODS) or CAPTURE_METHODS[0],
        "client_secret": f"{intent_id}_secret_{stripe_id('s')[2:]}",
        "confirmation_method": "automatic",
        "created": work.created,
        "currency": _currency(params),
        "customer": customer_id,
        "description": text(params, "description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata(params),
        "next_action": None,
        "payment_method": method,
        "payment_method_types": listed(params.get("payment_method_types")) or ["card"],
        "processing": None,
        "receipt_email": text(params, "receipt_email"),
        "setup_future_usage": text(params, "setup_future_usage"),
        "status": "requires_confirmation" if method else "requires_payment_method",
        "transfer_group": text(params, "transfer_group"),
    }
    await work.save(made, "payment_intent.created")
    if not boolean(params, "confirm"):
        return made
    return await _confirmed(work, made, method)


async def update(work: Work, found: Json) -> Json:
    """Change an intent that has not ended."""
    intents.require_status(found, intents.CONFIRMABLE | {"requires_capture"}, "update")
    params = work.params
    changed = {**found, "metadata": metadata(params, found["metadata"])}
    for name in ("description", "receipt_email", "transfer_group", "setup_future_usage"):
        if name in params:
            changed[name] = text(params, name)
    if "amount" in params:
        changed["amount"] = _amount(params)
    if "currency" in params:
        changed["currency"] = _currency(params)
    if "customer" in params:
        changed["customer"] = await _customer(work)
    method = await _method(work, changed["customer"])
    if method is not None:
        changed |= {"payment_method": method, "status": "requires_confirmation"}
    await work.save(changed)
    return changed


async def confirm(work: Work, found: Json) -> Json | Answer:
    """Ask for the money."""
    return await _confirmed(work, found, await _method(work, found["customer"]))


async def capture(work: Work, found: Json) -> Json | Answer:
    """Take what was set aside."""
    amount = integer(work.params, "amount_to_capture")
    return await commit(work, intents.capture(found, amount))


async def cancel(work: Work, found: Json) -> Json | Answer:
    """Give an intent up."""
    reason = choice(work.params, "cancellation_reason", REASONS)
    return await commit(work, intents.cancel(found, reason, now=work.created))


async def commit(work: Work, change: Change) -> Json | Answer:
    """Store what the rules have made of an intent, and return what is answered."""
    intent = change.intent
    charge_id = intent["latest_charge"]
    if change.charge is not None:
        assert charge_id is not None
        known = await work.find("charge", charge_id) or charge_of(intent, charge_id, work.created)
        await work.save({**known, **change.charge}, f"charge.{_word(change.charge)}")
        if change.charge.get("captured") and intent["currency"] == balances.CURRENCY:
            await balances.shift(work, {work.account: change.charge["amount_captured"]})
    await work.save(intent, *change.events)
    return intent if change.refusal is None else answer({"error": change.refusal}, 402)


def _word(charge: Json) -> str:
    """Return what has become of a charge, as its event calls it."""
    if charge.get("refunded"):
        return "expired"
    return str(charge["status"])


async def _customer(work: Work) -> str | None:
    customer_id = text(work.params, "customer")
    if customer_id is not None:
        await work.load("customer", customer_id, "customer")
    return customer_id


async def _confirmed(work: Work, found: Json, name: str | None) -> Json | Answer:
    asked = name or found["payment_method"]
    method = await work.find("payment_method", asked) if asked else None
    does = method_of(method) if method else None
    return await commit(work, intents.confirm(found, name, does, charge_id=stripe_id("ch")))


async def _method(work: Work, customer_id: str | None) -> str | None:
    """Return the payment method that is named; one that is kept is its customer's alone."""
    name = text(work.params, "payment_method")
    if name is None:
        return None
    method = await work.load("payment_method", name, "payment_method")
    if method["customer"] not in (None, customer_id):
        refused = f"The PaymentMethod '{name[:100]}' belongs to another customer."
        raise StripeRefusal(refused, param="payment_method")
    return name


def _amount(params: Json) -> int:
    amount = integer(params, "amount")
    if amount is None:
        raise StripeRefusal(
            "Missing required param: amount.", param="amount", code="parameter_missing"
        )
    if amount < AMOUNT_MIN:
        refused = "Amount must be at least $0.50 usd"
        raise StripeRefusal(refused, param="amount", code="amount_too_small")
    if amount > AMOUNT_MAX:
        refused = "Amount must be no more than $999,999.99"
        raise StripeRefusal(refused, param="amount", code="amount_too_large")
    return amount


def _currency(params: Json) -> str:
    currency = (text(params, "currency") or "").lower()
    if currency not in CURRENCIES:
        raise StripeRefusal(f"Invalid currency: {currency[:100]}", param="currency")
    return currency


def _automatic(params: Json) -> Json | None:
    found = params.get("automatic_payment_methods")
    if not isinstance(found, dict):
        return None
    redirects = choice(found, "allow_redirects", ("always", "never")) or "always"
    return {"enabled": boolean(found, "enabled"), "allow_redirects": redirects}


NOUN = Noun(
    name="payment_intent",
    path="payment_intents",
    actions={
        ("POST", ""): action(
            *(create, *COMMON, *CONFIRMATION, "confirm", "capture_method"),
            *("automatic_payment_methods", "confirmation_method", "error_on_requires_action"),
        ),
        ("POST", "/<object_id>"): action(update, *COMMON),
        ("POST", "/<object_id>/confirm"): action(confirm, *CONFIRMATION),
        ("POST", "/<object_id>/capture"): action(capture, "amount_to_capture"),
        ("POST", "/<object_id>/cancel"): action(cancel, "cancellation_reason"),
    },
    filters=frozenset({"customer"}),
    expandable=frozenset({"customer", "latest_charge", "payment_method"}),
)
