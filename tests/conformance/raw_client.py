"""A WebSocket client that can break every rule: it frames by hand and reads by the library."""

from __future__ import annotations

import contextlib
import socket

import trio
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri
from websockets.utils import apply_mask

KEY = b"\x0a\x0b\x0c\x0d"


def frame(opcode, payload=b"", *, final=True, rsv=0, mask=True, length=None):
    """A client's frame; ``length`` lies about the payload."""
    size = len(payload) if length is None else length
    form = size if size < 126 else 126 if size < 65536 else 127
    head = bytes([(0x80 if final else 0) | rsv << 4 | opcode, (0x80 if mask else 0) | form])
    if form >= 126:
        head += size.to_bytes(2 if form == 126 else 8, "big")
    return head + (KEY + apply_mask(payload, KEY) if mask else payload)


def close_payload(code, reason=b""):
    return code.to_bytes(2, "big") + reason


class RawClient:
    """An open socket; ``protocol`` is the library's judge of everything the server sends."""

    def __init__(self, stream, protocol):
        self.stream = stream
        self.protocol = protocol
        self.frames = []
        self.answers = True  # pings and closes, as the library does

    @classmethod
    async def connect(
        cls,
        port,
        *,
        path="/v1/socket",
        subprotocols=("bounty.v1.json",),
        receive_buffer=None,
        behind=b"",
    ):
        """Open a socket; ``behind`` is sent in the same packet as the handshake."""
        sock = trio.socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await sock.connect(("127.0.0.1", port))
        stream = trio.SocketStream(sock)
        protocol = ClientProtocol(
            parse_uri(f"ws://127.0.0.1:{port}{path}"), subprotocols=list(subprotocols) or None
        )
        protocol.send_request(protocol.connect())
        await stream.send_all(b"".join(protocol.data_to_send()) + behind)
        client = cls(stream, protocol)
        while True:
            protocol.receive_data(await stream.receive_some())
            events = protocol.events_received()
            if events:
                assert isinstance(events[0], Response)
                assert protocol.handshake_exc is None, events[0]
                client.frames.extend(events[1:])
                await client._answer()
                return client

    async def send(self, data):
        await self.stream.send_all(data)

    async def text(self, payload=b"{}"):
        await self.send(frame(1, payload))

    async def next_frame(self):
        """The next frame from the server, None at the end of the stream."""
        while not self.frames:
            data = await self.stream.receive_some()
            if not data:
                return None
            self.protocol.receive_data(data)
            self.frames.extend(self.protocol.events_received())
            await self._answer()
        return self.frames.pop(0)

    async def _answer(self):
        assert self.protocol.parser_exc is None
        answer = b"".join(self.protocol.data_to_send())
        if answer and self.answers:
            with contextlib.suppress(trio.BrokenResourceError):
                await self.stream.send_all(answer)

    async def echo(self):
        """The next data frame."""
        while True:
            received = await self.next_frame()
            assert received is not None
            if received.opcode in (Opcode.TEXT, Opcode.BINARY):
                return bytes(received.data)

    async def closed(self):
        """Read to the end; the code of the server's close frame, None without one."""
        code = None
        while (received := await self.next_frame()) is not None:
            if received.opcode is Opcode.CLOSE:
                code = int.from_bytes(received.data[:2], "big") if received.data else 1005
        return code

    async def aclose(self):
        await self.stream.aclose()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.aclose()
