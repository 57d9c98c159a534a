"""Charges: what an intent has asked a card or a bank for, made and changed by its intent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe.noun import Noun

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json


def charge_of(intent: Json, charge_id: str, created: int) -> Json:
    """Return a charge of ``intent`` that has asked for the money and has no answer yet."""
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "captured": False,
        "created": created,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": intent["metadata"],
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "refunded": False,
        "status": "pending",
        "transfer_group": intent["transfer_group"],
    }


NOUN = Noun(
    name="charge",
    path="charges",
    filters=frozenset({"customer", "payment_intent", "transfer_group"}),
    expandable=frozenset({"customer", "payment_intent", "payment_method"}),
)
