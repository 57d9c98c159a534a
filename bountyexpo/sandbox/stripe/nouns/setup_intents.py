"""Setup intents: each is one attempt to keep one payment method for later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe.cards import AUTHENTICATION_FAILED, Outcome, method_of
from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.nouns.payment_methods import kept
from bountyexpo.sandbox.stripe.params import boolean, choice, listed, metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import Answer, answer, stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

USAGES = ("off_session", "on_session")
UNEXPECTED = "setup_intent_unexpected_state"
WAITING = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
COMMON = ("customer", "description", "metadata", "payment_method", "payment_method_types")


async def create(work: Work, _: Json) -> Json | Answer:
    """Make an intent, and confirm it when asked to."""
    params = work.params
    customer_id = text(params, "customer")
    if customer_id is not None:
        await work.load("customer", customer_id, "customer")
    intent_id = stripe_id("seti")
    method = text(params, "payment_method")
    made = {
        "id": intent_id,
        "object": "setup_intent",
        "client_secret": f"{intent_id}_secret_{stripe_id('s')[2:]}",
        "created": work.created,
        "customer": customer_id,
        "description": text(params, "description"),
        "last_setup_error": None,
        "livemode": False,
        "metadata": metadata(params),
        "next_action": None,
        "payment_method": method,
        "payment_method_types": listed(params.get("payment_method_types")) or ["card"],
        "status": "requires_confirmation" if method else "requires_payment_method",
        "usage": choice(params, "usage", USAGES) or USAGES[0],
    }
    await work.save(made, "setup_intent.created")
    return await confirm(work, made) if boolean(params, "confirm") else made


async def confirm(work: Work, found: Json) -> Json | Answer:
    """Ask the bank whether the method may be kept."""
    _require_waiting(found, "confirm")
    name = text(work.params, "payment_method") or found["payment_method"]
    if name is None:
        raise StripeRefusal(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            code=UNEXPECTED,
        )
    does = method_of(await work.load("payment_method", name, "payment_method"))
    if does.outcome is Outcome.DECLINED:
        return await _refused(work, found, does.error())
    if does.outcome is Outcome.NEEDS_AUTHENTICATION:
        waiting = {
            **found,
            "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}},
            "payment_method": name,
            "status": "requires_action",
        }
        await work.save(waiting, "setup_intent.requires_action")
        return waiting
    return await _succeeded(work, found, name)


async def authenticate(work: Work, found: Json, *, succeeds: bool) -> Json | Answer:
    """Let the payer pass, or fail, the bank's check."""
    if found["status"] != "requires_action":
        raise StripeRefusal("This SetupIntent waits for nobody", code=UNEXPECTED)
    if succeeds:
        return await _succeeded(work, found, found["payment_method"])
    await _refused(work, found, AUTHENTICATION_FAILED)
    return await work.load("setup_intent", found["id"])


async def cancel(work: Work, found: Json) -> Json:
    """Give an intent up."""
    _require_waiting(found, "cancel")
    canceled = {**found, "next_action": None, "status": "canceled"}
    await work.save(canceled, "setup_intent.canceled")
    return canceled


async def _succeeded(work: Work, found: Json, name: str) -> Json:
    if found["customer"] is not None:
        method = await work.load("payment_method", name)
        name = (await kept(work, method, found["customer"]))["id"]
    done = {**found, "next_action": None, "payment_method": name, "status": "succeeded"}
    await work.save(done, "setup_intent.succeeded")
    return done


async def _refused(work: Work, found: Json, error: Json) -> Answer:
    refused = {
        **found,
        "last_setup_error": error,
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    await work.save(refused, "setup_intent.setup_failed")
    return answer({"error": {**error, "setup_intent": refused}}, 402)


def _require_waiting(found: Json, verb: str) -> None:
    if found["status"] not in WAITING:
        text = f"You cannot {verb} this SetupIntent because it has a status of {found['status']}."
        raise StripeRefusal(text, code=UNEXPECTED, setup_intent=found)


NOUN = Noun(
    name="setup_intent",
    path="setup_intents",
    actions={
        ("POST", ""): action(
            create, *COMMON, "confirm", "usage", "automatic_payment_methods", "return_url"
        ),
        ("POST", "/<object_id>/confirm"): action(confirm, "payment_method", "return_url"),
        ("POST", "/<object_id>/cancel"): action(cancel, "cancellation_reason"),
    },
    filters=frozenset({"customer", "payment_method"}),
    expandable=frozenset({"customer", "payment_method"}),
)
