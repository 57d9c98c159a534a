"""Every field of every operation gets odd values: nothing fails, and all can be read afterwards."""

from __future__ import annotations

import http.client
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

import msgspec
import pytest
import trio
from bountyexpo.close_codes import CloseCode
from bountyexpo.domain.access import Caller
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.operations.routes import PATH_PARAMETER, QUERY_METHODS
from bountyexpo.persistence.pool import Pool
from bountyexpo.ws.v1 import reference
from websockets.frames import Opcode

from tests.commits import UNHEARD
from tests.conformance.odd_values import NUMBERS, ODD, ODD_MSGPACK, SHAPES, TEXTS, TIMES, nested
from tests.conformance.raw_client import RawClient, frame
from tests.conformance.stage import Stage
from tests.conformance.test_access_matrix import CASES, TABLE
from tests.integration.product.product import standing_product
from tests.integration.product.wire import BINARY, Wire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.operations.routes import Route

    from tests.integration.product.product import Person

areas.declare()

LIMIT_S = 60
PAGE_BYTES_MAX = 500_000

ROUTED = [each for each in CATALOGUE.all() if each.route is not None]
READS = [each for each in ROUTED if each.route is not None and each.route.method == "GET"]

READERS = (Caller.POSTER, Caller.HUNTER, Caller.ANONYMOUS)

# Lists at their largest, in each form.
LISTS = (
    "/api/bounties?limit=100",
    "/bounties?limit=100&format=array",
    "/api/bounties?poster_id={poster}&status=all&limit=200",
)

# What a success of these uses up; the next attempt needs a fresh one.
USED_UP = {
    "auth.refresh": (),
    "request.create": (),
    **dict.fromkeys(("request.reject", "request.update", "request.delete"), ()),
    "request.accept": ("waiting_request", "work", "submission", "ready_bounty"),
    "completion.submit": ("work", "submission", "ready_bounty"),
    "completion.request_revision": ("unreviewed",),
    "completion.approve": ("work", "submission", "ready_bounty"),
    "rating.create": ("done_bounty",),
    "message.delete": (),
    "conversation.leave": (),
    "participant.remove": (),
}

# A wrong password is told after half a second, so several lines ask beside each other.
LINES = {"auth.sign_in": 8}

# Roles in the order in which one is looked for that may do it.
CALLERS = (Caller.POSTER, Caller.HUNTER, Caller.ADMIN, Caller.ANONYMOUS, Caller.SERVICE)


@pytest.fixture(scope="module")
def stage(module_dsn: str) -> Iterator[Stage]:
    """What is left behind at the end is read once, as everybody who may: it is slow."""
    with standing_product(module_dsn) as product:
        found = Stage(product)
        yield found
        everything_can_be_read(found)


class Line:
    """One kept-alive connection; what it says costs little, for it says much."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes, token: str | None) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"} if body else {}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def arguments_of(operation: Operation, path: str, body: Any) -> dict[str, Any]:
    """The arguments of a good request, by their present names."""
    assert operation.route is not None
    path, _, query = path.partition("?")
    pattern = PATH_PARAMETER.sub(
        r"(?P<\1>[^/]+)", re.sub(r"([.?+])", r"\\\1", operation.route.path)
    )
    found = re.fullmatch(pattern, path)
    assert found is not None, path
    asked = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    return operation.canonical({**(body or {}), **asked, **found.groupdict()})


def request_of(
    operation: Operation, route: Route, arguments: dict[str, Any]
) -> tuple[str, str, bytes]:
    """The request with these arguments where each belongs: path, query or body."""
    left = dict(arguments)

    def place(match: re.Match[str]) -> str:
        value = left.pop(operation.aliased_fields.get(match[1], match[1]), "")
        return quote(value if isinstance(value, str) else repr(value), safe="")[:6_000] or "%20"

    path = PATH_PARAMETER.sub(place, route.path)
    if route.method not in QUERY_METHODS:
        return route.method, path, msgspec.json.encode(left)
    flat = {name: value for name, value in left.items() if value is not None}
    query = urlencode(flat, doseq=True)[:7_000]
    return route.method, f"{path}?{query}" if query else path, b""


def caller_for(name: str) -> Caller:
    return next(caller for caller in CALLERS if TABLE[name].refusal(caller) is None)


def asker(stage: Stage, name: str) -> Person | None:
    """Somebody who may do it; who signs out does so for the others' good."""
    if name == "auth.sign_out":
        return stage.product.person("leaver")
    return stage.people[caller_for(name)]


def token_of(person: Person | None) -> str | None:
    return person.token if person is not None else None


def everything_can_be_read(stage: Stage) -> None:
    """Ask for every list and thing, as everybody who may."""
    with Line(stage.product.port) as line:
        for operation, caller in itertools.product(READS, READERS):
            if TABLE[operation.name].refusal(caller) is not None:
                continue
            method, path, _ = CASES[operation.name](stage)
            status, body = line.ask(method, path, b"", token_of(stage.people[caller]))
            assert status == 200, (operation.name, caller, status, body[:300])
            assert len(body) < PAGE_BYTES_MAX, (operation.name, len(body))
        poster = stage.people[Caller.POSTER].id
        for path in [each.format(poster=poster) for each in LISTS]:
            status, body = line.ask("GET", path, b"", token_of(stage.people[Caller.POSTER]))
            assert status == 200, (path, status, body[:300])


async def every_row_can_be_loaded(dsn: str) -> int:
    """Load each row of each table as the product does; returns how many there are."""
    pool = Pool(dsn, UNHEARD)
    count = 0
    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        await pool.wait_ready()
        tables = await pool.fetch(
            "select table_name as name from information_schema.tables"
            " where table_schema = 'app' and table_type = 'BASE TABLE'"
        )
        for table in tables:
            count += len(await pool.fetch(f'select * from "{table["name"]}"'))
        nursery.cancel_scope.cancel()
    return count


def fresh(stage: Stage, operation: Operation) -> dict[str, Any]:
    """Arguments of the operation that are good, with things that nothing was done to."""
    for used in USED_UP.get(operation.name, ()):
        stage.__dict__.pop(used, None)
    if operation.name == "request.create":
        # One may apply once, and to ten bounties at a time.
        stage.people[Caller.HUNTER] = stage.product.person("hunter")
        for theirs in ("waiting_request", "work", "submission", "ready_bounty", "done_bounty"):
            stage.__dict__.pop(theirs, None)
    if operation.route is None:
        return {"conversationId": stage.work["conversationId"], "upToSeq": 1}
    _, path, body = CASES[operation.name](stage)
    return arguments_of(operation, path, body)


@pytest.mark.parametrize("name", [each.name for each in ROUTED if each.request is not None])
def test_no_odd_value_of_a_request_is_a_failure_of_ours(stage: Stage, name: str) -> None:
    operation = CATALOGUE.get(name)
    assert operation is not None
    good, count = fresh(stage, operation), LINES.get(name, 1)
    odd = list(itertools.product(operation.fields, ODD))
    with ThreadPoolExecutor(count) as threads:
        parts = [odd[number::count] for number in range(count)]
        list(threads.map(partial(ask_oddly, stage, operation, good), parts))


def ask_oddly(
    stage: Stage, operation: Operation, good: dict[str, Any], odd: list[tuple[str, Any]]
) -> None:
    """Ask with each of the odd values for a field."""
    name = operation.name
    routes = itertools.cycle(operation.routes)
    with Line(stage.product.port) as line:
        for field, value in odd:
            sent = request_of(operation, next(routes), good | {field: value})

            status, answer = line.ask(*sent, token_of(asker(stage, name)))

            said = (sent[0], sent[1][:200], sent[2][:200], status, answer[:300])
            assert status < 500, said
            assert isinstance(msgspec.json.decode(answer), dict | list), said
            if status < 300:
                assert status in operation.statuses, said
                good = fresh(stage, operation) if name in USED_UP else good


@pytest.mark.parametrize(
    "name", [each.name for each in CATALOGUE.all() if each.request is not None]
)
async def test_no_odd_value_of_a_call_is_a_failure_of_ours(stage: Stage, name: str) -> None:
    operation = CATALOGUE.get(name)
    assert operation is not None
    good = fresh(stage, operation)
    person = asker(stage, name) or stage.people[Caller.POSTER]
    with trio.fail_after(LIMIT_S):
        async with Wire.opened(stage.product, person, codec="msgpack") as wire:
            for field, value in itertools.product(operation.fields, (*ODD_MSGPACK, *TIMES)):
                reply = await wire.ask("call", op=name, args=good | {field: value})

                assert reply.get("code") != "INTERNAL_ERROR", (field, value, reply)
                wire.heard.clear()
                if reply["type"] == "ack":
                    good = fresh(stage, operation) if name in USED_UP else good


# Every frame of the protocol, with fields that are good.
FRAMES: dict[str, dict[str, Any]] = {
    "hello": {"v": 1, "streams": {}, "subscribe": [], "resume": None, "caps": [], "device": None},
    "ping": {"t": 1},
    "auth.refresh": {"token": "?"},
    "authenticate": {"token": "?"},
    "call": {"op": "bounty.list", "args": {}},
    "subscribe": {"topics": ["feed:open"]},
    "unsubscribe": {"topics": ["feed:open"]},
    "sync": {"streams": {"feed:open": {"seq": 0, "epoch": "e1"}}},
    "join": {"conversationId": "?"},
    "leave": {"conversationId": "?"},
    "presence.set": {"state": "online", "appState": "active"},
    "presence.subscribe": {"userIds": ["?"]},
    "presence.unsubscribe": {"userIds": ["?"]},
    "send_message": {"conversation_id": "?", "message": "Hello!", "text": ""},
}

# One envelope for all of them.
ENVELOPE = {"id": "f", "idempotencyKey": "k"}

# MessagePack has whole numbers of 64 bits.
ODD_NUMBERS = [each for each in NUMBERS if isinstance(each, float) or -(2**63) <= each < 2**64]

ODD_IN_FRAMES = (*ODD_MSGPACK, *ODD_NUMBERS, *SHAPES[:11], nested(31), nested(40), *TEXTS[:14])


def test_every_frame_of_the_protocol_is_tried() -> None:
    assert set(FRAMES) == {name for frame in reference.CLIENT for name in frame.types}


def odd_frames(kind: str) -> Iterator[dict[str, Any]]:
    """Frames of this type, each with an odd value in one place."""
    good = {"type": kind, **ENVELOPE, **FRAMES[kind]}
    for field, value in itertools.product(good, ODD_IN_FRAMES):
        yield good | {field: value}
    for value in ODD_IN_FRAMES:
        if kind in {"sync", "hello"}:
            yield good | {"streams": {"feed:open": {"seq": value, "epoch": "e1"}}}
            yield good | {"streams": {"feed:open": {"seq": 1, "epoch": value}}}
        if isinstance(value, str):
            yield good | {"streams": {value: {"seq": 1}}, "topics": [value], "userIds": [value]}


async def answer_to(client: RawClient, sent: dict[str, Any]) -> dict[str, Any] | int | None:
    """What a frame is answered with first, or the code with which the socket is closed."""
    await client.send(frame(BINARY, msgspec.msgpack.encode(sent)))
    # Frames are worked off in their order, so this one is answered when the first has been.
    last = {"type": "call", "id": "last", "op": "wallet.balance"}
    await client.send(frame(BINARY, msgspec.msgpack.encode(last)))
    told = None
    while (received := await client.next_frame()) is not None:
        if received.opcode is Opcode.CLOSE:
            return int.from_bytes(received.data[:2], "big")
        if received.opcode is not Opcode.BINARY:
            continue
        heard = msgspec.msgpack.decode(bytes(received.data))
        if heard.get("re") == "last":
            return told
        told = told or heard
    return None


@pytest.mark.parametrize("kind", FRAMES)
async def test_no_odd_value_of_a_frame_is_a_failure_of_ours(stage: Stage, kind: str) -> None:
    person = stage.people[Caller.POSTER]
    assert person is not None
    hello = {"type": "hello", "v": 1, "token": person.token}
    left = iter([{**each, "token": person.token} for each in odd_frames(kind)])
    sent = next(left, None)
    with trio.fail_after(LIMIT_S):
        while sent is not None:
            # As many as a socket bears that breaks the rules each time.
            async with await RawClient.connect(
                stage.product.port, subprotocols=["bounty.v1.msgpack"]
            ) as client:
                if kind != "hello":
                    await answer_to(client, hello)
                for _ in range(1 if kind == "hello" else 2):
                    answer = await answer_to(client, sent)

                    code = answer.get("code") if isinstance(answer, dict) else answer
                    assert code not in {"INTERNAL_ERROR", CloseCode.SERVER_ERROR}, (sent, answer)
                    if (sent := next(left, None)) is None or isinstance(answer, int):
                        break
    everything_can_be_read(stage)


async def test_every_row_of_every_table_can_be_loaded(stage: Stage) -> None:
    # Two rows that were written before anybody looked at times and sizes.
    product, own = stage.product, stage.people[Caller.POSTER]
    assert own is not None
    bounty_id, request_id = stage.bounty_id(), stage.request_id()
    product.rows(
        """update app.bounties set start_date = '-infinity', end_date = '294276-01-01',
               latest_arrival_time = '4713-01-01 BC', attachments = %s::text::jsonb
           where id = %s returning id""",
        msgspec.json.encode([{"name": "x" * 900_000}]).decode(),
        bounty_id,
    )
    product.rows(
        """update app.bounty_requests set proposed_completion_at = 'infinity'
           where id = %s returning id""",
        request_id,
    )

    everything_can_be_read(stage)
    assert product.get(f"/api/bounties/{bounty_id}").json()["attachments_omitted"] is False
    [listed] = [
        row for row in product.get("/api/bounties").json()["bounties"] if row["id"] == bounty_id
    ]
    assert (listed["attachments_json"], listed["attachments_omitted"]) == ("[]", True)
    assert stage.post(Caller.POSTER, f"/api/bounty-requests/{request_id}/accept")["success"]
    with trio.fail_after(LIMIT_S):
        assert await every_row_can_be_loaded(product.dsn) > 100


CHANGES = [each.name for each in ROUTED if each.route is not None and each.route.method != "GET"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_repetition_is_answered_as_the_pages_say(stage: Stage, name: str) -> None:
    operation, caller = CATALOGUE.get(name), asker(stage, name)
    assert operation is not None
    method, path, body = CASES[name](stage)

    first, second = (stage.product.send(method, path, body, by=caller) for _ in range(2))

    for each in (first, second):
        assert each.status_code in operation.statuses or 400 <= each.status_code < 500
    if operation.repeat_status is not None:
        assert second.status_code == operation.repeat_status
