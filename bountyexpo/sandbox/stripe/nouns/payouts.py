"""Payouts: money from an account's balance to its bank, or to a debit card at once.

pending ── settle ──► paid ── fail (days later) ──► failed
pending ── fail ──► failed
pending ── cancel ──► canceled
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.sandbox.stripe import balances, store
from bountyexpo.sandbox.stripe.noun import Noun, action
from bountyexpo.sandbox.stripe.nouns import external_accounts
from bountyexpo.sandbox.stripe.nouns.transfers import amount_of
from bountyexpo.sandbox.stripe.params import choice, metadata, text
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.sandbox.stripe.work import Json, Work

METHODS = ("standard", "instant")
DAYS_S = 2 * 86_400


async def create(work: Work, _: Json) -> Json:
    """Send money to a bank or a card of the account."""
    params = work.params
    amount = amount_of(work)
    method = choice(params, "method", METHODS) or METHODS[0]
    target = await _destination(work)
    if method not in target["available_payout_methods"]:
        refused = "This external account does not support instant payouts."
        raise StripeRefusal(refused, code="instant_payouts_unsupported", param="destination")
    is_instant = method == "instant"
    made = {
        "id": stripe_id("po"),
        "object": "payout",
        "amount": amount,
        "arrival_date": work.created + (0 if is_instant else DAYS_S),
        "automatic": False,
        "created": work.created,
        "currency": balances.CURRENCY,
        "description": text(params, "description"),
        "destination": target["id"],
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": metadata(params),
        "method": method,
        "source_type": "card",
        "statement_descriptor": text(params, "statement_descriptor"),
        "status": "pending",
        "type": "card" if target["object"] == "card" else "bank_account",
    }
    await balances.shift(work, {work.account: -amount})
    await work.save(made, "payout.created")
    return made


async def update(work: Work, found: Json) -> Json:
    """Change what is noted with a payout."""
    changed = {**found, "metadata": metadata(work.params, found["metadata"])}
    await work.save(changed, "payout.updated", before=found)
    return changed


async def cancel(work: Work, found: Json) -> Json:
    """Give up a payout that has not left."""
    if found["status"] == "canceled":
        refused = "This payout has already been canceled."
        raise StripeRefusal(refused, code="payout_already_canceled")
    if found["status"] != "pending" or found["method"] == "instant":
        raise StripeRefusal("Payouts can only be canceled while they are pending.")
    return await _gone_back(work, found, "canceled")


async def settle(work: Work, found: Json, *, succeeds: bool) -> Json:
    """Let the bank take it, or send it back, which it may still do after it was paid."""
    if found["status"] not in ({"pending"} if succeeds else {"pending", "paid"}):
        raise StripeRefusal(f"This payout has a status of {found['status']}.")
    if not succeeds:
        why = {
            "failure_code": "account_closed",
            "failure_message": "The bank account has been closed.",
        }
        return await _gone_back(work, {**found, **why}, "failed")
    changed = {**found, "status": "paid"}
    await work.save(changed, f"payout.{changed['status']}", before=found)
    return changed


async def _gone_back(work: Work, found: Json, status: str) -> Json:
    """Put the money into the account's balance again."""
    changed = {**found, "status": status}
    await balances.shift(work, {work.account: found["amount"]})
    await work.save(changed, f"payout.{status}")
    return changed


async def _destination(work: Work) -> Json:
    """Return where it goes: what is named, or the first choice of an account that may be paid."""
    account_id = work.account
    account = await store.lock(work.tx, account_id, None) if account_id else None
    if account_id is None or account is None:
        raise StripeRefusal("You cannot create payouts without an external account in usd.")
    if not account["payouts_enabled"]:
        refused = "Cannot create payouts: payouts are not enabled on this account."
        raise StripeRefusal(refused, code="payouts_not_allowed")
    name = text(work.params, "destination")
    if name is not None:
        return await external_accounts.named(work, account_id, name)
    found = await external_accounts.first(work, account_id)
    if found is None:
        raise StripeRefusal("You cannot create payouts without an external account in usd.")
    return found


NOUN = Noun(
    name="payout",
    path="payouts",
    actions={
        ("POST", ""): action(
            *(create, "amount", "currency", "description", "destination", "metadata", "method"),
            *("source_type", "statement_descriptor"),
        ),
        ("POST", "/<object_id>"): action(update, "metadata"),
        ("POST", "/<object_id>/cancel"): action(cancel),
    },
    filters=frozenset({"destination", "status"}),
    expandable=frozenset({"destination"}),
)
