from __future__ import annotations

import base64
import hashlib
import re
from ipaddress import ip_network

import pytest
from bountyexpo.close_codes import CloseCode
from bountyexpo.domain.event_catalogue import declared

from tests.integration.http.edge_toys import TOYS

PROBLEM_KEYS = {
    "success",
    "error",
    "message",
    "code",
    "statusCode",
    "timestamp",
    "requestId",
    "type",
    "title",
    "status",
}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "RESOURCE_NOT_FOUND"),
        ("POST", "/nowhere", 404, "RESOURCE_NOT_FOUND"),
        ("PUT", "/api/toys", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/crash", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/conflict", 409, "CONFLICT"),
        ("POST", "/crash", 500, "INTERNAL_ERROR"),
        ("POST", "/busy", 503, "SERVICE_UNAVAILABLE"),
        ("DELETE", "/api/toys/1", 401, "AUTHENTICATION_REQUIRED"),
    ],
)
async def test_every_refusal_has_one_shape(client, method, path, status, code):
    response = await client.open(path, method=method)

    body = await response.get_json()
    assert response.status_code == body["statusCode"] == body["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert body.keys() >= PROBLEM_KEYS
    assert not body.keys() & {"details", "hint"}
    assert body["success"] is False
    assert body["code"] == code
    assert body["error"] == body["message"] != ""
    assert body["timestamp"] == "2026-05-04T03:02:01.250Z"
    assert body["requestId"] == response.headers["x-request-id"]


async def test_fields_of_an_error_are_told(client):
    body = await (await client.post("/conflict")).get_json()

    assert body["current_status"] == "open"
    assert body["message"] == "You already have it."


async def test_wrong_method_names_the_right_ones(client):
    response = await client.put("/crash")

    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/docs", "/crash", "/api/toys"])
async def test_security_headers_are_everywhere(client, path):
    response = await client.get(path)

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["strict-transport-security"].startswith("max-age=31536000")
    assert response.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "geolocation=()" in response.headers["permissions-policy"]
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("given", ["abc-1.2:3", "req_9"])
async def test_sane_request_id_is_repeated(client, given):
    response = await client.get("/health", headers={"x-request-id": given})

    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "<script>", "x" * 200])
async def test_other_request_id_is_replaced(client, given):
    response = await client.get("/health", headers={"x-request-id": given})

    assert re.fullmatch(r"req_[0-9a-f\-]{36}", response.headers["x-request-id"])


async def test_listed_origin_may_read_with_credentials(client):
    response = await client.get("/health", headers={"origin": "https://app.example"})

    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil"])
async def test_other_origin_gets_an_answer_but_no_permission(client, origin):
    response = await client.get("/health", headers={"origin": origin})

    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


async def test_any_origin_never_comes_with_credentials(client, services):
    services.settings.allowed_origins = ("*",)

    response = await client.get("/health", headers={"origin": "https://any.example"})

    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("path", ["/api/toys", "/api/shops/1/toys", "/nowhere"])
async def test_preflight_is_answered_everywhere(client, path):
    response = await client.options(
        path,
        headers={"origin": "https://app.example", "access-control-request-method": "POST"},
    )

    assert response.status_code == 204
    assert response.headers["access-control-max-age"] == "600"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "idempotency-key" in response.headers["access-control-allow-headers"]


async def test_preflight_of_another_origin_permits_nothing(client):
    response = await client.options("/api/toys", headers={"origin": "https://evil.example"})

    assert response.status_code == 204
    assert not [
        name for name in dict(response.headers) if name.lower().startswith("access-control")
    ]


async def test_health_says_ok_without_any_help(client, services):
    services.not_ready = "starting"

    body = await (await client.get("/health")).get_json()

    assert body["status"] == "ok"
    assert body["service"] == "bountyexpo-api"
    assert body["stripeConfigured"] is True
    assert body["supabaseConfigured"] is False
    assert {"timestamp", "version"} <= body.keys()


@pytest.mark.parametrize("path", ["/health/live", "/livez"])
async def test_alive(client, path):
    assert await (await client.get(path)).get_json() == {"alive": True}


@pytest.mark.parametrize("path", ["/health/ready", "/readyz"])
async def test_ready_follows_the_service(client, services, path):
    assert await (await client.get(path)).get_json() == {"ready": True}

    services.not_ready = "draining"
    response = await client.get(path)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert await response.get_json() == {"ready": False, "error": "draining"}


LOCAL = {"client": ("127.0.0.1", 5000)}
REMOTE = {"client": ("192.0.2.7", 5000)}


@pytest.mark.parametrize(
    ("scope", "headers", "status"),
    [
        (LOCAL, {}, 200),
        (LOCAL, {"x-forwarded-for": "192.0.2.9"}, 403),
        (REMOTE, {}, 403),
        (REMOTE, {"x-forwarded-for": "127.0.0.1"}, 403),
        (REMOTE, {"authorization": "Bearer user"}, 403),
        (REMOTE, {"authorization": "Bearer wrong"}, 403),
        (REMOTE, {"authorization": "Bearer " + "m" * 32}, 200),
        (REMOTE, {"authorization": "Bearer admin"}, 200),
    ],
)
async def test_metrics_are_for_operators(client, scope, headers, status):
    response = await client.get("/metrics", headers=headers, scope_base=scope)

    assert response.status_code == status
    if status == 200:
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b"http_requests_total" in await response.get_data()


async def test_metrics_label_the_route_and_not_the_address(client):
    await client.get("/api/toys/some-secret-id")
    await client.get("/some-unknown-path")

    page = await (await client.get("/metrics", scope_base=LOCAL)).get_data()

    assert b'path="/api/toys/{toy_id}"' in page
    assert b'path="unmatched"' in page
    assert b"some-" not in page


async def test_tree_is_for_administrators(client):
    assert (await client.get("/debug/tree")).status_code == 401
    refused = await client.get("/debug/tree", headers={"authorization": "Bearer user"})
    assert refused.status_code == 403

    response = await client.get("/debug/tree", headers={"authorization": "Bearer admin"})

    assert (await response.get_json())["name"] == "root"


async def test_index_names_the_known_endpoints(client):
    body = await (await client.get("/")).get_json()

    assert {"acceptBounty", "completeBounty"} <= body["endpoints"].keys()
    assert {"message", "version"} <= body.keys()


@pytest.mark.parametrize(
    "path",
    ["/webhooks/stripe", "/webhooks", "/payments/webhook", "/functions/v1/webhooks"],
)
async def test_webhook_is_handed_over_untouched(client, services, path):
    raw = b'{ "id":  "evt_1" }\n'

    response = await client.post(path, data=raw, headers={"stripe-signature": "t=1,v1=x"})

    assert await response.get_json() == {"received": True}
    assert services.webhooks == [(raw, "t=1,v1=x")]


async def test_refused_webhook_is_a_problem(client):
    response = await client.post("/webhooks/stripe", data=b"{}")

    assert response.status_code == 401
    assert (await response.get_json())["message"] == "Missing signature"


async def test_huge_webhook_is_413(client, services):
    response = await client.post("/webhooks/stripe", data=b"x" * (1024 * 1024 + 1))

    assert response.status_code == 413
    assert services.webhooks == []


async def test_address_is_that_of_the_client_behind_our_proxy(client, services):
    services.settings.trusted_proxies = (ip_network("10.0.0.0/8"),)
    proxy = {"client": ("10.0.0.1", 5000)}
    for number in range(8):
        headers = {"x-forwarded-for": f"192.0.2.{number}"}
        response = await client.post("/toys/sign-in", headers=headers, scope_base=proxy)
        assert response.status_code == 200


async def test_forwarded_address_of_a_stranger_is_not_believed(client):
    statuses = []
    for number in range(6):
        headers = {"x-forwarded-for": f"192.0.2.{number}"}
        response = await client.post("/toys/sign-in", headers=headers, scope_base=REMOTE)
        statuses.append(response.status_code)

    assert statuses == [200] * 5 + [429]


async def test_openapi_is_served(client):
    document = await (await client.get("/openapi.json")).get_json()

    paths = {operation.path for operation in TOYS.all() if operation.path}
    assert document["openapi"].startswith("3.1")
    assert paths | {"/health", "/metrics", "/debug/tree"} <= document["paths"].keys()


@pytest.mark.parametrize("path", ["/docs", "/docs/socket"])
async def test_pages_need_no_other_site(client, path):
    response = await client.get(path)

    page = (await response.get_data()).decode()
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search("(src|href|action)=.?http", page)
    assert "https://" not in page
    policy = response.headers["content-security-policy"]
    for tag, place in (("style", "style-src"), ("script", "script-src")):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{place} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


async def test_rest_page_shows_every_operation(client):
    page = (await (await client.get("/docs")).get_data()).decode()

    for operation in TOYS.all():
        if operation.path:
            assert f'id="{operation.name}"' in page
    assert "Make a toy." in page
    assert "curl -X POST" in page
    assert 'id="RATE_LIMIT_EXCEEDED"' in page


async def test_socket_page_shows_frames_and_close_codes(client):
    page = (await (await client.get("/docs/socket")).get_data()).decode()

    assert "<code>wink</code>" in page
    assert all(f"<code>{int(code)}</code>" in page for code in CloseCode)
    assert "<code>hello</code>" in page
    assert all(f"<code>{spec.type}</code>" in page for spec in declared())
    assert "system? {code, bountyId}" in page
    assert "An application was decided. Private." in page


@pytest.mark.parametrize(
    ("method", "path", "size"),
    [("POST", "/nowhere", 10), ("POST", "/webhooks", 1024 * 1024 + 1), ("OPTIONS", "/", 10)],
)
async def test_unread_body_ends_the_connection(client, method, path, size):
    headers = {"content-length": str(size)}
    response = await client.open(path, method=method, data=b"x" * size, headers=headers)

    assert response.headers["connection"] == "close"


async def test_read_body_keeps_the_connection(client):
    response = await client.post("/conflict", data=b"{}")

    assert "connection" not in response.headers


TRACING = (
    *("traceparent", "tracestate", "baggage", "sentry-trace", "b3", "x-b3-traceid", "x-b3-spanid"),
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-amzn-trace-id", "newrelic", "uber-trace-id"),
    *("elastic-apm-traceparent", "request-id", "request-context", "x-cloud-trace-context"),
)
OURS = ("authorization", "apikey", "content-type", "idempotency-key", "x-request-id", "prefer")


@pytest.mark.parametrize("path", ["/api/toys", "/nowhere", "/functions/v1/api/toys"])
async def test_preflight_allows_what_clients_and_their_tracing_send(client, path):
    asked = ", ".join((*OURS, *TRACING))
    response = await client.options(
        path,
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": asked,
        },
    )

    allowed = set(response.headers["access-control-allow-headers"].split(", "))
    assert allowed >= {*OURS, *TRACING}
