"""What every address of the emulators does alike: bodies, errors, and pages from elsewhere."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing
from bountyexpo.sandbox.edge import BODY_BYTES_MAX, DRAIN_BYTES_MAX

from tests.patience import PATIENCE_S

ID = "00000000-0000-4000-8000-000000000001"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Addresses that no route has, one below each emulator.
UNKNOWN = ("/auth/v1/nothing", "/v1/nothing", "/sandbox/nothing", "/nothing")
BODY = b'{"email":"somebody@example.test","password":"correct horse"}'


@pytest.fixture
def addresses(emulators):
    """Every address of every route, and the methods it is made for."""
    found = {path: set() for path in UNKNOWN}
    for rule in emulators.app.url_map.iter_rules():
        path = "/".join(ID if part.startswith("<") else part for part in rule.rule.split("/"))
        found.setdefault(path, set()).update(rule.methods)
    return {path: methods for path, methods in found.items() if not path.startswith("/static")}


@pytest.fixture
def keys(settings):
    """The headers that open each emulator."""

    def headers(path):
        if path.startswith("/v1"):
            return {"Authorization": f"Bearer {settings.stripe_secret_key}"}
        return {"apikey": settings.anon_key, "Authorization": f"Bearer {settings.service_role_key}"}

    return headers


class Line:
    """A kept-alive connection on which heads and bodies are written one after the other."""

    def __init__(self, url):
        self._at = urlsplit(url)

    async def __aenter__(self):
        self._stream = await trio.open_tcp_stream(self._at.hostname, self._at.port)
        self._data = b""
        return self

    async def __aexit__(self, *_):
        await self._stream.aclose()

    async def ask(self, method, path, headers, parts):
        """Send a request whose body comes in ``parts``; return its status, None when closed."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._at.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self._stream.send_all("\r\n".join([*lines, "", ""]).encode())
        for part in parts:
            # The server gets to run, and to answer too early if it would.
            await trio.testing.wait_all_tasks_blocked(0.001)
            await self._stream.send_all(part)
        return await self._answer(method)

    async def _answer(self, method):
        head = await self._until(b"\r\n\r\n")
        if head is None:
            return None
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        if method != "HEAD":
            length = int(fields.get("content-length", 0))
            while len(self._data) < length:
                self._data += await self._stream.receive_some()
            self._data = self._data[length:]
        return int(head.split(" ")[1])

    async def _until(self, end):
        while end not in self._data:
            try:
                more = await self._stream.receive_some()
            except trio.BrokenResourceError:
                more = b""
            if not more:
                return None
            self._data += more
        head, _, self._data = self._data.partition(end)
        return head.decode()


def whole(body):
    return {"Content-Length": len(body)}, [body]


def chunked(body):
    parts = [b"%x\r\n%s\r\n" % (len(body), body), b"0\r\n\r\n"]
    return {"Transfer-Encoding": "chunked"}, parts


@pytest.mark.parametrize("encode", [whole, chunked])
@pytest.mark.parametrize("with_key", [True, False])
async def test_a_body_never_stands_in_front_of_the_next_request(
    sandbox, addresses, keys, encode, with_key
):
    headers, parts = encode(BODY)
    for path in addresses:
        for method in METHODS:
            key = keys(path) if with_key else {}
            async with Line(sandbox) as line:
                with trio.fail_after(PATIENCE_S):
                    first = await line.ask(method, path, {**key, **headers}, parts)
                    second = await line.ask("GET", "/auth/v1/health", {}, [])

            assert first is not None, (method, path)
            assert second == 200, (method, path)


@pytest.mark.parametrize("encode", [whole, chunked])
async def test_a_body_that_is_too_large_is_refused_and_read(sandbox, addresses, keys, encode):
    headers, parts = encode(b"x" * (BODY_BYTES_MAX + 1))
    for path, methods in addresses.items():
        if not methods & {"POST", "PUT"}:
            continue
        method = next(iter(methods & {"POST", "PUT"}))
        async with Line(sandbox) as line:
            with trio.fail_after(PATIENCE_S):
                first = await line.ask(method, path, {**keys(path), **headers}, parts)
                second = await line.ask("GET", "/auth/v1/health", {}, [])

        # Those that want no body look at none.
        assert first is not None, path
        assert first < 500, path
        assert second == 200, path


async def test_a_body_without_end_is_given_up(sandbox):
    endless = [b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))] * ((DRAIN_BYTES_MAX >> 20) + 2)
    async with Line(sandbox) as line:
        with trio.fail_after(PATIENCE_S):
            try:
                headers = {"Transfer-Encoding": "chunked"}
                assert await line.ask("POST", "/auth/v1/signup", headers, endless) in {413, None}
            except trio.BrokenResourceError:
                pass

    async with Line(sandbox) as line:
        assert await line.ask("GET", "/auth/v1/health", {}, []) == 200


async def test_every_error_is_json_in_the_shape_of_its_emulator(sandbox, addresses, keys, http):
    seen = set()
    for path, methods in addresses.items():
        for method in set(METHODS) - methods - {"HEAD", "OPTIONS"}:
            answer = await http.request(method, sandbox + path, headers=keys(path))

            status = answer.status_code
            seen.add(status)
            assert status in {404, 405}, (method, path)
            assert ("allow" in answer.headers) == (status == 405), (method, path)
            assert "json" in answer.headers["content-type"], (method, path)
            body = answer.json()
            if path.startswith("/auth/"):
                assert (body["code"], body["error_code"]) == (
                    status,
                    {404: "not_found", 405: "method_not_allowed"}[status],
                )
                assert body["msg"]
            elif path.startswith("/v1/"):
                assert body["error"]["type"] == "invalid_request_error"
                assert body["error"]["message"].startswith("Unrecognized request URL")
            else:
                assert answer.headers["content-type"] == "application/problem+json"
                assert body["status"] == status
    assert seen == {404, 405}


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1.evil.example:3002"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost@evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example:3002"},
    {"Host": "evil.example:3002", "Origin": "http://evil.example:3002"},
)
OURS = (
    {},
    {"Origin": "http://localhost:8081"},
    {"Origin": "http://127.0.0.1:3001", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://[::1]:3001"},
    {"Host": "localhost:3002", "Sec-Fetch-Site": "none"},
)


async def test_no_page_from_elsewhere_presses_a_button(sandbox, addresses, http):
    buttons = {path: methods for path, methods in addresses.items() if "/sandbox/" in path}
    assert len(buttons) > 4
    for path, methods in buttons.items():
        for method in methods | {"POST"}:
            for headers in FOREIGN:
                answer = await http.request(method, sandbox + path, headers=headers)

                assert answer.status_code == 403, (method, path, headers)
                assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("headers", OURS)
async def test_programs_and_pages_of_this_machine_press_the_buttons(sandbox, http, headers):
    answer = await http.delete(f"{sandbox}/sandbox/faults", headers=headers)

    assert answer.status_code == 200, json.dumps(headers)
