"""Every call of every noun of the port, with arguments of each."""

from __future__ import annotations

ONCE = {"idempotency_key": "once"}
CALLS = {
    "accounts.banks": {"account_id": "acct_1"},
    "accounts.cards": {"account_id": "acct_1"},
    "accounts.create": {"user_id": "u", **ONCE},
    "accounts.link": {
        "account_id": "acct_1",
        "return_url": "https://app.example.test/back",
        "refresh_url": "https://app.example.test/again",
        **ONCE,
    },
    "accounts.login": {"account_id": "acct_1", **ONCE},
    "accounts.retrieve": {"account_id": "acct_1"},
    "accounts.session": {
        "account_id": "acct_1",
        "components": ("account_onboarding",),
        **ONCE,
    },
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
    "payouts.create": {
        "account_id": "acct_1",
        "amount_cents": 500,
        "method": "standard",
        "destination_id": "ba_1",
        "metadata": {"a": "b"},
        **ONCE,
    },
    "payouts.instant_cents": {"account_id": "acct_1"},
    "payouts.list_of": {"account_id": "acct_1"},
    "payouts.retrieve": {"account_id": "acct_1", "payout_id": "po_1"},
    "setup_intents.create": {
        "customer_id": "cus_1",
        "user_id": "u",
        "kind": "card",
        "usage": "off_session",
        **ONCE,
    },
    "transfers.create": {
        "amount_cents": 500,
        "account_id": "acct_1",
        "group": "withdrawal_1",
        "metadata": {"a": "b"},
        **ONCE,
    },
    "transfers.of_group": {"group": "withdrawal_1"},
    "transfers.retrieve": {"transfer_id": "tr_1"},
    "transfers.reversals": {"transfer_id": "tr_1"},
    "transfers.reverse": {"transfer_id": "tr_1", "amount_cents": 500, **ONCE},
}


def ask(port, name):
    noun, _, verb = name.partition(".")
    return getattr(getattr(port, noun), verb)(**CALLS[name])
