"""Customers: who pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.params import metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal, missing
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

EMAIL_CHARS_MAX = 512

FIELDS = ("name", "email", "description", "phone")


async def create(work: Work, _: Json) -> Json:
    """Create a payer."""
    made = {
        "id": stripe_id("cus"),
        "object": "customer",
        "balance": 0,
        "created": work.created,
        "currency": None,
        "delinquent": False,
        "livemode": False,
        **_fields(work.params),
        "metadata": metadata(work.params),
    }
    await work.save(made, "customer.created")
    return made


async def update(work: Work, found: Json) -> Json:
    """Change a payer."""
    _require(found)
    given = {name: value for name, value in _fields(work.params).items() if name in work.params}
    changed = {**found, **given, "metadata": metadata(work.params, found["metadata"])}
    await work.save(changed, "customer.updated", before=found)
    return changed


async def delete(work: Work, found: Json) -> Json:
    """Take a payer away; what they have paid stays."""
    _require(found)
    gone = {"id": found["id"], "object": "customer", "deleted": True}
    await work.save(gone, "customer.deleted")
    return gone


def _require(found: Json) -> None:
    if found.get("deleted"):
        raise missing(found["id"], "customer")


def _fields(params: Json) -> Json:
    found = {name: text(params, name) for name in FIELDS}
    email = found["email"]
    if email is not None and ("@" not in email or len(email) > EMAIL_CHARS_MAX):
        refused = f"Invalid email address: {email[:100]}"
        raise StripeRefusal(refused, code="email_invalid", param="email")
    return found


NOUN = Noun(
    name="customer",
    path="customers",
    actions={
        ("POST", ""): action(create, *FIELDS, "metadata"),
        ("POST", "/<object_id>"): action(update, *FIELDS, "metadata"),
        ("DELETE", "/<object_id>"): action(delete),
    },
    filters=frozenset({"email"}),
)
