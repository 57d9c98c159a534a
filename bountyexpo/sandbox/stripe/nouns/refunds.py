"""Refunds: money that goes back to where it came from, whole or in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe import balances
from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.params import choice, integer, metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


async def create(work: Work, _: Json) -> Json:
    """Send money back, all that is left of it unless an amount is named."""
    charge = await _charge(work)
    if charge["refunded"]:
        refused = f"Charge {charge['id']} has already been refunded."
        raise StripeRefusal(refused, code="charge_already_refunded")
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = integer(work.params, "amount")
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        refused = (
            f"Refund amount ({amount}) is not between 1 and what is left of the charge ({left})"
        )
        raise StripeRefusal(refused, param="amount", code="amount_too_large")
    made = {
        "id": stripe_id("re"),
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": work.created,
        "currency": charge["currency"],
        "metadata": metadata(work.params),
        "payment_intent": charge["payment_intent"],
        "reason": choice(work.params, "reason", REASONS),
        "status": "succeeded",
    }
    refunded = charge["amount_refunded"] + amount
    changed = {**charge, "amount_refunded": refunded, "refunded": refunded == charge["amount"]}
    if charge["currency"] == balances.CURRENCY:
        await balances.shift(work, {work.account: -amount}, may_overdraw=True)
    await work.save(made, "refund.created")
    await work.save(changed, "charge.refunded", before=charge)
    return made


async def update(work: Work, found: Json) -> Json:
    """Change what is noted with a refund."""
    changed = {**found, "metadata": metadata(work.params, found["metadata"])}
    await work.save(changed, "refund.updated", before=found)
    return changed


async def _charge(work: Work) -> Json:
    """Return the charge that is named, be it by its intent, if it has brought money."""
    charge_id, intent_id = text(work.params, "charge"), text(work.params, "payment_intent")
    if (charge_id is None) == (intent_id is None):
        raise StripeRefusal("One of charge and payment_intent must be given.", param="charge")
    if intent_id is not None:
        intent = await work.load("payment_intent", intent_id, "payment_intent")
        charge_id = intent["latest_charge"]
    charge = await work.load("charge", charge_id, "charge") if charge_id else None
    if charge is None or not charge["captured"]:
        raise StripeRefusal("There is no captured charge to refund.", param="payment_intent")
    return charge


NOUN = Noun(
    name="refund",
    path="refunds",
    actions={
        ("POST", ""): action(create, "amount", "charge", "metadata", "payment_intent", "reason"),
        ("POST", "/<object_id>"): action(update, "metadata"),
    },
    filters=frozenset({"charge", "payment_intent"}),
    expandable=frozenset({"charge", "payment_intent"}),
)
