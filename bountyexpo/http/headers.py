"""The headers that every response carries: security, CORS, deprecation (operations §13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.edge.request_id import HARMLESS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.operations.routes import Route

# Nothing of an API reply may be loaded, framed or run by a page.
API_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "payment=(self), geolocation=(), camera=(), microphone=()",
    "content-security-policy": API_CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    # Replies are about their caller; a handler that knows better sets its own.
    "cache-control": "no-store",
}

# How long a browser may remember a preflight, in seconds.
PREFLIGHT_MAX_AGE_S = 600

CORS_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
# What our clients send, and what a page's tracing puts beside it without asking: W3C, Sentry, B3,
# Datadog, X-Ray, New Relic, Jaeger, Google Cloud, Elastic, Application Insights.
CORS_REQUEST_HEADERS = ", ".join(
    (
        *("authorization", "apikey", "content-type", "idempotency-key", "x-request-id"),
        *("x-client-info", "x-supabase-api-version", "prefer", "if-none-match"),
        *("traceparent", "tracestate", "baggage", "sentry-trace"),
        *("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"),
        *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-origin"),
        *("x-datadog-sampling-priority", "x-datadog-tags"),
        *("x-amzn-trace-id", "newrelic", "uber-trace-id", "x-cloud-trace-context"),
        *("elastic-apm-traceparent", "request-id", "request-context"),
    )
)
CORS_EXPOSED_HEADERS = (
    "x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, "
    "idempotent-replayed, deprecation, sunset, link"
)

# Old paths answer at least until this moment.
SUNSET = "Fri, 31 Dec 2027 23:59:59 GMT"


def cors_headers(origin: str | None, allowed: tuple[str, ...]) -> dict[str, str]:
    """Return the headers that let a listed origin read the response.

    A request without an origin comes from the mobile app or a server and needs none. Credentials
    are only ever allowed to an origin that is listed by name.
    """
    if not allowed:
        return {}
    headers = {"vary": "Origin"}
    if origin is None:
        return headers
    if origin in allowed:
        headers["access-control-allow-origin"] = origin
        headers["access-control-allow-credentials"] = "true"
    elif "*" in allowed:
        headers["access-control-allow-origin"] = "*"
    else:
        return headers
    headers["access-control-expose-headers"] = CORS_EXPOSED_HEADERS
    return headers


def preflight_headers(origin: str | None, allowed: tuple[str, ...]) -> dict[str, str]:
    """Return the headers of the answer to an OPTIONS request."""
    headers = cors_headers(origin, allowed)
    if "access-control-allow-origin" in headers:
        headers["access-control-allow-methods"] = CORS_METHODS
        headers["access-control-allow-headers"] = CORS_REQUEST_HEADERS
        headers["access-control-max-age"] = str(PREFLIGHT_MAX_AGE_S)
    return headers


def deprecation_headers(
    operation: Operation, asked: Route | None, arguments: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers that say an old path was used, and which one replaces it (§4.7)."""
    present = operation.successor or operation.route
    if asked is None or present is None or not operation.is_old(asked):
        return {}
    successor = present.path
    for name in present.parameters:
        if HARMLESS.fullmatch(arguments.get(name, "")):
            successor = successor.replace(f"{{{name}}}", arguments[name])
    return {
        "deprecation": "true",
        "sunset": SUNSET,
        "link": f'<{successor}>; rel="successor-version"',
        "x-deprecated": "true",
    }
