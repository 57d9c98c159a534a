"""Every operation of the catalogue answers the same on the fast path and in the fallback."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
import pytest
from bountyexpo.operations.routes import OLD_PREFIX
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.http.fast_and_fallback import (
    both_ways,
    comparable,
    operations,
    path_of,
    sample,
)
from tests.integration.plain_client import request
from tests.repetition import tried

OPERATIONS = {operation.name: operation for operation in operations()}
USER = {"Authorization": "Bearer user"}
ADMIN = {"Authorization": "Bearer admin"}
NOBODY = {"Authorization": "Bearer rubbish"}
JSON = {"Content_Type": "application/json"}
BAD_BODIES = (b"{", b"[1]", b'"x"', b'{"\x00": 1}', b"{}" + b" " * 1024 * 1024)


def asked(operation, route, arguments, **fields):
    """A request with the arguments where its method has them; those of the path stand there."""
    path = path_of(route)
    named = {operation.aliased_fields.get(name, name) for name in route.parameters}
    arguments = {name: value for name, value in arguments.items() if name not in named}
    if route.method in {"GET", "DELETE"}:
        flat = {name: value for name, value in arguments.items() if value is not None}
        query = f"?{urlencode(flat, doseq=True)}" if flat else ""
        return request(f"{route.method} {path}{query}", **fields)
    return request(f"{route.method} {path}", msgspec.json.encode(arguments), **JSON, **fields)


def good_and_bad(operation, route):
    """Requests of every kind: valid, not valid, by nobody, by somebody else."""
    good = sample(operation)
    yield from (asked(operation, route, good, **by) for by in (USER, ADMIN, NOBODY, {}))
    yield asked(operation, route, {}, **USER)
    yield asked(operation, route, good | {"surprise": 1}, **USER, Idempotency_Key="k" * 256)
    yield asked(operation, route, {name: [[{"a": 7}]] for name in good}, **ADMIN)
    yield asked(operation, route, good, **USER, Origin="https://app.example", X_Request_Id="mine-1")
    yield asked(operation, route, good, Origin="https://evil.example", X_Forwarded_For="10.0.0.1")
    yield asked(operation, route, good, Authorization="Bearer expired")
    yield asked(operation, route, good, Authorization="Bearer unlucky")


@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_operation_answers_the_same_behind_both_ways(name):
    operation = OPERATIONS[name]
    async with both_ways() as ways:
        for route in operation.routes:
            for data in good_and_bad(operation, route):
                fast, fallback = await ways.ask(data)
                assert comparable(fast) == comparable(fallback), data
                assert set(fast.headers) ^ set(fallback.headers) == set()
            assert ways.taken.count(path_of(route)) >= 11


@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_old_route_says_so_and_tells_its_errors_as_plain_json(name):
    operation = OPERATIONS[name]
    under_prefix = {str(each.under(OLD_PREFIX)) for each in (operation.route, *operation.aliases)}
    assert under_prefix <= {str(route) for route in operation.routes}
    async with both_ways() as ways:
        for route in operation.routes:
            is_old = operation.is_old(route)
            data = request(f"{route.method} {path_of(route)}", **USER, Idempotency_Key="k" * 256)
            for reply in await ways.ask(data):
                assert (reply.status, reply.headers["content-type"]) == (
                    400,
                    "application/json" if is_old else "application/problem+json",
                )
                assert msgspec.json.decode(reply.body)["code"] == "VALIDATION_ERROR"
                assert ("deprecation" in reply.headers) is is_old
                if is_old:
                    # An old route may name its thing in the body instead.
                    successor = operation.successor or operation.route
                    successors = path_of(successor), successor.path
                    named = reply.headers["link"].partition(";")[0]
                    assert named in {f"<{each}>" for each in successors}
                    assert {"sunset", "x-deprecated"} <= reply.headers.keys()


@pytest.mark.parametrize("name", [n for n, o in OPERATIONS.items() if o.route.method != "GET"])
async def test_bad_bodies_are_refused_the_same_behind_both_ways(name):
    route = OPERATIONS[name].route
    async with both_ways() as ways:
        for body in BAD_BODIES:
            data = request(f"{route.method} {path_of(route)}", body, **JSON, **USER)
            fast, fallback = await ways.ask(data)
            assert comparable(fast) == comparable(fallback)
        data = request(f"{route.method} {path_of(route)}", b"a=b", Content_Type="text/plain")
        fast, fallback = await ways.ask(data)
        assert comparable(fast) == comparable(fallback)


@pytest.mark.parametrize("name", [n for n, o in OPERATIONS.items() if o.route.method == "GET"])
async def test_head_answers_the_same_behind_both_ways(name):
    async with both_ways() as ways:
        data = request(f"HEAD {path_of(OPERATIONS[name].route)}", **USER)
        fast, fallback = await ways.ask(data, with_body=False)
        assert comparable(fast, with_body=False) == comparable(fallback, with_body=False)


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/bounties/",
        "GET /api//bounties",
        "GET /api/bounties/%41",
        "GET /api/bounties/a%2Fb",
        "GET /api/bounties/a/b/c",
        "GET /api/bounties?limit=%31",
        "GET /api/bounties?limit=1&limit=2&x=%ff",
        "GET /api/bounties?limit",
        "GET /api/bounties?status=open+all&&=&a",
        "GET /api/bounties?" + "a=1&" * 300,
        "PATCH /api/bounties",
        "OPTIONS /api/bounties",
        "POST /health",
        "GET /docs",
        "GET /nothing",
    ],
)
async def test_any_path_is_answered_the_same_behind_both_ways(line):
    async with both_ways() as ways:
        fast, fallback = await ways.ask(request(line, Origin="https://app.example"))
        assert fast.status == fallback.status
        assert fast.headers.get("allow") == fallback.headers.get("allow")
        if fast.status != 204:
            assert comparable(fast) == comparable(fallback)


# Requests that no list thinks of: known paths with odd characters in them, headers of any kind.
ODD = st.sampled_from(
    [
        *"/?#%&=+;:@!$'()*,~.\\|{}[]<>\"^`-_ aA0\x80\xff\x7f\t",
        *("%2F", "%00", "%ff", "%41", "..", "//", "/./", "%0d%0a", "?limit=1", "&&", "%C3%A9"),
    ]
)
PATHS = st.sampled_from(
    ["/api/bounties", "/health", "/api/profile", path_of(OPERATIONS["bounty.get"].route)]
)
NAMES = st.sampled_from(
    [
        *("Authorization", "X-Request-Id", "Origin", "X-Forwarded-For", "Idempotency-Key"),
        *("Connection", "Content-Type", "Accept", "Cookie", "Range", "If-None-Match", "TE"),
    ]
)
VALUES = st.sampled_from(
    [
        *("Bearer user", "Bearer  user", "bearer admin", "Bearer", "", " ", "a,b", "\xe9"),
        *("application/json", "keep-alive", "close", "trailers", "1.2.3.4, 5.6.7.8", '"q"', "a\tb"),
        "x" * 300,
    ]
)
BODIES = st.sampled_from([b"", b"{}", b"{", b"[]", b"null", b"\xff", b'{"a": 1}'])


@st.composite
def any_requests(draw):
    """The method and the bytes of a request."""
    method = draw(st.sampled_from(["GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]))
    target = draw(PATHS)
    for odd in draw(st.lists(ODD, max_size=3)):
        at = draw(st.integers(1, len(target)))
        target = target[:at] + odd + target[at:]
    body = draw(BODIES) if method in {"POST", "PUT"} else b""
    pairs = draw(st.lists(st.tuples(NAMES, VALUES), max_size=4))
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *(f"{n}: {v}" for n, v in pairs)]
    lines += [f"Content-Length: {len(body)}"] * bool(body)
    return method, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


@tried(10)
@given(st.lists(any_requests(), min_size=10, max_size=40))
async def test_any_request_is_answered_the_same_behind_both_ways(requests):
    async with both_ways() as ways:
        for method, data in requests:
            with_body = method != "HEAD"
            fast, fallback = await ways.ask(data, with_body=with_body)
            assert fast.status == fallback.status, data
            if fast.status != 204:
                first, second = (comparable(each, with_body=with_body) for each in (fast, fallback))
                assert first == second, data
