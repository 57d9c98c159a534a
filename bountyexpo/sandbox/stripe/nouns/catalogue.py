"""All kinds of objects; what is not here answers 404, as at Stripe."""

from __future__ import annotations

from bountyexpo.sandbox.stripe.noun import Noun
from bountyexpo.sandbox.stripe.nouns import (
    account_access,
    accounts,
    balance,
    charges,
    customers,
    external_accounts,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    setup_intents,
    transfers,
)

# Events are made by the changes that they tell of.
EVENTS = Noun(name="event", path="events", filters=frozenset({"type", "types"}))

NOUNS = (
    account_access.LINK,
    account_access.LOGIN,
    account_access.SESSION,
    accounts.NOUN,
    balance.NOUN,
    charges.NOUN,
    customers.NOUN,
    EVENTS,
    external_accounts.NOUN,
    payment_intents.NOUN,
    payment_methods.NOUN,
    payouts.NOUN,
    refunds.NOUN,
    setup_intents.NOUN,
    transfers.NOUN,
    transfers.REVERSAL,
)
