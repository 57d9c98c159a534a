"""What works without a proxy works behind each of them, configured as docs/proxies.md shows."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack

import httpx
import msgspec
import pytest
import trio
from bountyexpo.http.limits import BODY_BYTES_MAX
from bountyexpo.load.people import make_accounts
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.databases import fresh_database, temporary_folder
from tests.patience import PATIENCE_S
from tests.proxies.conftest import ALL, proxied
from tests.proxies.programs import running
from tests.server_process import running as serving

CODECS = {
    "json": (json.dumps, json.loads),
    "msgpack": (msgspec.msgpack.encode, msgspec.msgpack.decode),
}
# More than any address may have at once of what is limited most.
TRIES_MAX = 400
# What a client may say of its own address.
SPOOFED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def client(proxy, address="127.0.0.2", **headers):
    """A client of REST that comes from an address of its own."""
    transport = httpx.HTTPTransport(verify=proxy.tls, local_address=address)
    return httpx.Client(
        base_url=proxy.url,
        transport=transport,
        timeout=PATIENCE_S,
        trust_env=False,
        headers=headers,
    )


def socket(proxy, codec="json", *, path="/v1/socket", token=None, **headers):
    """A socket through the proxy."""
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(
        f"wss://localhost:{proxy.port}{path}",
        ssl=proxy.tls,
        subprotocols=[f"bounty.v1.{codec}"],
        additional_headers=bearer | headers,
        open_timeout=PATIENCE_S,
        proxy=None,
    )


def welcomed(opened, codec="json"):
    """Say hello on a socket and return the welcome."""
    encode, decode = CODECS[codec]
    opened.send(encode({"type": "hello", "v": 1}))
    frame = decode(opened.recv(PATIENCE_S))
    assert frame["type"] == "welcome", frame
    return frame


def refusal(proxy, **options):
    """The status with which a socket is refused."""
    with pytest.raises(InvalidStatus) as refused, socket(proxy, **options):
        pass
    return refused.value.response.status_code


def test_requests_share_a_kept_connection(behind):
    with client(behind.proxy, Authorization=f"Bearer {behind.token}") as http:
        for _ in range(10):
            assert http.get("/api/bounties").status_code == 200
            assert http.get("/auth/me").json()["username"]
            missing = http.get("/nothing")
            assert missing.status_code == 404
            assert missing.headers["content-type"] == "application/problem+json"
            assert http.get("/docs").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("codec", CODECS)
def test_a_socket_opens_after_requests_and_again(behind, codec):
    with client(behind.proxy) as http:
        for path in ("/api/bounties", "/nothing", "/docs", "/v1/socket") * 3:
            http.get(path)
            with socket(behind.proxy, codec, token=behind.token) as opened:
                assert opened.subprotocol == f"bounty.v1.{codec}"
                assert welcomed(opened, codec)["userId"]
        assert http.get("/api/bounties").status_code == 200


def test_many_sockets_and_requests_do_not_get_in_each_others_way(behind):
    with client(behind.proxy) as http, ExitStack() as stack:
        opened = []
        for _ in range(5):
            opened.append(stack.enter_context(socket(behind.proxy, token=behind.token)))
            assert http.get("/api/bounties").status_code == 200
        for each in opened:
            welcomed(each)
            each.send(json.dumps({"type": "ping"}))
            assert json.loads(each.recv(PATIENCE_S))["type"] == "pong"
            each.close()
            assert each.close_code == 1000


def test_a_socket_path_without_an_upgrade_says_so(behind):
    with client(behind.proxy) as http:
        reply = http.get("/v1/socket")

        assert reply.status_code == 426
        assert reply.json()["code"] == "UPGRADE_REQUIRED"


def test_pages_of_the_public_host_open_sockets_and_others_do_not(behind):
    port = behind.proxy.port
    for origin in (f"https://localhost:{port}", f"https://LOCALHOST:{port}"):
        with socket(behind.proxy, Origin=origin):
            pass
    for origin in ("https://evil.example", "https://localhost", "null", "file://"):
        assert refusal(behind.proxy, Origin=origin) == 403
        with socket(behind.proxy, token=behind.token, Origin=origin) as opened:
            welcomed(opened)


def test_a_refused_socket_leaves_the_proxy_well(behind):
    for _ in range(5):
        assert refusal(behind.proxy, path="/nothing") == 404
        assert refusal(behind.proxy, codec="unknown") == 400
        with client(behind.proxy) as http:
            assert http.get("/api/bounties").status_code == 200
        with socket(behind.proxy, token=behind.token) as opened:
            welcomed(opened)


def test_clients_are_counted_by_their_own_address(behind):
    statuses = []
    with client(behind.proxy, "127.0.0.20") as http:
        while 429 not in statuses:
            assert len(statuses) < TRIES_MAX
            lies = dict.fromkeys(SPOOFED, f"192.0.2.{len(statuses)}")
            # Counted like any other, and refused at once: a wrong password would take its time.
            statuses.append(http.post("/auth/sign-in", json={}, headers=lies).status_code)
    assert set(statuses) == {400, 429}

    with client(behind.proxy, "127.0.0.21") as other:
        assert other.post("/auth/sign-in", json={}).status_code == 400


def test_metrics_are_not_open_to_what_comes_through_the_proxy(behind):
    with client(behind.proxy, "127.0.0.1") as http:
        assert http.get("/metrics").status_code == 403
        assert http.get("/metrics", headers={"Host": "localhost"}).status_code in {403, 421}
        known = {"Authorization": "Bearer " + "m" * 32}
        assert http.get("/metrics", headers=known).status_code == 200


def test_a_body_of_the_limit_passes_and_a_larger_one_is_refused(behind):
    with client(behind.proxy, Authorization=f"Bearer {behind.token}") as http:
        padding = BODY_BYTES_MAX - len('{"password":""}')
        whole = json.dumps({"password": "x" * padding}, separators=(",", ":"))
        assert len(whole) == BODY_BYTES_MAX
        typed = {"Content-Type": "application/json"}
        assert http.post("/auth/refresh", content=whole, headers=typed).status_code in {400, 401}

        # An answer must not meet the rest of the body: then it is lost now and then.
        for size in (BODY_BYTES_MAX + 1, 3 * BODY_BYTES_MAX) * 8:
            refused = http.post("/auth/refresh", content=b"x" * size, headers=typed)
            assert refused.status_code == 413
            assert refused.json()["code"] == "PAYLOAD_TOO_LARGE"
            assert http.get("/api/bounties").status_code == 200


@pytest.mark.parametrize("name", ALL)
async def test_draining_reaches_the_clients_of_a_proxy(name, server_dsn, template_database):
    with fresh_database(server_dsn, template_database) as dsn, temporary_folder() as folder:
        server = proxied(folder / "data", dsn)
        (folder / "proxy").mkdir()
        async with serving(server):
            with running(name, folder / "proxy", f"127.0.0.1:{server.port}") as proxy:
                (token,) = await make_accounts(server.url, ["anna"])
                await check_drain(server, proxy, token)


async def check_drain(server, proxy, token):
    """Sockets are asked to come back elsewhere, requests are answered, the process ends well."""
    in_thread = trio.to_thread.run_sync
    with client(proxy) as http, ExitStack() as stack, trio.fail_after(PATIENCE_S):
        opened = await in_thread(stack.enter_context, socket(proxy, token=token))
        await in_thread(welcomed, opened)
        assert (await in_thread(http.get, "/api/bounties")).status_code == 200

        server.process.send_signal(signal.SIGTERM)
        frame = json.loads(await in_thread(opened.recv, PATIENCE_S))
        assert frame["type"] == "reconnect"
        await in_thread(opened.close)
        assert opened.close_code == 1000

        assert await server.process.wait() == 0
        assert (await in_thread(http.get, "/api/bounties")).status_code in {502, 503}
