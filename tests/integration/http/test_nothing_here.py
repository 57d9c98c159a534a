"""Where nothing is, and where something else is asked for: a problem in JSON on every way."""

from __future__ import annotations

import msgspec
import pytest
import trio
from bountyexpo.edge.socket_paths import SOCKET_PATHS

from tests.integration.http.fast_and_fallback import both_ways, operations, path_of
from tests.integration.http.http2_client import Http2Client
from tests.integration.plain_client import request

FIELDS = {"success", "error", "message", "code", "statusCode", "type", "title", "status"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
NOWHERE = (
    "/nothing",
    "/nothing/at/all",
    "//nothing",
    "/api//bounties",
    "/api/bounties/1/nothing",
    "/%2e%2e/etc/passwd",
    "/API/BOUNTIES",
    "/v1/socket/",
    "/functions/v1/nothing",
    "/nothing?a=b",
    "/%e2%82%ac",
    "/.well-known/acme-challenge/x",
    "/favicon.ico",
)
ROUTES = {str(route): route for operation in operations() for route in operation.routes}


def check_problem(reply, status, *, with_body=True):
    """A problem, whole, of a request that can be found in the log."""
    assert reply.status == status
    assert reply.headers["content-type"].endswith("json")
    name = reply.headers["x-request-id"]
    if with_body:
        body = msgspec.json.decode(reply.body)
        assert body.keys() >= FIELDS
        assert body["status"] == body["statusCode"] == status
        assert (body["requestId"], body["timestamp"]) == (name, "2026-05-04T03:02:01.250Z")


async def on_every_way(site, method, path):
    """The answers of the fast path, of the fallback, and of HTTP/2."""
    sent = request(f"{method} {path}", X_Request_Id="asked.1")
    replies = await site.ask(sent, with_body=method != "HEAD")
    async with await trio.open_tcp_stream("127.0.0.1", site.port) as stream:
        replies.append(await Http2Client(stream).ask(method, path, x_request_id="asked.1"))
    assert {reply.headers["x-request-id"] for reply in replies} == {"asked.1"}
    return replies


@pytest.mark.parametrize("method", METHODS)
async def test_where_nothing_is_a_problem_says_so(method):
    async with both_ways() as site:
        for path in NOWHERE:
            for reply in await on_every_way(site, method, path):
                check_problem(reply, 404, with_body=method != "HEAD")


async def test_a_method_that_is_not_declared_is_a_problem_at_every_route():
    present = {
        path_of(operation.route)
        for operation in operations()
        if not operation.is_old(operation.route)
    }
    known = {}
    for route in ROUTES.values():
        known.setdefault(path_of(route), set()).add(route.method)
    async with both_ways() as site:
        for path, methods in known.items():
            wrong = next(each for each in ("PROPFIND", "PATCH") if each not in methods)
            for reply in await on_every_way(site, wrong, path):
                check_problem(reply, 405)
                assert methods <= set(reply.headers["allow"].split(", "))
                is_old = reply.headers["content-type"] == "application/json"
                assert is_old is not (path in present), path


@pytest.mark.parametrize("path", sorted(SOCKET_PATHS))
async def test_a_socket_is_not_read_without_an_upgrade(path):
    async with both_ways() as site:
        for reply in await on_every_way(site, "GET", path):
            check_problem(reply, 426)
        for reply in (await on_every_way(site, "GET", path))[:2]:
            assert (reply.headers["upgrade"], reply.headers["connection"]) == (
                "websocket",
                "Upgrade",
            )
        for reply in await on_every_way(site, "HEAD", path):
            check_problem(reply, 426, with_body=False)
        for method in ("POST", "PUT", "DELETE"):
            for reply in await on_every_way(site, method, path):
                check_problem(reply, 405)
                assert "GET" in reply.headers["allow"]


async def test_the_connection_goes_on_after_each_of_them():
    lines = [f"GET {path}" for path in ("/nothing", *sorted(SOCKET_PATHS))]
    async with both_ways() as site:
        for port in site.ports:
            replies = await site.converse(port, [*lines, "PUT /health", "GET /health"])
            assert [each.status for each in replies] == [404, *[426] * len(SOCKET_PATHS), 405, 200]


# What is refused before anybody knows an operation: (request, status).
EARLY = {
    "nonsense": (b"nonsense\r\n\r\n", 400),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two lengths": (request("POST /crash", Content_Length="1, 2"), 400),
    "bare line feed": (b"GET /health HTTP/1.1\nHost: x\r\n\r\n", 400),
    "smuggling": (request("POST /x", Content_Length="1", Transfer_Encoding="chunked"), 400),
    "large head": (request("GET /health", Padding="x" * 20_000), 431),
    "many fields": (request("GET /health", **{f"A{n}": "b" for n in range(101)}), 431),
    "bad chunk": (request("POST /webhooks", Transfer_Encoding="chunked") + b"xyz\r\n", 400),
    "large body": (request("POST /webhooks/stripe", Content_Length=str(10**8)), 413),
    "no authority": (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 404),
    "unknown target": (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
}


@pytest.mark.parametrize("name", EARLY)
async def test_a_refusal_before_the_catalogue_names_moment_and_request(name):
    data, status = EARLY[name]
    async with both_ways() as site:
        for reply in await site.ask(data):
            check_problem(reply, status)
            assert reply.headers["content-type"] == "application/problem+json"
