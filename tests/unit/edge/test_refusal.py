"""Every error has one body, before a protocol handler is chosen and after."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from bountyexpo import errors
from bountyexpo.edge.refusal import Refusals, problem_body, problem_headers

NOW = datetime(2026, 5, 4, tzinfo=UTC)

ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.BountyExpoError)
]

# Words at which the shipped client replaces a text by another one (rest-core §4.2).
TRIGGERS = ["network", "timeout", "navigation", "payment", "supabase", "jwt", "pgrst", "table "]


def body_of(error):
    return json.loads(problem_body(error, request_id="req_1", now=NOW))


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_the_shape_the_client_reads(kind):
    body = body_of(kind())

    assert body["error"] == body["message"] == kind().message
    assert body["code"] == kind.code
    assert body["statusCode"] == body["status"] == kind.status
    assert body["timestamp"] == "2026-05-04T00:00:00.000Z"
    assert body["requestId"] == "req_1"
    assert body["success"] is False
    assert body["type"] == f"/docs#{kind.code}"
    assert body["title"]


@pytest.mark.parametrize("kind", ALL)
def test_no_text_or_code_misleads_the_client(kind):
    body = body_of(kind())

    assert not [word for word in TRIGGERS if word in body["message"].lower()]
    assert not body["code"].startswith(("22", "23", "42", "PGRST"))


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (errors.RateLimited(retry_after_s=9), "9"),
        (errors.RateLimited(), "60"),
        (errors.Unavailable(), "1"),
        (errors.MailboxFull(retry_after_s=3), "3"),
        (errors.NotFound(), None),
    ],
)
def test_wait_is_in_whole_seconds(error, wait):
    assert problem_headers(error).get("retry-after") == wait
    assert body_of(error).get("retryAfter") == (int(wait) if wait else None)


def test_fields_are_told_but_never_those_that_mislead():
    fields = {"details": "x", "hint": "y", "currentStatus": "open", "code2": {1: NOW}}

    body = body_of(errors.Conflict("No.", code="own_code", statusCode=200, **fields))

    assert not body.keys() & {"details", "hint"}
    assert body["currentStatus"] == "open"
    assert body["statusCode"] == 409
    assert body["code"] == "own_code"


def test_a_refusal_is_a_whole_answer_that_closes():
    error = errors.RateLimited(retry_after_s=7, scope="peer")
    written = Refusals(lambda: NOW).encode(
        error, ("Sec-WebSocket-Version", "13"), asked={"x-request-id": "req_1"}
    )

    head, _, body = written.partition(b"\r\n\r\n")

    assert head.decode().split("\r\n") == [
        "HTTP/1.1 429 Too Many Requests",
        "Sec-WebSocket-Version: 13",
        "Content-Type: application/problem+json",
        "Retry-After: 7",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Request-Id: req_1",
        "Connection: close",
    ]
    assert json.loads(body) == body_of(error)


@pytest.mark.parametrize("given", [{}, {"x-request-id": "a b"}, {"x-request-id": "x" * 200}])
def test_a_request_without_a_good_name_gets_one(given):
    written = Refusals(lambda: NOW).encode(errors.MalformedRequest(), asked=given)

    head, _, body = written.partition(b"\r\n\r\n")

    name = json.loads(body)["requestId"]
    assert re.fullmatch(r"req_[0-9a-f\-]{36}", name)
    assert f"X-Request-Id: {name}\r\n".encode() in head


def test_a_refused_upgrade_says_what_is_spoken_and_that_the_connection_ends():
    assert problem_headers(errors.UpgradeRequired())["upgrade"] == "websocket"
    written = Refusals(lambda: NOW).encode(errors.UpgradeRequired())

    assert written.count(b"Connection: ") == written.count(b"Connection: close") == 1


def test_who_is_not_signed_in_is_told_how():
    assert problem_headers(errors.TokenExpired())["www-authenticate"] == "Bearer"
