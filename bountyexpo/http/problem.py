"""Errors on the wire: one body for every reader of the past, and RFC 9457 for those of the future.

The shipped client treats the mere presence of ``details`` or ``hint`` as a fault of the database
and a code that begins with 22, 23, 42 or PGRST likewise (rest-core §4.2): neither is ever sent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.errors import BountyExpoError, InternalError
from bountyexpo.http.messages import HttpResponse

if TYPE_CHECKING:
    from datetime import datetime

CONTENT_TYPE = "application/problem+json"

FORBIDDEN_FIELDS = frozenset({"details", "hint"})

# What a client waits when an error itself does not say, in seconds, by status.
RETRY_AFTER_DEFAULT_S = {429: 60, 503: 1}


def problem(error: Exception, *, request_id: str, now: datetime) -> HttpResponse:
    """Describe ``error``; an unexpected one is described as an internal error and nothing more."""
    known = error if isinstance(error, BountyExpoError) else InternalError()
    headers = {"content-type": CONTENT_TYPE}
    body: dict[str, Any] = {
        name: value for name, value in known.fields.items() if name not in FORBIDDEN_FIELDS
    }
    body |= {
        "success": False,
        "error": known.message,
        "message": known.message,
        "code": known.error_code,
        "statusCode": known.status,
        "timestamp": timestamp(now),
        "requestId": request_id,
        "type": f"/docs#{type(known).code}",
        "title": HTTPStatus(known.status).phrase,
        "status": known.status,
    }
    wait_s = known.retry_after_s or RETRY_AFTER_DEFAULT_S.get(known.status)
    if wait_s is not None:
        body["retryAfter"] = wait_s
        headers["retry-after"] = str(wait_s)
    if known.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return HttpResponse(known.status, headers, _encode(body))


def timestamp(moment: datetime) -> str:
    """Write a moment as the clients read it: UTC, milliseconds, Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _encode(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body, enc_hook=str)
