"""The part of Stripe's REST API that the product uses, kept honest by the real SDK.

The rules are in ``stripe_intents``; here are the requests: keys, forms, idempotency, faults.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio
from quart import Blueprint, Response, request

from bountyexpo.integrations.stripe import API_VERSION
from bountyexpo.sandbox.replies import reply, retry_headers, text_reply
from bountyexpo.sandbox.stripe import intents
from bountyexpo.sandbox.stripe.form import decode_form
from bountyexpo.sandbox.stripe.intents import StripeRefusal
from bountyexpo.sandbox.stripe.store import (
    Answer,
    KeyReused,
    answer,
    claim_key,
    commit_change,
    keep_answer,
    load,
    save,
    stripe_id,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from bountyexpo.errors import BountyExpoError
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.transaction import Transaction
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.stripe.faults import Faults
    from bountyexpo.sandbox.stripe.intents import Change, Json
    from bountyexpo.sandbox.tables import Tables

    Work: TypeAlias = Callable[[Transaction, Json], Awaitable[Answer]]

# How long an answer stays lost before the connection is let go.
LOST_REPLY_S = 120.0

PAGE_MAX = 100


class StripeApi:
    """The routes under ``/stripe/v1``."""

    def __init__(
        self,
        pool: Pool,
        tables: Tables,
        clock: Clock,
        faults: Faults,
        *,
        secret_key: str,
        on_event: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._tables = tables
        self._clock = clock
        self._faults = faults
        self._secret_key = secret_key
        self._on_event = on_event

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        routes = Blueprint("stripe", __name__, url_prefix="/stripe")
        routes.before_request(self._require_key)
        routes.after_request(_stamp)
        routes.register_error_handler(StripeRefusal, _refused)
        for method, path, view in (
            ("POST", "/v1/customers", self.create_customer),
            ("GET", "/v1/customers/<object_id>", self.customer),
            ("POST", "/v1/payment_intents", self.create_intent),
            ("GET", "/v1/payment_intents/<object_id>", self.intent),
            ("POST", "/v1/payment_intents/<object_id>/confirm", self.confirm_intent),
            ("POST", "/v1/payment_intents/<object_id>/cancel", self.cancel_intent),
            ("GET", "/v1/events", self.events),
            ("GET", "/v1/events/<event_id>", self.event),
        ):
            routes.add_url_rule(path, view.__name__, view, methods=[method])
        return routes

    async def create_customer(self) -> Response:
        """Create a payer."""

        async def work(transaction: Transaction, params: Json) -> Answer:
            now = self._clock.now()
            customer = {
                "id": stripe_id("cus"),
                "object": "customer",
                "created": int(now.timestamp()),
                "email": params.get("email"),
                "livemode": False,
                "metadata": params.get("metadata") or {},
            }
            await save(transaction, customer, now)
            return answer(customer)

        return await self._mutate(work)

    async def customer(self, object_id: str) -> Response:
        """Show a payer."""
        return await self._show(object_id, "customer")

    async def create_intent(self) -> Response:
        """Create an intent, and confirm it when asked to."""

        async def work(transaction: Transaction, params: Json) -> Answer:
            payer = params.get("customer")
            if payer is not None and await load(transaction, payer) is None:
                raise _missing(payer, "customer", status=400)
            now = self._clock.now()
            change = intents.create(
                params,
                intent_id=stripe_id("pi"),
                secret=stripe_id("s")[2:],
                created=int(now.timestamp()),
            )
            if params.get("confirm") != "true":
                return await self._store(transaction, change)
            await commit_change(transaction, change, _idempotency_key(), now)
            confirmed = intents.confirm(change.intent, params, charge_id=stripe_id("ch"))
            return await self._store(transaction, confirmed)

        return await self._mutate(work)

    async def intent(self, object_id: str) -> Response:
        """Show an intent."""
        return await self._show(object_id, "payment_intent")

    async def confirm_intent(self, object_id: str) -> Response:
        """Ask for the money."""

        def confirm(intent: Json, params: Json) -> Change:
            return intents.confirm(intent, params, charge_id=stripe_id("ch"))

        return await self.change_intent(object_id, confirm)

    async def cancel_intent(self, object_id: str) -> Response:
        """Give an intent up."""

        def cancel(intent: Json, params: Json) -> Change:
            return intents.cancel(intent, params, now=int(self._clock.now().timestamp()))

        return await self.change_intent(object_id, cancel)

    async def change_intent(self, object_id: str, step: Callable[[Json, Json], Change]) -> Response:
        """Apply one step of the rules to a stored intent."""

        async def work(transaction: Transaction, params: Json) -> Answer:
            intent = await load(transaction, object_id)
            if intent is None or intent["object"] != "payment_intent":
                raise _missing(object_id, "payment_intent")
            return await self._store(transaction, step(intent, params))

        return await self._mutate(work)

    async def events(self) -> Response:
        """List events, the newest first."""
        await self._tables.ensure()
        asked = request.args.get("limit", "10")
        limit = min(int(asked) if asked.isdecimal() else 10, PAGE_MAX)
        rows = await self._pool.fetch(
            """SELECT body FROM sandbox.stripe_events
               WHERE (%(type)s::text IS NULL OR type = %(type)s)
               ORDER BY number DESC LIMIT %(limit)s""",
            {"type": request.args.get("type"), "limit": limit + 1},
        )
        page = ",".join(row["body"] for row in rows[:limit])
        more = "true" if len(rows) > limit else "false"
        return text_reply(
            f'{{"object":"list","url":"/v1/events","has_more":{more},"data":[{page}]}}'
        )

    async def event(self, event_id: str) -> Response:
        """Show an event."""
        await self._tables.ensure()
        query = "SELECT body FROM sandbox.stripe_events WHERE id = %s"
        row = await self._pool.fetch_one(query, (event_id,))
        if row is None:
            raise _missing(event_id, "event")
        return text_reply(row["body"])

    async def _store(self, transaction: Transaction, change: Change) -> Answer:
        await commit_change(transaction, change, _idempotency_key(), self._clock.now())
        if change.refusal is not None:
            return answer({"error": change.refusal}, 402)
        return answer(change.intent)

    async def _show(self, object_id: str, kind: str) -> Response:
        await self._tables.ensure()
        _refuse_before(self._faults.take(_path()))
        query = "SELECT object FROM sandbox.stripe_objects WHERE id = %s"
        row = await self._pool.fetch_one(query, (object_id,))
        if row is None or row["object"]["object"] != kind:
            raise _missing(object_id, kind)
        return reply(row["object"])

    async def _mutate(self, work: Work) -> Response:
        """Do the work once per idempotency key, in one transaction with its answer."""
        await self._tables.ensure()
        fault = self._faults.take(_path())
        _refuse_before(fault)
        raw = await request.get_data(as_text=False)
        assert isinstance(raw, bytes)
        try:
            given, is_repeat = await self._once(work, raw)
        except KeyReused as error:
            text = (
                "Keys for idempotent requests can only be used with the same parameters they were "
                "first used with. Try using a key other than the one given if you meant to "
                "execute a different request."
            )
            raise StripeRefusal(text, kind="idempotency_error") from error
        self._on_event()
        if fault == "lost_reply":
            await trio.sleep(LOST_REPLY_S)
        if fault is not None:
            raise StripeRefusal("The answer was lost on its way", status=500, kind="api_error")
        headers = {"Idempotent-Replayed": "true"} if is_repeat else None
        return text_reply(given.body, given.status, headers)

    async def _once(self, work: Work, raw: bytes) -> tuple[Answer, bool]:
        key = _idempotency_key()
        fingerprint = sha256(f"{request.method} {request.path}\n".encode() + raw).hexdigest()
        async with self._pool.transaction() as transaction:
            if key is not None:
                found = await claim_key(transaction, key, fingerprint, self._clock.now())
                if found is not None:
                    return found, True
            given = await work(transaction, decode_form(raw.decode()))
            if key is not None:
                await keep_answer(transaction, key, given)
        return given, False

    async def _require_key(self) -> None:
        scheme, _, found = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            found = b64decode(found).decode(errors="replace").partition(":")[0]
        if not hmac.compare_digest(found.encode(), self._secret_key.encode()):
            raise StripeRefusal("Invalid API Key provided", status=401)


def _idempotency_key() -> str | None:
    return request.headers.get("Idempotency-Key")


def _path() -> str:
    return request.path.removeprefix("/stripe")


def _refuse_before(fault: str | None) -> None:
    if fault == "server_error":
        raise StripeRefusal("Something went wrong on our end", status=500, kind="api_error")
    if fault == "rate_limit":
        raise StripeRefusal("Too many requests", status=429, code="rate_limit")


def _missing(object_id: str, kind: str, status: int = 404) -> StripeRefusal:
    text = f"No such {kind}: '{object_id}'"
    return StripeRefusal(text, code="resource_missing", param=kind, status=status)


async def _refused(refusal: StripeRefusal) -> Response:
    return reply(refusal.body, refusal.status)


def failed(error: BountyExpoError) -> Response:
    """Show an error that is none of the API's own rules in the API's shape."""
    text, kind = error.message, "api_error"
    if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = "invalid_request_error"
    if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        path = request.path.removeprefix("/stripe")
        text = f"Unrecognized request URL ({request.method}: {path})."
    body = {"error": {"type": kind, "message": text}}
    return reply(body, error.status, retry_headers(error))


async def _stamp(response: Response) -> Response:
    response.headers["Request-Id"] = stripe_id("req")
    response.headers["Stripe-Version"] = API_VERSION
    return response
