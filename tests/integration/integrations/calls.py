"""Every call of every noun of the port, with arguments of each."""

from __future__ import annotations

ONCE = {"idempotency_key": "once"}
CALLS = {
    "customers.create": {"user_id": "u", "email": "a@example.test", **ONCE},
    "intents.create": {
        "amount_cents": 500,
        "currency": "usd",
        "customer_id": "cus_1",
        "metadata": {"a": "b"},
        **ONCE,
    },
    "intents.confirm": {"intent_id": "pi_1", "payment_method": "pm_1", **ONCE},
    "intents.cancel": {"intent_id": "pi_1", **ONCE},
    "intents.retrieve": {"intent_id": "pi_1"},
    "payment_methods.attach": {"method_id": "pm_1", "customer_id": "cus_1", **ONCE},
    "payment_methods.detach": {"method_id": "pm_1", **ONCE},
    "payment_methods.list_of": {"customer_id": "cus_1", "kind": "card"},
    "payment_methods.retrieve": {"method_id": "pm_1"},
    "setup_intents.create": {
        "customer_id": "cus_1",
        "user_id": "u",
        "kind": "card",
        "usage": "off_session",
        **ONCE,
    },
}


def ask(port, name):
    noun, _, verb = name.partition(".")
    return getattr(getattr(port, noun), verb)(**CALLS[name])
