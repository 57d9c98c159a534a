"""One catalogue on the fast path and in the fallback: what one is asked, the other is asked."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import trio
from bountyexpo.edge.acceptor import Acceptor, AcceptorSettings
from bountyexpo.http.app import create_app
from bountyexpo.http.health import EDGE
from bountyexpo.http.others import other_routes
from bountyexpo.http.server.fast_path import FastPath
from bountyexpo.http.server.hypercorn_fallback import HypercornFallback
from bountyexpo.http.server.router import Router
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE, Catalogue
from bountyexpo.operations.routes import PATH_PARAMETER
from bountyexpo.ws.v1.reference import FRAMES

from tests.integration.http.edge_toys import ToyServices
from tests.integration.plain_client import PlainClient

if TYPE_CHECKING:
    from bountyexpo.http.others import Respond
    from bountyexpo.operations.routes import Route
    from quart_trio import QuartTrio

ID = "11111111-2222-4333-8444-555555555555"

# Texts that some pattern or format of a field may ask for.
TEXTS = (
    "A long enough text",
    "12345",
    ID,
    "2026-05-04T03:02:01Z",
    "a@example.com",
    "https://x.example/y",
    "2.0",
)

# Bytes in base64: as many as a key has, and a nonce.
BYTES = ("A" * 43 + "=", "A" * 32)

# What two answers to the same question may differ in, and what belongs to the connection.
VARYING_HEADERS = {"date", "x-request-id", "content-length"}
VARYING_FIELDS = {"requestId", "timestamp"}


@cache
def catalogue() -> Catalogue:
    """Every operation, with a handler that replies what it was told."""
    areas.declare()
    echoing = Catalogue(areas.GRANTS)
    for operation in CATALOGUE.all():
        handler = echo if operation.request is not None else echo_nothing
        echoing.add(dataclasses.replace(operation, handler=handler))
    return echoing


async def echo(call, request) -> Any:
    told = msgspec.to_builtins(request)
    call.reply_headers["x-told"] = str(len(told))
    return {"told": told, "by": call.identity and call.identity.user_id, "peer": call.peer}


async def echo_nothing(call) -> Any:
    return {"by": call.identity and call.identity.user_id, "key": call.idempotency_key}


class Renewed:
    """Services that are new for each test, behind an application that is made once."""

    def __init__(self) -> None:
        self.present = ToyServices()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.present, name)


@cache
def applications() -> tuple[tuple[Renewed, QuartTrio], ...]:
    """The services and the application of each way."""
    services = Renewed(), Renewed()
    return tuple((each, create_app(each, others(), catalogue())) for each in services)


@cache
def others() -> dict[Route, Respond]:
    """Who answers where no operation is."""
    return other_routes(FRAMES, catalogue(), EDGE)


def operations():
    """Every operation with a route, the edge's own included."""
    return [each for each in (*EDGE.all(), *catalogue().all()) if each.route is not None]


class BothWays:
    """The same services behind two ports; ``taken`` is what the fast path was asked for."""

    def __init__(self, fast: int, fallback: int, taken: list[str]) -> None:
        self.ports = (fast, fallback)
        self.port = fast
        self.taken = taken

    @property
    def fallback_port(self) -> int:
        """Where only the fallback answers."""
        return self.ports[1]

    async def ask(self, data: bytes, *, with_body: bool = True):
        """Send the same bytes to both, and return both answers."""
        replies = []
        for port in self.ports:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream:
                # A refusal may come before everything is sent.
                with contextlib.suppress(trio.BrokenResourceError):
                    await stream.send_all(data)
                replies.append(await PlainClient(stream).reply(with_body=with_body))
        return replies

    @staticmethod
    async def converse(port: int, lines: list[str]):
        """Ask one thing after the other on one connection."""
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            client = PlainClient(stream)
            return [await client.ask(line) for line in lines]


@asynccontextmanager
async def both_ways():
    """Serve the catalogue both ways; buckets and clocks of the two stay in step."""
    taken: list[str] = []
    settings = AcceptorSettings(host="127.0.0.1", port=0)
    for services, _ in applications():
        services.present = ToyServices()
    fallbacks = [HypercornFallback(app, each.clock.now) for each, app in applications()]
    services, _ = applications()[0]
    router = Router(services, others(), catalogue())

    def find(method, path):
        taken.append(path)
        return router.find(method, path)

    fast = FastPath(find, fallbacks[0], services.clock.now)
    async with trio.open_nursery() as nursery:
        for child in (*fallbacks, fast):
            await nursery.start(child.run)
        ways = (fast, fallbacks[0]), (fallbacks[1],)
        acceptors = [Acceptor(way, services.clock.now, settings) for way in ways]
        first, second = [await nursery.start(acceptor.run) for acceptor in acceptors]
        with trio.fail_after(30):
            yield BothWays(first, second, taken)
        nursery.cancel_scope.cancel()


def comparable(reply, *, with_body: bool = True) -> dict[str, Any]:
    """What must be the same."""
    body: Any = reply.body
    if with_body and reply.headers["content-type"].split(";")[0].endswith("json"):
        body = msgspec.json.decode(reply.body)
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if name not in VARYING_FIELDS}
    elif with_body and reply.headers["content-type"].startswith("text/plain"):
        body = None  # the metrics, which count what is done here
    headers = {n: value for n, value in reply.headers.items() if n not in VARYING_HEADERS}
    if reply.status in {204, 404, 405}:
        # The fast path has read the body that nothing was there for, so its connection goes on.
        headers.pop("connection", None)
    return {"status": reply.status, "headers": headers, "body": body}


def path_of(route, value: str = ID) -> str:
    """The path of a route with ``value`` for every parameter."""
    return PATH_PARAMETER.sub(value, route.path)


def sample(operation) -> dict[str, Any]:
    """Arguments that the operation takes, every field given."""
    if operation.request is None:
        return {}
    schema = msgspec.json.schema(operation.request)
    found = valid(schema, schema.get("$defs", {}))
    fields = msgspec.structs.fields(operation.request)
    found = {field.encode_name: fitting(found[field.encode_name], field.type) for field in fields}
    msgspec.convert(found, operation.request, strict=False)
    return found


def fitting(value: Any, kind: Any) -> Any:
    """The value, or the first of our texts that is of this type: a schema does not say it all."""
    for candidate in (value, *TEXTS):
        with contextlib.suppress(msgspec.ValidationError):
            msgspec.convert(candidate, kind, strict=False)
            return candidate
    raise AssertionError(f"nothing fits {kind}")


def valid(schema: dict[str, Any], named: dict[str, Any]) -> Any:
    """A value that fits a schema."""
    if "$ref" in schema:
        return valid(named[schema["$ref"].rpartition("/")[2]], named)
    for choices in ("anyOf", "oneOf"):
        if choices in schema:
            return valid(schema[choices][0], named)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    makers = {"object": valid_object, "array": valid_array, "string": valid_text}
    kind = schema.get("type")
    if kind in makers:
        return makers[kind](schema, named)
    if kind in {"integer", "number"}:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        return max(low, 1) if schema.get("maximum", 1) >= 1 else low
    return {"boolean": True, "null": None}.get(kind, "anything")


def valid_object(schema: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    return {name: valid(each, named) for name, each in schema.get("properties", {}).items()}


def valid_array(schema: dict[str, Any], named: dict[str, Any]) -> list[Any]:
    return [valid(schema["items"], named)] * max(1, schema.get("minItems", 1))


def valid_text(schema: dict[str, Any], _named: dict[str, Any]) -> str:
    pattern = re.compile(schema.get("pattern", ""))
    longest = schema.get("maxLength", 10_000)
    is_bytes = schema.get("contentEncoding") == "base64"
    texts = BYTES if is_bytes else (ID, *TEXTS, "x" * schema.get("minLength", 1))
    return next(
        text
        for text in texts
        if pattern.search(text) and schema.get("minLength", 0) <= len(text) <= longest
    )
