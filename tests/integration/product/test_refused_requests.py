"""Requests that are not well formed, or name nothing: told so in plain words, and nothing done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import refused
from tests.integration.product.scene import wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

MIB = 1024 * 1024
INVALID = "VALIDATION_ERROR"
MISSING = "RESOURCE_NOT_FOUND"


@dataclass(frozen=True)
class Case:
    """One request, and how it is refused."""

    name: str
    send: Callable[[Scene], httpx.Response]
    status: int
    code: str
    says: str


def bounty(body: Any, **headers: str) -> Callable[[Scene], httpx.Response]:
    """Post a bounty that is not one."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda scene: scene.product.send(
        "POST", "/api/bounties", body, by=scene.poster, headers=names
    )


def by_poster(method: str, path: str, body: Any = None) -> Callable[[Scene], httpx.Response]:
    """Ask for something as the poster."""
    return lambda scene: scene.product.send(method, path, body, by=scene.poster)


def intent(**fields: Any) -> Callable[[Scene], httpx.Response]:
    """Begin a deposit."""
    body = {"amountCents": 2_000} | fields
    return by_poster("POST", "/payments/create-payment-intent", body)


def nested(depth: int) -> dict[str, Any]:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return wish(attachments_json=value)


MALFORMED = [
    Case("half a JSON text", bounty(b'{"title":'), 400, "INVALID_JSON", "JSON"),
    Case("bytes that are no text", bounty(b'{"title":"\xff\xfe"}'), 400, "INVALID_JSON", "JSON"),
    Case("a list", bounty([wish()]), 400, "INVALID_JSON", "object"),
    Case("a number", bounty(b"17"), 400, "INVALID_JSON", "object"),
    Case("a bottomless JSON", bounty(b"[" * 100_000), 400, "INVALID_JSON", "JSON"),
    Case("msgpack", bounty(b"\x81\xa5title\x01"), 400, "INVALID_JSON", "JSON"),
    Case(
        "a form", bounty(b"title=x", content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE", ""
    ),
    Case("deep nesting", bounty(nested(40)), 400, INVALID, "deep"),
    Case("a NUL", bounty(wish(title="Carry\x00 the sofa")), 400, INVALID, "not allowed"),
    Case("a huge number", bounty(wish(amount_cents=10**30)), 400, INVALID, "out of range"),
    Case("a title that is a number", bounty(wish(title=7)), 400, INVALID, "title must be text"),
    Case("a truth that is a word", bounty(wish(is_for_honor="maybe")), 400, INVALID, "true or"),
    Case("no title", bounty(wish(title=...)), 400, INVALID, "title is required"),
    Case("a title of blanks", bounty(wish(title=" " * 20)), 400, INVALID, "at least 5"),
    Case("an endless title", bounty(wish(title="x" * 201)), 400, INVALID, "at most 200"),
    Case("an unknown category", bounty(wish(category="crime")), 400, INVALID, "category"),
    Case("a date that is none", bounty(wish(start_date="soon")), 400, INVALID, "start_date"),
    Case("an endless key", bounty(wish(), idempotency_key="k" * 256), 400, INVALID, "at most 255"),
    Case("no place for work there", bounty(wish(work_type="in_person")), 400, INVALID, "location"),
    Case("an unknown money field", intent(user_id="x"), 400, INVALID, "user_id is not known"),
    Case("money in dollars", intent(amount=20), 400, INVALID, "amount is not known"),
    Case("money as a word", intent(amountCents="many"), 400, INVALID, "whole number"),
    Case("half cents", intent(amountCents=100.5), 400, INVALID, "whole number"),
    Case(
        "an unknown field of a confirmation",
        by_poster("POST", "/payments/confirm", {"paymentIntentId": "pi_1", "amount": 5}),
        400,
        INVALID,
        "amount is not known",
    ),
    Case("a limit that is a word", by_poster("GET", "/api/bounties?limit=all"), 400, INVALID, ""),
    Case("a page below one", by_poster("GET", "/api/bounties?page=0"), 400, INVALID, "page"),
    Case("an unknown status", by_poster("GET", "/api/bounties?status=lost"), 400, INVALID, "lost"),
    Case(
        "a forged cursor", by_poster("GET", "/api/bounties?cursor=forged"), 400, INVALID, "cursor"
    ),
    Case("a wrong method", by_poster("PATCH", "/api/bounties"), 405, "METHOD_NOT_ALLOWED", ""),
    Case("no such address", by_poster("POST", "/api/nothing", {}), 404, MISSING, "address"),
]

UNKNOWN = [
    Case("bounty", by_poster("GET", f"/api/bounties/{new_id()}"), 404, "bounty_not_found", ""),
    Case("bounty by no id", by_poster("GET", "/api/bounties/17"), 404, MISSING, "bounty"),
    Case(
        "bounty to apply to",
        by_poster("POST", "/api/bounty-requests", {"bounty_id": new_id()}),
        404,
        "bounty_not_found",
        "bounty",
    ),
    Case(
        "application",
        by_poster("POST", f"/api/bounty-requests/{new_id()}/accept"),
        404,
        MISSING,
        "",
    ),
    Case("application by no id", by_poster("GET", "/api/bounty-requests/x'--"), 404, MISSING, ""),
    Case(
        "bounty to hand in",
        by_poster("POST", "/api/completions", {"bounty_id": new_id(), "message": "Done."}),
        404,
        "bounty_not_found",
        "",
    ),
    Case(
        "submission",
        by_poster("POST", f"/api/completions/{new_id()}/approve", {}),
        404,
        MISSING,
        "",
    ),
    Case(
        "conversation",
        by_poster("POST", f"/api/conversations/{new_id()}/messages", {"text": "Hi"}),
        404,
        MISSING,
        "conversation",
    ),
    Case(
        "conversation to read",
        by_poster("GET", f"/api/conversations/{new_id()}/messages"),
        404,
        MISSING,
        "conversation",
    ),
    Case(
        "deposit",
        by_poster("POST", "/payments/confirm", {"paymentIntentId": "pi_unknown"}),
        404,
        MISSING,
        "deposit",
    ),
]


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_a_malformed_request_is_refused(product: Product, scene: Scene, case: Case) -> None:
    with product.unchanged():
        body = refused(case.send(scene), case.status, case.code)

    assert case.says in body["message"]


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case.name)
def test_an_unknown_thing_is_not_found(product: Product, scene: Scene, case: Case) -> None:
    with product.unchanged():
        body = refused(case.send(scene), case.status, case.code)

    assert case.says in body["message"]


def test_every_wrong_field_is_named_at_once(product: Product, scene: Scene) -> None:
    wrong = {"title": 7, "amount": True, "work_type": "nowhere", "duration_minutes": "long"}

    with product.unchanged():
        body = refused(product.post("/api/bounties", wrong, by=scene.poster), 400, INVALID)

    named = {issue["path"] for issue in body["issues"]}
    assert named >= {"title", "description", "work_type", "duration_minutes"}


@pytest.mark.parametrize("path", ["/api/bounties", "/payments/confirm", "/webhooks/stripe"])
def test_an_oversized_body_is_refused(product: Product, scene: Scene, path: str) -> None:
    with product.unchanged():
        response = product.send("POST", path, b" " * (MIB + 1), by=scene.poster)

    refused(response, 413, "PAYLOAD_TOO_LARGE")


def test_an_oversized_body_without_a_length_is_refused(product: Product, scene: Scene) -> None:
    headers = {"authorization": f"Bearer {scene.poster.token}", "content-type": "application/json"}
    chunks = (b" " * 65_536 for _ in range(17))

    with product.unchanged():
        response = product.http.post("/api/bounties", content=chunks, headers=headers)

    refused(response, 413, "PAYLOAD_TOO_LARGE")


def test_an_endless_head_is_refused(product: Product) -> None:
    # The limit is that of a fresh connection: what it carries is not known yet.
    response = httpx.get(f"{product.url}/livez", headers={"x-long": "x" * 20_000}, trust_env=False)

    assert response.status_code == 431
    assert response.json()["success"] is False


def test_a_request_id_that_could_break_a_log_is_replaced(product: Product) -> None:
    given = {"x-request-id": "a b<script>"}

    response = product.http.get("/livez", headers=given)

    assert response.headers["x-request-id"].startswith("req_")


def test_a_foreign_origin_gets_no_leave_to_read(product: Product) -> None:
    foreign = {"origin": "https://evil.example"}

    shown = product.http.get("/api/bounties", headers=foreign)
    asked = product.http.options(
        "/api/bounties", headers=foreign | {"access-control-request-method": "POST"}
    )

    for response in (shown, asked):
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["vary"] == "Origin"


def test_a_listed_origin_may_read(product: Product) -> None:
    response = product.http.get("/api/bounties", headers={"origin": "http://localhost:8081"})

    assert response.headers["access-control-allow-origin"] == "http://localhost:8081"


@pytest.mark.parametrize("query", ["page=2&offset=3&limit=5", "page=1&offset=1"])
def test_a_page_and_an_offset_that_differ_are_refused(product: Product, query: str) -> None:
    body = refused(product.get(f"/api/bounties?{query}"), 400)

    assert [issue["path"] for issue in body["issues"]] == ["offset"]
    assert product.get("/api/bounties?page=2&offset=5&limit=5").status_code == 200
