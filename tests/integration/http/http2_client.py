"""A client of HTTP/2 without TLS that asks one thing after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events

if TYPE_CHECKING:
    import trio


@dataclass
class Answer:
    """One answer; header names are in lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Http2Client:
    """One connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        config = h2.config.H2Configuration(header_encoding="utf-8")
        self._peer = h2.connection.H2Connection(config)
        self._peer.initiate_connection()

    async def ask(self, method: str, path: str, **headers: str) -> Answer:
        """Ask, and return the whole answer."""
        stream_id = self._peer.get_next_available_stream_id()
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        place = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "x")]
        self._peer.send_headers(stream_id, [*place, *named], end_stream=True)
        answer = Answer()
        while True:
            await self._stream.send_all(self._peer.data_to_send())
            data = await self._stream.receive_some()
            assert data, "the server has ended the connection"
            for event in self._peer.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    answer.headers = dict(event.headers)
                    answer.status = int(answer.headers.pop(":status"))
                elif isinstance(event, h2.events.DataReceived):
                    answer.body += event.data
                    self._peer.acknowledge_received_data(event.flow_controlled_length, stream_id)
                elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                    return answer
