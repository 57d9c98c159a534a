"""Buttons of the sandbox, under ``/sandbox``: make happen what an outside person or bank would do.

POST /sandbox/payment_intents/<id>/authenticate[?outcome=fail]   the payer passes 3-D Secure
POST /sandbox/setup_intents/<id>/authenticate[?outcome=fail]     the same, to keep a card
POST /sandbox/payment_intents/<id>/settle[?outcome=fail]         the slow bank answers
POST /sandbox/accounts/<id>/onboard                              the owner gives all details
GET  /sandbox/accounts/<id>/onboard?return_url=…                 the same, by following the link
POST /sandbox/accounts/<id>/restrict                             payouts are stopped
POST /sandbox/accounts/<id>/deauthorize                          the owner leaves the platform
POST /sandbox/accounts/<id>/payouts/<id>/settle[?outcome=fail]   the bank takes it or sends it back
POST /sandbox/events/<id>/resend                                 deliver an event again
GET  /sandbox/events                                             deliveries so far
POST /sandbox/faults   {"kind": …, "path": "/v1/…", "times": 1}  let requests go wrong
DELETE /sandbox/faults                                           let nothing go wrong
POST /sandbox/people/<id>/leave                                  somebody closes their account
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from quart import Blueprint, Response, request

from bountyexpo.domain.ids import is_id
from bountyexpo.sandbox.replies import add_routes, reply
from bountyexpo.sandbox.stripe import intents
from bountyexpo.sandbox.stripe.faults import Fault, Faults
from bountyexpo.sandbox.stripe.nouns import accounts, payouts, setup_intents
from bountyexpo.sandbox.stripe.nouns.payment_intents import commit
from bountyexpo.sandbox.stripe.refusal import StripeRefusal
from bountyexpo.sandbox.stripe.store import stripe_id

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.sandbox.stripe.api import StripeApi
    from bountyexpo.sandbox.stripe.store import Answer
    from bountyexpo.sandbox.stripe.webhooks import WebhookRelay
    from bountyexpo.sandbox.stripe.work import Json, Work
    from bountyexpo.sandbox.tables import Tables


LEAVE: Final = """
    update users set account_status = 'deleted', deleted_at = coalesce(deleted_at, now())
    where id = %s returning id
"""


class Triggers:
    """The routes under ``/sandbox``."""

    def __init__(
        self, pool: Pool, tables: Tables, stripe: StripeApi, relay: WebhookRelay, faults: Faults
    ) -> None:
        self._pool = pool
        self._tables = tables
        self._stripe = stripe
        self._relay = relay
        self._faults = faults

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        routes = Blueprint("sandbox", __name__, url_prefix="/sandbox")
        routes.register_error_handler(StripeRefusal, _refused)
        add_routes(
            routes,
            ("POST", "/payment_intents/<object_id>/authenticate", self.authenticate),
            ("POST", "/setup_intents/<object_id>/authenticate", self.authenticate_setup),
            ("POST", "/payment_intents/<object_id>/settle", self.settle),
            ("GET", "/accounts/<account_id>/onboard", self.follow),
            ("POST", "/accounts/<account_id>/onboard", self.onboard),
            ("POST", "/accounts/<account_id>/restrict", self.restrict),
            ("POST", "/accounts/<account_id>/deauthorize", self.deauthorize),
            ("POST", "/accounts/<account_id>/payouts/<object_id>/settle", self.settle_payout),
            ("POST", "/events/<event_id>/resend", self.resend),
            ("GET", "/events", self.events),
            ("POST", "/faults", self.order_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/people/<user_id>/leave", self.leave),
        )
        return routes

    async def authenticate(self, object_id: str) -> Response:
        """Let the payer pass or fail the bank's check."""
        succeeds = _succeeds()

        async def step(work: Work, intent: Json) -> Json | Answer:
            change = intents.authenticate(intent, succeeds=succeeds, charge_id=stripe_id("ch"))
            return await commit(work, intents.without_refusal(change))

        return await self._stripe.change("payment_intent", object_id, step)

    async def authenticate_setup(self, object_id: str) -> Response:
        """Let the payer pass or fail the bank's check of a card that is to be kept."""
        step = partial(setup_intents.authenticate, succeeds=_succeeds())
        return await self._stripe.change("setup_intent", object_id, step)

    async def settle(self, object_id: str) -> Response:
        """Let the slow bank answer."""
        succeeds = _succeeds()

        async def step(work: Work, intent: Json) -> Json | Answer:
            change = intents.settle(intent, succeeds=succeeds)
            return await commit(work, intents.without_refusal(change))

        return await self._stripe.change("payment_intent", object_id, step)

    async def follow(self, account_id: str) -> Response:
        """Give all details of an account, and go back to the app."""
        await self._stripe.change("account", account_id, accounts.onboard)
        return Response("", 303, {"Location": request.args.get("return_url", "/")})

    async def onboard(self, account_id: str) -> Response:
        """Let the owner give all details."""
        return await self._stripe.change("account", account_id, accounts.onboard)

    async def restrict(self, account_id: str) -> Response:
        """Let Stripe stop payouts."""
        return await self._stripe.change("account", account_id, accounts.restrict)

    async def deauthorize(self, account_id: str) -> Response:
        """Let the owner leave the platform."""
        return await self._stripe.change("account", account_id, accounts.deauthorize)

    async def settle_payout(self, account_id: str, object_id: str) -> Response:
        """Let the bank take a payout, or send it back."""
        step = partial(payouts.settle, succeeds=_succeeds())
        return await self._stripe.change("payout", object_id, step, account_id)

    async def resend(self, event_id: str) -> Response:
        """Deliver an event again."""
        if not await self._relay.resend(event_id):
            return reply({"error": "There is no such event"}, 404)
        return reply({"resent": event_id})

    async def events(self) -> Response:
        """Show the latest events and how their delivery stands."""
        await self._tables.ensure()
        rows = await self._pool.fetch(
            """SELECT id, type, created_at, attempts, next_attempt_at, delivered_at
               FROM sandbox.stripe_events ORDER BY number DESC LIMIT 100"""
        )
        return reply({"events": rows})

    async def order_fault(self) -> Response:
        """Let requests go wrong."""
        try:
            fault = msgspec.json.decode(await request.get_data(), type=Fault)
        except msgspec.MsgspecError as error:
            return reply({"error": str(error)}, 400)
        self._faults.order(fault)
        return reply(fault)

    async def clear_faults(self) -> Response:
        """Let nothing more go wrong."""
        self._faults.clear()
        return reply({})

    async def leave(self, user_id: str) -> Response:
        """Let somebody have closed their account."""
        if not is_id(user_id) or await self._pool.fetch_one(LEAVE, (user_id,)) is None:
            return reply({"error": "There is nobody with this id"}, 404)
        return reply({"left": user_id})


def _succeeds() -> bool:
    return request.args.get("outcome", "succeed") != "fail"


async def _refused(refusal: StripeRefusal) -> Response:
    return reply(refusal.body, refusal.status)
