"""``stripe`` for Node against the emulator that ``make serve`` brings along, and our server."""

from __future__ import annotations

import time

from bountyexpo.sandbox.stripe.webhooks import signature

EVENT = '{"id":"evt_1","object":"event","type":"payment_intent.created","livemode":false}'


def test_the_story_of_a_payment_in_their_words(node, served):
    header = signature(EVENT.encode(), served["webhookSecret"], int(time.time()))

    node.run("stripe.mjs", {**served, "event": EVENT, "signature": header})
