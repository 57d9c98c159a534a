"""The shell around every response: request id, errors, headers, metrics, log context.

``answer`` is used for catalogue operations and for the few pages and hooks that are none, so that
none of them can forget a header or leak an exception.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from bountyexpo.edge.client_address import client_address
from bountyexpo.edge.refusal import CONTENT_TYPE, problem_body, problem_headers
from bountyexpo.edge.request_id import request_id_of
from bountyexpo.errors import (
    AccountClosed,
    BountyExpoError,
    InternalError,
    NotAuthenticated,
    RateLimited,
    SessionRevoked,
    TokenExpired,
)
from bountyexpo.http.headers import SECURITY_HEADERS, cors_headers
from bountyexpo.http.limits import OTHER
from bountyexpo.http.messages import JSON, HttpResponse
from bountyexpo.observability import logs, metrics
from bountyexpo.operations.allowances import charge
from bountyexpo.operations.call import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.domain.identity import Identity
    from bountyexpo.http.messages import HttpRequest
    from bountyexpo.operations.services import Services

# The label of whatever matches no route: a raw path would make a series for each typing mistake.
UNMATCHED = "unmatched"

# Series by their labels: finding one takes the library longer than counting in it.
_requests = lru_cache(maxsize=4096)(metrics.HTTP_REQUESTS.labels)
_durations = lru_cache(maxsize=4096)(metrics.HTTP_DURATION_MS.labels)

log = logs.get_logger(__name__)


async def answer(
    request: HttpRequest,
    services: Services,
    produce: Callable[[HttpRequest, Call], Awaitable[HttpResponse]],
    *,
    is_old: bool = False,
) -> HttpResponse:
    """Return what ``produce`` makes of the request, or the problem it ran into.

    At an old address a problem is told as the plain JSON that clients of its time expect.
    """
    started = services.clock.monotonic()
    headers = request.headers
    call = Call(
        services,
        request_id=request_id_of(headers),
        peer=client_address(request.peer, headers, services.settings.trusted_proxies),
        headers_in=headers,
        hop=request.peer,
    )
    call.route = request.route
    with logs.bind(request_id=call.request_id):
        response = await _attempt(request, call, produce)
    if is_old and response.headers.get("content-type") == CONTENT_TYPE:
        response.headers["content-type"] = JSON
    response.headers = {
        **SECURITY_HEADERS,
        **cors_headers(headers.get("origin"), services.settings.allowed_origins),
        **response.headers,
        **call.reply_headers,
        "x-request-id": call.request_id,
    }
    _count(request, response.status, (services.clock.monotonic() - started) * 1000)
    return response


async def identify(call: Call) -> Identity | None:
    """Return who sent the request's bearer token, or None when there is no token.

    Raises:
        NotAuthenticated: the token is not good.
        Unavailable: it cannot be checked at present.
    """
    scheme, _, token = call.headers_in.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    return await call.services.verifier.verify(token.strip())


async def identify_if_known(call: Call) -> Identity | None:
    """Like ``identify``, but what never was anybody's is no token: public things stay public.

    Clients without a session send the public key as a bearer token. Whose session is over hears
    so, because the app then gets itself another.
    """
    try:
        return await identify(call)
    except (TokenExpired, SessionRevoked):
        raise
    except NotAuthenticated:
        return None


async def identify_leniently(call: Call) -> Identity | None:
    """Like ``identify``, but whoever may not be here is nobody: they may sign in, or out."""
    try:
        return await identify(call)
    except (NotAuthenticated, AccountClosed):
        return None


async def _attempt(
    request: HttpRequest,
    call: Call,
    produce: Callable[[HttpRequest, Call], Awaitable[HttpResponse]],
) -> HttpResponse:
    try:
        return await produce(request, call)
    except BountyExpoError as error:
        return _problem(_counted(error, call), call)
    except Exception:
        # The caller learns nothing of it, the log everything.
        log.exception("request_failed", method=request.method, path=request.path)
        return _problem(InternalError(), call)


def _counted(error: BountyExpoError, call: Call) -> BountyExpoError:
    """Count what was refused before its own limit was looked at, such as a bad token."""
    if not call.is_counted:
        try:
            charge(call, OTHER, OTHER.name)
        except RateLimited as too_often:
            return too_often
    return error


def _problem(error: BountyExpoError, call: Call) -> HttpResponse:
    body = problem_body(error, request_id=call.request_id, now=call.services.clock.now())
    return HttpResponse(error.status, problem_headers(error), body)


def _count(request: HttpRequest, status: int, elapsed_ms: float) -> None:
    path = request.route.path if request.route else UNMATCHED
    method = request.method if request.route else "ANY"
    _requests(method, path, status).inc()
    _durations(method, path).observe(elapsed_ms)
    if status >= 500:
        metrics.HTTP_ERRORS.labels(method, path, status).inc()
    elif status >= 400:
        metrics.HTTP_CLIENT_ERRORS.labels(method, path, status).inc()
