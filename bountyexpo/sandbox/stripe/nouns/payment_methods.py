"""Payment methods: cards and bank accounts, kept with a customer to be used again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe.cards import METHODS, shown
from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.params import choice, metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

TYPES = ("card", "us_bank_account")
# Test tokens are named as the test methods that come of them.
TOKEN, METHOD = "tok_", "pm_card_"


async def create(work: Work, _: Json) -> Json:
    """Make a method from a test token, or the test bank account."""
    kind = choice(work.params, "type", TYPES)
    if kind is None:
        raise StripeRefusal("Missing required param: type.", param="type", code="parameter_missing")
    made = {**_new(work, _source(work, kind)), "metadata": metadata(work.params)}
    await work.save(made)
    return made


async def update(work: Work, found: Json) -> Json:
    """Change what is noted with a method."""
    changed = {**found, "metadata": metadata(work.params, found["metadata"])}
    await work.save(changed, "payment_method.updated", before=found)
    return changed


async def attach(work: Work, found: Json) -> Json:
    """Keep a method with a customer."""
    customer_id = text(work.params, "customer") or ""
    await work.load("customer", customer_id, "customer")
    if found["customer"] not in (None, customer_id):
        raise StripeRefusal(
            "The payment method you provided has already been attached to a customer."
        )
    return await kept(work, found, customer_id)


async def detach(work: Work, found: Json) -> Json:
    """Let a method go; it cannot be kept again."""
    if found["customer"] is None:
        raise StripeRefusal(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible."
        )
    changed = {**found, "customer": None}
    await work.save(changed, "payment_method.detached", before=found)
    return changed


async def kept(work: Work, found: Json, customer_id: str) -> Json:
    """Return a method as it is once a customer has it; a test method is a new one each time."""
    method = _new(work, found["id"]) if found["id"] in METHODS else found
    changed = {**method, "customer": customer_id}
    await work.save(changed, "payment_method.attached")
    return changed


def _new(work: Work, name: str) -> Json:
    return {**shown(name), "id": stripe_id("pm"), "created": work.created}


def _source(work: Work, kind: str) -> str:
    """Return the test method that is asked for."""
    if kind != "card":
        return "pm_usBankAccount"
    card = work.params.get("card")
    token = text(card, "token") if isinstance(card, dict) else None
    name = (token or "").replace(TOKEN, METHOD, 1)
    if name not in METHODS:
        refused = f"No such token: '{(token or '')[:100]}'"
        raise StripeRefusal(refused, param="card[token]", code="resource_missing")
    return name


NOUN = Noun(
    name="payment_method",
    path="payment_methods",
    actions={
        ("POST", ""): action(
            create, "type", "card", "us_bank_account", "billing_details", "metadata"
        ),
        ("POST", "/<object_id>"): action(update, "billing_details", "metadata"),
        ("POST", "/<object_id>/attach"): action(attach, "customer"),
        ("POST", "/<object_id>/detach"): action(detach),
    },
    filters=frozenset({"customer", "type"}),
    expandable=frozenset({"customer"}),
)
