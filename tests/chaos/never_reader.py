"""A client that asks for answers and never reads one."""

from __future__ import annotations

import socket

import trio
from bountyexpo.load.client.fleet import REQUEST, make_frame

HELLO = make_frame(b'{"type":"hello","v":1}')
# Each asks for an answer that is as long; an answer must not be dropped, so its socket must end.
TOPICS = ",".join(['"bounty:00000000-0000-4000-8000-000000000000"'] * 20)
QUESTION = make_frame(f'{{"type":"unsubscribe","id":"q","topics":[{TOPICS}]}}'.encode())
QUESTIONS = QUESTION * 20
PAUSE_S = 0.02
# The smallest that the kernel grants: what does not fit waits at the server.
RECEIVE_BUFFER = 2_048


async def never_read(port: int, token: str) -> None:
    """Ask without reading until cancelled, over one socket after the other."""
    while True:
        try:
            await ask(port, token)
        except OSError:
            await trio.sleep(PAUSE_S)


async def ask(port: int, token: str) -> None:
    """Ask over one socket until it is closed.

    Raises:
        OSError: The server is away, or has closed the socket.
    """
    request = REQUEST.format(
        path="/v1/socket", host=f"127.0.0.1:{port}", subprotocol="bounty.v1.json", token=token
    )
    with trio.socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        await sock.connect(("127.0.0.1", port))
        await sock.send(request.encode() + HELLO)
        while True:
            await sock.send(QUESTIONS)
            await trio.sleep(PAUSE_S)
