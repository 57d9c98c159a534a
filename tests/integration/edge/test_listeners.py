"""A service is reached at every address that its HOST stands for."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
from bountyexpo.edge.acceptor import AcceptorSettings
from bountyexpo.edge.listeners import open_listeners

from tests.integration.plain_client import PlainClient
from tests.integration.socket_server import serve

# What HOST may be, and where such a service answers.
HOSTS = {
    "0.0.0.0": ("127.0.0.1",),
    "::": ("127.0.0.1", "::1"),
    "127.0.0.1": ("127.0.0.1",),
    "127.0.0.2": ("127.0.0.2",),
    "::1": ("::1",),
    "localhost": sorted({info[4][0] for info in socket.getaddrinfo("localhost", 0)}),
}


@pytest.mark.parametrize("host", HOSTS)
async def test_it_is_reached_at_every_address_of_its_host(host):
    async with serve(settings=AcceptorSettings(host=host, port=0)) as server:
        for address in HOSTS[host]:
            async with await trio.open_tcp_stream(address, server.port) as stream:
                reply = await PlainClient(stream).ask("GET /")
                assert (reply.status, reply.closes) == (404, True)
        server.acceptor.stop_accepting()
        for address in HOSTS[host]:
            with pytest.raises(OSError, match=r"refused|all attempts"):
                await trio.open_tcp_stream(address, server.port)


async def test_the_client_of_both_families_is_known_by_its_own_address():
    seen = []

    def admit(upgrade):
        seen.append(upgrade.peer)

    both = AcceptorSettings(host="::", port=0)
    async with serve(settings=both, admit=admit) as server, await server.connect():
        assert seen == ["127.0.0.1"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_port_is_one_and_the_same_at_all_addresses_and_is_not_shared(host):
    listeners = open_listeners(host, 0)
    try:
        (port,) = {listener.getsockname()[1] for listener in listeners}
        with pytest.raises(OSError, match="in use") as refused:
            open_listeners(host, port)
        assert refused.value.errno == errno.EADDRINUSE
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(OSError, match=r".") as refused:
        open_listeners(host, 0)
    assert isinstance(refused.value, socket.gaierror) or refused.value.errno == errno.EADDRNOTAVAIL
