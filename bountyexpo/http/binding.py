"""The HTTP binding of an operation: a plain function from request data to response data.

It knows nothing of the server that read the request, so an operation behaves the same on the fast
path and in the fallback, and one test compares the two.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from bountyexpo.errors import BountyExpoError, InvalidRequest, TooLarge, UnsupportedMediaType
from bountyexpo.http.exchange import answer, identify, identify_if_known, identify_leniently
from bountyexpo.http.headers import deprecation_headers
from bountyexpo.http.limits import BODY_BYTES_MAX
from bountyexpo.http.messages import JSON, HttpRequest, HttpResponse
from bountyexpo.observability import metrics
from bountyexpo.operations.call import RawReply
from bountyexpo.operations.dispatch import check_idempotency_key, dispatch
from bountyexpo.operations.routes import BODY_METHODS, QUERY_METHODS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.call import Call
    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.operations.routes import Alias
    from bountyexpo.operations.services import Services

# Queries beyond these are refused unread (operations §13).
QUERY_BYTES_MAX = 8 * 1024
QUERY_FIELDS_MAX = 200


async def respond(operation: Operation, request: HttpRequest, services: Services) -> HttpResponse:
    """Carry out ``operation`` for one request; never raises but for cancellation."""
    is_old = operation.is_old(request.route)
    form = operation.forms.get(request.route) if request.route else None
    perform = partial(_perform if form is None else partial(_perform_in, form), operation)
    return await answer(request, services, perform, is_old=is_old)


async def _perform(operation: Operation, request: HttpRequest, call: Call) -> HttpResponse:
    reply = await _carry_out(operation, request, call)
    return encode_reply(call.reply_status or operation.status, reply)


async def _perform_in(
    form: Alias, operation: Operation, request: HttpRequest, call: Call
) -> HttpResponse:
    """Answer in the form that the clients of an old route read."""
    try:
        reply = await _carry_out(operation, request, call)
    except BountyExpoError as error:
        told = form.refusal(error) if form.refusal else None
        if told is None:
            raise
        return _json(*told)
    status = call.reply_status or operation.status
    if form.reply is None:
        return encode_reply(status, reply)
    return _json(status, form.reply(msgspec.to_builtins(reply)))


async def _carry_out(operation: Operation, request: HttpRequest, call: Call) -> Any:
    path = operation.canonical(request.path_parameters)
    headers = deprecation_headers(operation, request.route, path)
    call.reply_headers.update(headers)
    if headers and request.route is not None:
        metrics.DEPRECATED_CALLS.labels(request.route.path).inc()
    call.identity = await _identify_for(operation)(call)
    call.idempotency_key = check_idempotency_key(request.headers.get("idempotency-key"))
    query = parse_query(operation, request.query) if request.method in QUERY_METHODS else {}
    # A query of a write is not read: what stands in addresses ends up in logs.
    body = parse_body(request) if request.method in BODY_METHODS else {}
    # The path wins: what names the thing cannot be contradicted.
    return await dispatch(operation, call, operation.canonical(body, query) | path)


def _identify_for(operation: Operation) -> Callable[[Call], Awaitable[Identity | None]]:
    if not operation.access.is_open:
        return identify
    return identify_if_known if operation.heeds_token else identify_leniently


def parse_body(request: HttpRequest) -> dict[str, Any]:
    """Return the object in the body; no body is an empty object.

    Raises:
        TooLarge, UnsupportedMediaType, InvalidRequest: it cannot be used.
    """
    if len(request.body) > BODY_BYTES_MAX:
        raise TooLarge
    if not request.body.strip():
        return {}
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media_type != JSON and not media_type.endswith("+json"):
        raise UnsupportedMediaType
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The body is not valid JSON.", code="INVALID_JSON") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.", code="INVALID_JSON")
    return body


def parse_query(operation: Operation, query: str) -> dict[str, Any]:
    """Return the query parameters that the operation knows; unknown and empty ones are dropped.

    Raises:
        InvalidRequest: it is not a well-formed query, or an endless one.
    """
    if not query:
        return {}
    if len(query) > QUERY_BYTES_MAX:
        raise InvalidRequest("The address is too long.")
    given: dict[str, list[str]] = {}
    for raw_name, value in _pairs(query):
        name = raw_name.removesuffix("[]")
        canonical = operation.aliased_fields.get(name, name)
        if canonical in operation.fields:
            given.setdefault(canonical, []).append(value)
    return {
        name: _split(values) if name in operation.list_fields else values[-1]
        for name, values in given.items()
    }


def encode_reply(status: int, reply: Any) -> HttpResponse:
    """Write a handler's reply; clients parse every body as JSON, so there is always one."""
    if isinstance(reply, RawReply):
        return HttpResponse(status, {"content-type": reply.content_type}, reply.body)
    return _json(status, {"success": True} if reply is None else reply)


def _json(status: int, body: Any) -> HttpResponse:
    return HttpResponse(status, {"content-type": JSON}, msgspec.json.encode(body))


def _pairs(query: str) -> list[tuple[str, str]]:
    """Return names and values; those without a value are dropped."""
    if "%" not in query and "+" not in query and query.count("&") < QUERY_FIELDS_MAX:
        # Nothing is escaped, as in most queries: the library would take five times as long.
        fields = [field.partition("=") for field in query.split("&")]
        return [(name, value) for name, _, value in fields if value]
    try:
        return parse_qsl(query, errors="strict", max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise InvalidRequest("The query in the address is not valid.") from None


def _split(values: list[str]) -> list[str]:
    """Read both ways of writing a list: repeated, or separated by commas."""
    if len(values) == 1:
        return [item for item in values[0].split(",") if item]
    return values
