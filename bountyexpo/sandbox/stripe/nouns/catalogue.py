"""All kinds of objects; what is not here answers 404, as at Stripe."""

from __future__ import annotations

from bountyexpo.sandbox.stripe.noun import Noun
from bountyexpo.sandbox.stripe.nouns import (
    charges,
    customers,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
)

# Events are made by the changes that they tell of.
EVENTS = Noun(name="event", path="events", filters=frozenset({"type", "types"}))

NOUNS = (
    charges.NOUN,
    customers.NOUN,
    EVENTS,
    payment_intents.NOUN,
    payment_methods.NOUN,
    refunds.NOUN,
    setup_intents.NOUN,
)
