"""Plain connections, and both ways of driving sockets."""

from __future__ import annotations

import socket

import pytest
import trio
from bountyexpo.ws.transport.epoll_poller import EpollPoller
from bountyexpo.ws.transport.task_poller import TaskPoller


@pytest.fixture(params=[EpollPoller, TaskPoller], ids=["epoll", "tasks"])
def poller(request):
    """Each test runs with both ways of driving sockets."""
    return request.param


@pytest.fixture
async def raw():
    """Open a plain TCP connection to a port; closed at the end of the test."""
    opened = []

    async def connect(port, *, receive_buffer=None, source=None):
        sock = trio.socket.socket()
        opened.append(sock)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            await sock.bind((source, 0))
        await sock.connect(("127.0.0.1", port))
        return trio.SocketStream(sock)

    yield connect
    for sock in opened:
        sock.close()
