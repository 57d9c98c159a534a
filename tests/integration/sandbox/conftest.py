"""A running sandbox, the adapters that talk to it, and a receiver for its webhooks."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import h11
import httpx
import pytest
import trio
from bountyexpo.integrations.stripe.port import Stripe
from bountyexpo.integrations.supabase import SupabaseAuth
from bountyexpo.integrations.tls import trusted
from bountyexpo.runtime.clock import SystemClock
from bountyexpo.sandbox.emulators import COST_IN_TESTS
from bountyexpo.sandbox.sandbox_settings import SandboxSettings
from bountyexpo.sandbox.server import SandboxServer

from tests.integration.sandbox.auth_client import Client
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JWT_SECRET = "a-secret-of-at-least-thirty-two-bytes"
WEBHOOK_SECRET = "whsec_sandbox"


def refusal(answer, status):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["type"] in {"invalid_request_error", "idempotency_error", "card_error"}
    assert error["message"]
    return error


class Receiver:
    """An HTTP server that keeps what is posted, and answers as told (200 otherwise)."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int] = []
        self._sender, self._posts = trio.open_memory_channel[tuple[bytes, str]](1000)

    async def next_post(self) -> tuple[bytes, str]:
        """Return the next body and its signature."""
        with trio.fail_after(PATIENCE_S):
            return await self._posts.receive()

    async def run(self, *, task_status=trio.TASK_STATUS_IGNORED):
        serve = partial(trio.serve_tcp, self._serve, 0, host="127.0.0.1")
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(serve)
            port = listeners[0].socket.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}/webhooks/stripe"
            task_status.started()

    async def _serve(self, stream):
        connection = h11.Connection(h11.SERVER)
        body, signature = b"", ""
        # A relay that is being stopped hangs up in the middle.
        with suppress(trio.BrokenResourceError, h11.RemoteProtocolError):
            while (event := await self._next_event(connection, stream)) != h11.ConnectionClosed():
                if isinstance(event, h11.Request):
                    signature = dict(event.headers).get(b"stripe-signature", b"").decode()
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._sender.send_nowait((body, signature))
                    await self._answer(connection, stream)
                    return

    async def _next_event(self, connection, stream):
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        return event

    async def _answer(self, connection, stream):
        status = self.answers.pop(0) if self.answers else 200
        head = h11.Response(
            status_code=status, headers=[("content-length", "0"), ("connection", "close")]
        )
        await stream.send_all(connection.send(head) + connection.send(h11.EndOfMessage()))


@pytest.fixture
def clock():
    return SystemClock()


@pytest.fixture
def signing():
    return "HS256"


@pytest.fixture
async def receiver(nursery):
    found = Receiver()
    await nursery.start(found.run)
    return found


@pytest.fixture
def settings(receiver, signing, tmp_path):
    return SandboxSettings(
        jwt_secret=JWT_SECRET,
        stripe_secret_key="sk_test_sandbox",
        webhook_url=receiver.url,
        webhook_secret=WEBHOOK_SECRET,
        messages=tmp_path / "messages",
        signing=signing,
        password_cost=COST_IN_TESTS,
    )


@asynccontextmanager
async def running(server: SandboxServer) -> AsyncIterator[str]:
    """Serve for as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        yield await nursery.start(server.run)
        nursery.cancel_scope.cancel()


@pytest.fixture
def emulators(database, settings, clock):
    """All emulators; they serve while ``sandbox`` does."""
    return SandboxServer(database, settings, clock)


@pytest.fixture
async def sandbox(emulators):
    """The address of a running sandbox."""
    async with running(emulators) as url:
        yield url


@pytest.fixture
async def http():
    async with httpx.AsyncClient(verify=trusted()) as client:
        yield client


@pytest.fixture
def api(sandbox, settings, http):
    """Send a request as the SDKs do."""

    async def send(method, path, data=None, **headers):
        key = {"Authorization": f"Bearer {settings.stripe_secret_key}"}
        place = {"params": data} if method == "GET" else {"data": data}
        return await http.request(method, f"{sandbox}/v1{path}", headers=key | headers, **place)

    return send


@pytest.fixture
def made(api):
    """Make an object, and return it."""

    async def make(path, data=None, **headers):
        answer = await api("POST", path, data or {}, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return make


EXPRESS = {
    "type": "express",
    "country": "US",
    "capabilities[transfers][requested]": "true",
    "settings[payouts][schedule][interval]": "manual",
}


@pytest.fixture
def press(sandbox, http):
    """Press a button of the sandbox, and return what it shows."""

    async def call(path, status=200):
        answer = await http.post(f"{sandbox}/sandbox{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    return call


@pytest.fixture
def connected(made, press):
    """An account that may be paid, and that the platform has sent so many cents."""

    async def make(cents=0):
        account = (await made("/accounts", EXPRESS))["id"]
        await press(f"/accounts/{account}/onboard")
        found = {"account_id": account}
        if cents:
            card = {"amount": cents, "currency": "usd", "payment_method": "pm_card_visa"}
            await made("/payment_intents", card | {"confirm": "true"})
            sent = {"amount": cents, "currency": "usd", "destination": account}
            found["transfer_id"] = (await made("/transfers", sent))["id"]
        return found

    return make


@pytest.fixture
def auth(sandbox, settings, http):
    return SupabaseAuth(sandbox, settings.anon_key, settings.service_role_key, http)


@pytest.fixture
async def payments(sandbox, settings):
    client = Stripe(settings.stripe_secret_key, sandbox, [WEBHOOK_SECRET], livemode=False)
    yield client
    await client.aclose()


@pytest.fixture
def client(http, sandbox, settings):
    """Somebody with the project key of the auth emulator."""
    return Client(http, sandbox, settings)
