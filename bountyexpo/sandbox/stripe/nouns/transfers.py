"""Transfers: money from the platform to a connected account, and back, whole or in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe import balances
from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.nouns.accounts import require_transfers
from bountyexpo.sandbox.stripe.params import choice, integer, metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

COMMON = ("description", "metadata")


def amount_of(work: Work) -> int:
    """Return an amount of US cents that is more than nothing."""
    amount = integer(work.params, "amount")
    if amount is None:
        raise StripeRefusal(
            "Missing required param: amount.", param="amount", code="parameter_missing"
        )
    if amount < 1:
        refused = "This value must be greater than or equal to 1."
        raise StripeRefusal(refused, param="amount", code="parameter_invalid_integer")
    if choice(work.params, "currency", (balances.CURRENCY,)) is None:
        raise StripeRefusal(
            "Missing required param: currency.", param="currency", code="parameter_missing"
        )
    return amount


async def create(work: Work, _: Json) -> Json:
    """Send money, of the platform's balance or of one charge."""
    params = work.params
    amount = amount_of(work)
    account = await work.load("account", text(params, "destination") or "", "destination")
    require_transfers(account)
    charge_id = text(params, "source_transaction")
    if charge_id is not None:
        await _require_covered(work, charge_id, amount)
    transfer_id = stripe_id("tr")
    made = {
        "id": transfer_id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "created": work.created,
        "currency": balances.CURRENCY,
        "description": text(params, "description"),
        "destination": account["id"],
        "livemode": False,
        "metadata": metadata(params),
        "reversals": _reversals(transfer_id, []),
        "reversed": False,
        "source_transaction": charge_id,
        "source_type": "card",
        "transfer_group": text(params, "transfer_group"),
    }
    await balances.shift(work, {None: -amount, account["id"]: amount})
    await work.save(made, "transfer.created")
    return made


async def update(work: Work, found: Json) -> Json:
    """Change what is noted with a transfer."""
    changed = {**found, "metadata": metadata(work.params, found["metadata"])}
    if "description" in work.params:
        changed["description"] = text(work.params, "description")
    await work.save(changed, "transfer.updated", before=found)
    return changed


async def reverse(work: Work, transfer: Json) -> Json:
    """Take money back, all that is left of it unless an amount is named."""
    if transfer["reversed"]:
        refused = f"Transfer {transfer['id']} is already fully reversed."
        raise StripeRefusal(refused, code="transfer_already_reversed")
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = integer(work.params, "amount")
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        refused = f"Reversal amount ({amount}) is not between 1 and what is left ({left})"
        raise StripeRefusal(refused, param="amount", code="amount_too_large")
    made = {
        "id": stripe_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "created": work.created,
        "currency": transfer["currency"],
        "metadata": metadata(work.params),
        "transfer": transfer["id"],
    }
    back = transfer["amount_reversed"] + amount
    changed = {
        **transfer,
        "amount_reversed": back,
        "reversals": _reversals(transfer["id"], [made, *transfer["reversals"]["data"]]),
        "reversed": back == transfer["amount"],
    }
    await balances.shift(work, {transfer["destination"]: -amount, None: amount})
    await work.save(made)
    await work.save(changed, "transfer.reversed", before=transfer)
    return made


async def update_reversal(work: Work, found: Json) -> Json:
    """Change what is noted with a reversal."""
    changed = {**found, "metadata": metadata(work.params, found["metadata"])}
    await work.save(changed)
    return changed


async def _require_covered(work: Work, charge_id: str, amount: int) -> None:
    """Refuse more of a charge than it has brought."""
    charge = await work.load("charge", charge_id, "source_transaction")
    if not charge["captured"] or amount > charge["amount_captured"] - charge["amount_refunded"]:
        raise StripeRefusal(
            "The transfer is larger than what is left of its source_transaction.",
            param="amount",
            code="amount_too_large",
        )


def _reversals(transfer_id: str, found: list[Json]) -> Json:
    return {
        "object": "list",
        "data": found,
        "has_more": False,
        "total_count": len(found),
        "url": f"/v1/transfers/{transfer_id}/reversals",
    }


NOUN = Noun(
    name="transfer",
    path="transfers",
    is_platform=True,
    actions={
        ("POST", ""): action(
            *(create, *COMMON, "amount", "currency", "destination"),
            *("source_transaction", "source_type", "transfer_group"),
        ),
        ("POST", "/<object_id>"): action(update, *COMMON),
    },
    filters=frozenset({"destination", "transfer_group"}),
    expandable=frozenset({"destination", "source_transaction"}),
)
REVERSAL = Noun(
    name="transfer_reversal",
    path="transfers/<parent_id>/reversals",
    parent="transfer",
    is_platform=True,
    actions={
        ("POST", ""): action(reverse, *COMMON, "amount"),
        ("POST", "/<object_id>"): action(update_reversal, "metadata"),
    },
    expandable=frozenset({"transfer"}),
)
