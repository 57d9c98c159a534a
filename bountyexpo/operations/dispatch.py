"""Dispatch: the one way from a decoded call to an operation's handler, for both transports.

Access, limits, decoding, the handler, metrics; and whatever goes wrong leaves as one of our own
errors, so that a transport has only those to translate.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain import values
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.limits import IDEMPOTENCY_KEY_CHARS_MAX
from bountyexpo.errors import BountyExpoError, InternalError, InvalidRequest
from bountyexpo.observability import logs, metrics
from bountyexpo.operations.allowances import charge
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.idempotency.requests import IdempotencyKey
from bountyexpo.operations.invalid import REFUSALS, explain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.call import Call
    from bountyexpo.operations.catalogue import Operation

# Where a sign-in names the account it wants, in the order of trust.
IDENTIFIER_FIELDS = ("email", "identifier", "username", "phone")

# A date as forms give it (rest-core §4.4).
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

IDEMPOTENCY_FIELDS = ("idempotencyKey", "idempotency_key")

# Series by their labels: finding one takes the library longer than counting in it.
_calls = lru_cache(maxsize=4096)(metrics.OPERATION_CALLS.labels)
_durations = lru_cache(maxsize=4096)(metrics.OPERATION_DURATION_MS.labels)

log = logs.get_logger(__name__)


async def dispatch(operation: Operation, call: Call, arguments: Mapping[str, Any]) -> Any:
    """Carry out one call and return the reply of its handler.

    ``arguments`` holds path, query and body (or the socket frame's fields) merged, by wire name.

    Raises:
        BountyExpoError: the call was refused or failed; no other exception leaves.
    """
    started = call.services.clock.monotonic()
    outcome = "ok"
    try:
        check_access(operation, call.identity)
        values.check_values(arguments)
        _check_rate(operation, call, arguments)
        named = operation.canonical(arguments)
        _take_idempotency_key(operation, call, named)
        request = decode(operation, named, call.transport) if operation.request else None
        key = _idempotency_key(call, request)
        if operation.keeps is Keeps.NOTHING or key is None:
            return await operation.run(call, request)
        return await call.services.replies.once(operation, call, request, key)
    except BountyExpoError as error:
        outcome = type(error).code
        raise
    except Exception as error:
        # The last line of defence: the caller learns nothing, the log learns everything.
        outcome = InternalError.code
        log.exception("operation_failed", operation=operation.name, request_id=call.request_id)
        raise InternalError from error
    finally:
        elapsed_ms = (call.services.clock.monotonic() - started) * 1000
        _calls(operation.name, call.transport, outcome).inc()
        _durations(operation.name, call.transport).observe(elapsed_ms)


def check_access(operation: Operation, identity: Identity | None) -> None:
    """Let the caller call the operation at all, or refuse as its row of access says.

    Raises:
        NotAuthenticated: a caller is needed and there is none.
        NotAllowed: this caller may not.
    """
    refusal = operation.grant.level_refusal(caller_of(identity))
    if refusal is not None:
        raise refusal


def decode(operation: Operation, arguments: Mapping[str, Any], transport: str) -> msgspec.Struct:
    """Turn named arguments into the operation's request.

    REST arguments may come from a path or a query, where everything is text: there "5" is a
    number and "true" is a truth value. The socket says what it means. A day without a time is where
    it begins, in UTC.

    Raises:
        InvalidRequest: they do not fit; ``issues`` names each field that does not.
    """
    assert operation.request is not None
    strict = transport != "rest"
    days = {
        name: f"{value}T00:00:00Z"
        for name in operation.moment_fields
        if isinstance(value := arguments.get(name), str) and DAY.fullmatch(value)
    }
    arguments = {**arguments, **days} if days else arguments
    try:
        request = msgspec.convert(arguments, operation.request, strict=strict)
    except REFUSALS as error:
        issues = explain(operation, arguments, error, strict=strict)
        sentence = " ".join(issue["message"] for issue in issues)
        raise InvalidRequest(sentence, issues=issues) from None
    for name in operation.request.__struct_fields__:
        value = getattr(request, name)
        if isinstance(value, datetime):
            msgspec.structs.force_setattr(request, name, values.moment(value, name))
        else:
            # Text such as "nan" only becomes a number in the conversion.
            values.check_number(value, name)
    return request


def _check_rate(operation: Operation, call: Call, arguments: Mapping[str, Any]) -> None:
    if operation.rate.is_merged and call.transport == "socket":
        return
    charge(call, operation.rate, operation.name, identifier=_identifier(operation, arguments))


def _identifier(operation: Operation, arguments: Mapping[str, Any]) -> str | None:
    if operation.rate.per_identifier is None:
        return None
    for name in IDENTIFIER_FIELDS:
        value = arguments.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip().casefold()[:320]
    return None


def _take_idempotency_key(operation: Operation, call: Call, named: dict[str, Any]) -> None:
    """Move a key that was sent as a field to where a key of the header would be."""
    for name in IDEMPOTENCY_FIELDS:
        if name in named and name not in operation.fields:
            key = check_idempotency_key(named.pop(name))
            call.idempotency_key = call.idempotency_key or key


def _idempotency_key(call: Call, request: msgspec.Struct | None) -> str | None:
    """Return the key of the call; a request may have a field of its own for it."""
    for name in IDEMPOTENCY_FIELDS:
        call.idempotency_key = call.idempotency_key or getattr(request, name, None)
    return call.idempotency_key


def check_idempotency_key(key: Any) -> str | None:
    """Return the key, or None for none.

    Raises:
        InvalidRequest: it is too long, not text, or holds control characters.
    """
    if key is None or key == "":
        return None
    try:
        return msgspec.convert(key, IdempotencyKey)
    except msgspec.ValidationError:
        text = f"An idempotency key has at most {IDEMPOTENCY_KEY_CHARS_MAX} characters,"
        raise InvalidRequest(f"{text} all of them printable.") from None
