"""Stripe's REST API under ``/v1``, as far as the product uses it, kept honest by the real SDKs.

What can be asked of each kind of object is declared in ``nouns``; here is what all requests share:
keys, forms, idempotency, faults, ``expand``, lists, and refusals in Stripe's shape.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import trio
from quart import Blueprint, Response, g, request

from bountyexpo.integrations.stripe.calls import API_VERSION
from bountyexpo.sandbox.replies import reply, retry_headers, text_reply
from bountyexpo.sandbox.stripe import listing, store
from bountyexpo.sandbox.stripe.expand import expand
from bountyexpo.sandbox.stripe.form import decode_form
from bountyexpo.sandbox.stripe.nouns.catalogue import NOUNS
from bountyexpo.sandbox.stripe.params import listed, only
from bountyexpo.sandbox.stripe.refusal import StripeRefusal, missing, unknown_url
from bountyexpo.sandbox.stripe.store import Answer, KeyReused, answer, stripe_id
from bountyexpo.sandbox.stripe.work import Work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from bountyexpo.errors import BountyExpoError
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.stripe.faults import Faults
    from bountyexpo.sandbox.stripe.noun import Action, Noun
    from bountyexpo.sandbox.stripe.work import Json
    from bountyexpo.sandbox.tables import Tables

    Step: TypeAlias = Callable[[Work, Json], Awaitable[Json | Answer]]

ROOT = "/v1/"

# How long an answer stays lost before the connection is let go.
LOST_REPLY_S = 120.0

KEY_CHARS_MAX = 255

EXPANDABLE = {noun.name: noun.expandable for noun in NOUNS}


class StripeApi:
    """The routes under ``/v1``."""

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
        routes = Blueprint("stripe", __name__)
        routes.before_request(self._require_key)
        routes.after_request(_stamp)
        routes.register_error_handler(StripeRefusal, _refused)
        for noun in NOUNS:
            root = f"{ROOT}{noun.path}"
            views: dict[tuple[str, str], Callable[..., Awaitable[Response]]] = {}
            if noun.is_listed:
                views["GET", ""] = partial(self._list, noun)
                views["GET", "/<object_id>"] = partial(self._show, noun)
            for place, action in noun.actions.items():
                views[place] = partial(self._act, noun, action)
            for (method, path), view in views.items():
                name = f"{method} {noun.path}{path}"
                routes.add_url_rule(root + path, name, view, methods=[method])
        return routes

    async def change(
        self, kind: str, object_id: str, step: Step, account: str | None = None
    ) -> Response:
        """Let something happen to an object that no request of the API can bring about."""
        await self._tables.ensure()
        async with self._pool.transaction() as tx:
            work = Work(tx, {}, self._clock.now(), account=account)
            given = await _given(work, await work.load(kind, object_id), step)
        self._on_event()
        return text_reply(given.body, given.status)

    async def _list(self, noun: Noun, parent_id: str | None = None) -> Response:
        await self._before(noun)
        params = _query()
        body = await listing.page(self._pool, noun, params, g.account, parent_id)
        if noun.parent is not None:
            await self._require(noun.parent, str(parent_id), (noun.parent,))
        await _expand(self._pool, body, params, g.account)
        return reply(body)

    async def _show(self, noun: Noun, object_id: str, parent_id: str | None = None) -> Response:
        await self._before(noun)
        params = _query()
        only(params, ("client_secret",))
        found = await self._require(noun.name, object_id, noun.known_as)
        if parent_id is not None and found[noun.of] != parent_id:
            raise missing(object_id, noun.name)
        await _expand(self._pool, found, params, g.account)
        return reply(found)

    async def _require(self, name: str, object_id: str, kinds: tuple[str, ...]) -> Json:
        found = await store.find(self._pool, object_id, g.account)
        if found is None or found["object"] not in kinds:
            raise missing(object_id, name)
        return found

    async def _act(
        self,
        noun: Noun,
        action: Action,
        object_id: str | None = None,
        parent_id: str | None = None,
    ) -> Response:
        """Do the work once per idempotency key, in one transaction with its answer."""
        fault = await self._before(noun)
        try:
            given, is_repeat = await self._once(noun, action, object_id, parent_id)
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

    async def _once(
        self, noun: Noun, action: Action, object_id: str | None, parent_id: str | None
    ) -> tuple[Answer, bool]:
        raw = await request.get_data(as_text=False)
        assert isinstance(raw, bytes)
        params = _query() if request.method == "GET" else _form(raw)
        only(params, action.params)
        key = _idempotency_key()
        asked = msgspec.json.encode([request.method, request.path, params], order="sorted")
        async with self._pool.transaction() as tx:
            work = Work(tx, params, self._clock.now(), key=key, account=g.account)
            # Each account has its own keys.
            kept_as = f"{g.account} {key}" if key and g.account else key
            if kept_as is not None:
                fingerprint = sha256(asked).hexdigest()
                found = await store.claim_key(tx, kept_as, fingerprint, self._clock.now())
                if found is not None:
                    return found, True
            place = await _place(work, noun, object_id, parent_id)
            given = await _given(work, place, action.run)
            if kept_as is not None:
                await store.keep_answer(tx, kept_as, given)
        return given, False

    async def _before(self, noun: Noun) -> str | None:
        """Wait for the tables, and return the fault that this request meets at its end."""
        await self._tables.ensure()
        g.account = await self._account(noun)
        fault = self._faults.take(request.path)
        if fault == "server_error":
            raise StripeRefusal("Something went wrong on our end", status=500, kind="api_error")
        if fault == "rate_limit":
            raise StripeRefusal("Too many requests", status=429, code="rate_limit")
        return fault

    async def _require_key(self) -> None:
        scheme, _, found = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            found = _user_of(found)
        if not hmac.compare_digest(found.encode(), self._secret_key.encode()):
            raise StripeRefusal("Invalid API Key provided", status=401)

    async def _account(self, noun: Noun) -> str | None:
        """Return the connected account that the platform speaks for, or None for itself."""
        account: str | None = request.headers.get("Stripe-Account")
        if account is None:
            return None
        found = await store.find(self._pool, account, None)
        if found is None or found["object"] != "account" or found.get("deleted"):
            text = f"The provided key does not have access to account '{account[:100]}'"
            raise StripeRefusal(text, status=403, code="account_invalid")
        if noun.is_platform:
            raise StripeRefusal("Only Stripe Connect platforms can work with this.", status=403)
        return account


def failed(error: BountyExpoError) -> Response:
    """Show an error that is none of the API's own rules in the API's shape."""
    if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        refusal = unknown_url(request.method, request.path)
        return reply(refusal.body, error.status)
    is_theirs = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "api_error" if is_theirs else "invalid_request_error"
    body = {"error": {"type": kind, "message": error.message}}
    return reply(body, error.status, retry_headers(error))


async def _given(work: Work, place: Json, step: Step) -> Answer:
    """Take a step, and return what it is answered with."""
    made = await step(work, place)
    if isinstance(made, Answer):
        return made
    await _expand(work.tx, made, work.params, work.account)
    return answer(made)


async def _place(work: Work, noun: Noun, object_id: str | None, parent_id: str | None) -> Json:
    """Return the object that an action is called on, or the parent of a new one."""
    if object_id is None:
        return {} if noun.parent is None else await work.load(noun.parent, str(parent_id))
    place = await work.load(noun.name, object_id)
    if noun.parent is not None and place[noun.of] != parent_id:
        raise missing(object_id, noun.name)
    return place


async def _expand(queries: Queries, body: Json, params: Json, account: str | None) -> None:
    async def find(object_id: str) -> Json | None:
        # The platform keeps the banks and cards of every account.
        own = await store.find(queries, object_id, account)
        return own or await store.find(queries, object_id, None)

    await expand(body, listed(params.get("expand")), EXPANDABLE, find)


def _query() -> Json:
    return _form(request.query_string)


def _form(raw: bytes) -> Json:
    try:
        return decode_form(raw.decode())
    except UnicodeDecodeError:
        raise StripeRefusal("The request is not UTF-8") from None


def _user_of(credentials: str) -> str:
    try:
        return b64decode(credentials).decode(errors="replace").partition(":")[0]
    except binascii.Error:
        return ""


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and len(key) > KEY_CHARS_MAX:
        raise StripeRefusal("Idempotency keys can be at most 255 characters", status=400)
    return key or None


async def _refused(refusal: StripeRefusal) -> Response:
    return reply(refusal.body, refusal.status)


async def _stamp(response: Response) -> Response:
    response.headers["Request-Id"] = stripe_id("req")
    response.headers["Stripe-Version"] = API_VERSION
    return response
