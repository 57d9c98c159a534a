"""REST requests that outlive a restart of the server."""

from __future__ import annotations

import httpx
import pytest
import trio
from bountyexpo.load.client.rest import Rest, ServerAway, is_loopback


def rest(*answers: httpx.Response | Exception, patience_s: float = 30) -> tuple[Rest, list]:
    """A client whose server gives these answers in turn, and the requests it got."""
    left, requests = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    transport = httpx.MockTransport(answer)
    return Rest("http://server", patience_s=patience_s, transport=transport), requests


async def test_the_answer_is_given_back(autojump_clock: trio.testing.MockClock) -> None:
    client, requests = rest(httpx.Response(201, json={"id": "b1"}))

    reply = await client.post("/api/bounties", {"title": "x"}, token="t", key="k")

    assert (reply.status, reply.body) == (201, {"id": "b1"})
    assert requests[0].headers["authorization"] == "Bearer t"
    assert requests[0].headers["idempotency-key"] == "k"


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(503, headers={"retry-after": "1"}),
        httpx.Response(504),
        httpx.Response(500, headers={"retry-after": "1"}),
        httpx.Response(409, headers={"retry-after": "1"}),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
    ],
    ids=["starting", "too slow", "crashed", "still at work", "not there", "killed in the middle"],
)
async def test_passing_trouble_is_outlived_with_the_same_key(
    trouble: httpx.Response | Exception, autojump_clock: trio.testing.MockClock
) -> None:
    client, requests = rest(trouble, trouble, httpx.Response(200, json={}))

    reply = await client.post("/x", {}, key="k")

    assert reply.status == 200
    assert [request.headers["idempotency-key"] for request in requests] == ["k"] * 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500])
async def test_a_lasting_answer_is_not_asked_for_again(status: int) -> None:
    client, requests = rest(httpx.Response(status, json={"message": "No."}))

    reply = await client.get("/x")

    assert (reply.status, reply.message) == (status, "No.")
    assert len(requests) == 1


async def test_patience_ends(autojump_clock: trio.testing.MockClock) -> None:
    client, requests = rest(httpx.ConnectError("refused"), patience_s=5)

    with pytest.raises(ServerAway, match=r"did not answer GET /x within 5 s: refused"):
        await client.get("/x")

    assert trio.current_time() == pytest.approx(5, abs=0.1)
    assert len(requests) > 3


async def test_a_body_that_is_not_json_is_text() -> None:
    client, _ = rest(httpx.Response(404, text="<html>"))

    assert (await client.get("/x")).body == "<html>"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3001", True),
        ("http://[::1]:3001", True),
        ("ws://localhost/v1/socket", True),
        ("https://example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_this_machine_is_recognised(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
