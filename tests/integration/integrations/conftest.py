"""A provider that does whatever it is told, byte for byte."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial

import msgspec
import pytest
import trio
from bountyexpo.integrations.stripe import calls
from bountyexpo.integrations.stripe.calls import Bounds
from bountyexpo.integrations.stripe.port import Stripe

# A busy machine takes its time; where nothing will come, tests are in a hurry.
PATIENT = Bounds(attempt_s=20, deadline_s=20, wait_s=20)
HURRIED = {"attempt_s": 0.3, "deadline_s": 0.6}


def http(status: int, body: bytes, *headers: str) -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Wire:
    """A server that reads a request and then lets ``behave`` have the connection."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.open = self.most = 0
        self.behave = partial(answering, http(500, b""))

    async def run(self, *, task_status=trio.TASK_STATUS_IGNORED):
        serve = partial(trio.serve_tcp, self._serve, 0, host="127.0.0.1")
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(serve)
            self.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            task_status.started()

    async def _serve(self, stream):
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while await self._request(stream):
                self.asked += 1
                self.open += 1
                self.most = max(self.most, self.open)
                try:
                    await self.behave(stream)
                finally:
                    self.open -= 1

    async def _request(self, stream):
        head = b""
        while b"\r\n\r\n" not in head:
            part = await stream.receive_some()
            if not part:
                return False
            head += part
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = head.partition(b"\r\n\r\n")[2]
        while length and len(body) < int(length[1]):
            body += await stream.receive_some()
        return True


async def answering(answer: bytes, stream) -> None:
    """Answer, and stay."""
    await stream.send_all(answer)


async def closing(answer: bytes, stream) -> None:
    """Answer, and hang up."""
    await stream.send_all(answer)
    await stream.aclose()


@pytest.fixture(autouse=True)
def no_repeats(monkeypatch):
    monkeypatch.setattr(calls, "RETRIES_MAX", 0)


@pytest.fixture
async def wire(nursery):
    found = Wire()
    await nursery.start(found.run)
    return found


@pytest.fixture
async def provider(wire):
    """Make an adapter with these bounds."""
    made = []

    def make(**changes):
        bounds = msgspec.structs.replace(PATIENT, **changes)
        made.append(Stripe("sk_test_x", wire.url, [], livemode=False, bounds=bounds))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


@pytest.fixture
def stripe_port(provider):
    """The adapter, with time."""
    return provider()
