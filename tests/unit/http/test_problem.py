from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from bountyexpo import errors
from bountyexpo.http.problem import problem

NOW = datetime(2026, 5, 4, tzinfo=UTC)

ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.BountyExpoError)
]

# Words at which the shipped client replaces a text by another one (rest-core §4.2).
TRIGGERS = ["network", "timeout", "navigation", "payment", "supabase", "jwt", "pgrst", "table "]


def body_of(error):
    response = problem(error, request_id="req_1", now=NOW)
    return response, json.loads(response.body)


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_the_shape_the_client_reads(kind):
    response, body = body_of(kind())

    assert body["error"] == body["message"] == kind().message
    assert body["code"] == kind.code
    assert body["statusCode"] == body["status"] == response.status == kind.status
    assert body["timestamp"] == "2026-05-04T00:00:00.000Z"
    assert body["requestId"] == "req_1"
    assert body["success"] is False
    assert body["type"] == f"/docs#{kind.code}"
    assert body["title"]


@pytest.mark.parametrize("kind", ALL)
def test_no_text_or_code_misleads_the_client(kind):
    _, body = body_of(kind())

    assert not [word for word in TRIGGERS if word in body["message"].lower()]
    assert not body["code"].startswith(("22", "23", "42", "PGRST"))


def test_unexpected_exception_is_an_internal_error_and_nothing_more():
    response, body = body_of(KeyError("password"))

    assert response.status == 500
    assert body["code"] == "INTERNAL_ERROR"
    assert b"password" not in response.body


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
    response, body = body_of(error)

    assert response.headers.get("retry-after") == wait
    assert body.get("retryAfter") == (int(wait) if wait else None)


def test_fields_are_told_but_never_those_that_mislead():
    fields = {"details": "x", "hint": "y", "currentStatus": "open", "code2": {1: NOW}}

    _, body = body_of(errors.Conflict("No.", code="own_code", statusCode=200, **fields))

    assert not body.keys() & {"details", "hint"}
    assert body["currentStatus"] == "open"
    assert body["statusCode"] == 409
    assert body["code"] == "own_code"
