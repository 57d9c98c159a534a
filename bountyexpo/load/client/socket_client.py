"""A socket client for people and tests: it connects again by itself and loses nothing.

One task keeps the connection (``run``, a child of the caller's nursery). After each ``welcome``
and each gap it asks for what it missed, so ``log`` holds every event of every stream once and in
order, whatever happens to the connection or the server. A request is repeated on the next
connection until it is answered: everything sent here carries a key that makes this harmless.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import trio
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.trio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bountyexpo.close_codes import CloseCode
from bountyexpo.load.client.rest import is_loopback
from bountyexpo.load.client.stream_log import Frame, StreamLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CODECS = ("json", "msgpack")

# Nobody waits longer than this for a reply or an event unless they say so.
DEADLINE_S = 15.0
# The first pause before another connection; it doubles up to the second.
PAUSE_S = (0.05, 2.0)
# Part of the announced heartbeat after which a ping goes out (contract realtime §4.3).
HEARTBEAT_SHARE = 0.8
# Close codes after which a client must not come back by itself (contract realtime §4.9).
FINAL_CODES = frozenset(
    {
        CloseCode.WRONG_OPCODE,
        CloseCode.UNDECODABLE,
        CloseCode.PROTOCOL_VIOLATION,
        CloseCode.NOT_AUTHENTICATED,
        CloseCode.SUSPENDED,
        CloseCode.REPLACED,
        CloseCode.REVOKED,
        CloseCode.VERSION_UNSUPPORTED,
    }
)


class SocketFailed(Exception):
    """The socket cannot do what was asked of it."""


class Refused(SocketFailed):
    """The server answered a frame with an error; ``frame`` is that error."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.code = str(frame.get("code"))
        super().__init__(f"{self.code}: {frame.get('message')}")


class SocketClient:
    """One user's socket.

    ``log`` may be one that an earlier client filled: the new one goes on from there.
    """

    def __init__(
        self, url: str, token: str, *, codec: str = "json", log: StreamLog | None = None
    ) -> None:
        assert codec in CODECS, codec
        self.url = socket_url(url)
        self.token = token
        self.codec = codec
        self.log = log or StreamLog()
        self.welcome: Frame = {}
        self.connections = 0
        self._topics: set[str] = set()
        self._requests = 0
        self._replies: dict[str, Frame] = {}
        # Replays under way: the id of the request, "" for the hello, and the streams it is about.
        self._replays: dict[str, list[str]] = {}
        self._connection: ClientConnection | None = None
        self._failure: SocketFailed | None = None
        self._changed = trio.Event()

    @property
    def is_open(self) -> bool:
        """Tell whether a welcome was heard on the present connection."""
        return self._connection is not None

    async def run(self) -> None:
        """Stay connected until cancelled, or until the server says not to come back."""
        pause_s = PAUSE_S[0]
        while self._failure is None:
            connections = self.connections
            try:
                await self._connect()
            except ConnectionClosed as closed:
                self._fail_if_final(closed)
            except InvalidStatus as refusal:
                if refusal.response.status_code < 429:
                    self._fail(f"the server refused the socket: {refusal}")
            except (OSError, TimeoutError, InvalidHandshake, EOFError):
                pass  # not there yet, or gone in the middle of the handshake: try again
            finally:
                self._connection = None
                self._wake()
            pause_s = PAUSE_S[0] if self.connections > connections else pause_s * 2
            await trio.sleep(min(pause_s, PAUSE_S[1]))

    async def wait_open(self, *, deadline_s: float = DEADLINE_S) -> None:
        """Wait for the welcome."""
        await self.wait_until(lambda: self.is_open, "the server's welcome", deadline_s=deadline_s)

    async def request(self, kind: str, *, deadline_s: float = DEADLINE_S, **fields: Any) -> Frame:
        """Send a frame and return its reply.

        Raises:
            Refused: When the reply is an error that repeating does not cure.
            SocketFailed: When no reply came within the deadline.
        """
        self._requests += 1
        name = f"r{self._requests}"
        frame = {"type": kind, "id": name, **fields}
        with trio.move_on_after(deadline_s):
            while True:
                await self.wait_until(
                    lambda: self.is_open, "the server's welcome", deadline_s=deadline_s
                )
                reply = await self._ask(name, frame)
                if reply is None:
                    continue
                if reply.get("type") != "error":
                    return reply
                if not reply.get("retryable"):
                    raise Refused(reply)
                await trio.sleep(float(reply.get("retryAfterMs", 100)) / 1000)
        raise SocketFailed(f"no reply to {kind} within {deadline_s:g} s")

    async def send_message(
        self,
        conversation_id: str,
        client_msg_id: str,
        text: str,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> Frame:
        """Send a chat message; the reply says that it is durable, and its ``seq``."""
        ack = await self.request(
            "message.send",
            deadline_s=deadline_s,
            conversationId=conversation_id,
            clientMsgId=client_msg_id,
            text=text,
        )
        frame = {**ack, "type": "message.new", "senderId": self.welcome["userId"], "text": text}
        self.log.hear_own(f"conv:{conversation_id}", ack["seq"], frame)
        self._wake()
        return ack

    async def subscribe(self, topics: Iterable[str]) -> Frame:
        """Hear these topics, now and on every later connection."""
        topics = list(topics)
        reply = await self.request("subscribe", topics=topics)
        self._topics.update(topics)
        await self._catch_up(reply.get("heads") or {})
        return reply

    async def wait_for(
        self,
        kind: str | None,
        matches: Callable[[Frame], Any] | None = None,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> Frame:
        """Return the first event of this type (any, if None) of all ever heard that matches.

        Raises:
            SocketFailed: When none came within the deadline.
        """
        found: list[Frame] = []

        def is_heard() -> bool:
            found[:] = [
                event
                for event in self.log.events
                if kind in (None, event.get("type")) and (matches is None or matches(event))
            ][:1]
            return bool(found)

        await self.wait_until(is_heard, f"the event {kind or ''}".rstrip(), deadline_s=deadline_s)
        return found[0]

    async def wait_until(
        self, is_there: Callable[[], bool], what: str, *, deadline_s: float = DEADLINE_S
    ) -> None:
        """Wait for something that this client brings about.

        Raises:
            SocketFailed: When it was not there within the deadline.
        """
        with trio.move_on_after(deadline_s):
            while not is_there():
                if self._failure is not None:
                    raise self._failure
                await self._changed.wait()
            return
        raise SocketFailed(f"waited {deadline_s:g} s for {what}, in vain")

    async def _connect(self) -> None:
        subprotocol = Subprotocol(f"bounty.v1.{self.codec}")
        async with connect(
            self.url,
            subprotocols=[subprotocol],
            compression=None,
            proxy=None if is_loopback(self.url) else True,
            additional_headers={"Authorization": f"Bearer {self.token}"},
        ) as connection:
            if connection.subprotocol != subprotocol:
                self._fail(f"the server speaks {connection.subprotocol}, not {subprotocol}")
                return
            resumed = self.log.known()
            self._replays = {"": list(resumed)}
            hello = {"type": "hello", "v": 1, "streams": resumed, "subscribe": list(self._topics)}
            await self._send(connection, hello)
            async with trio.open_nursery() as nursery:
                with suppress(ConnectionClosed):
                    await self._read(connection, nursery)
                nursery.cancel_scope.cancel()
            await connection.wait_closed()
            raise connection.close_exc

    async def _read(self, connection: ClientConnection, nursery: trio.Nursery) -> None:
        while self._failure is None:
            frame = self._decode(await connection.recv())
            match frame.get("type"):
                case "welcome":
                    await self._arrive(connection, frame)
                    nursery.start_soon(self._keep_alive, connection)
                case "reconnect":
                    nursery.start_soon(self._leave, connection, frame.get("afterMs", 0) / 1000)
                case "ping":
                    await self._send(connection, {"type": "pong", "t": frame.get("t")})
                case "synced":
                    self._replayed(self._replays.pop(frame.get("re", ""), []), frame)
                case "gap":
                    await self._sync(frame.get("streams", []))
                case "error" if frame.get("re") in self._replays and frame.get("retryable"):
                    nursery.start_soon(self._sync_later, frame)
                case _:
                    await self._received(frame)
            self._wake()

    async def _arrive(self, connection: ClientConnection, frame: Frame) -> None:
        self.welcome = frame
        self.connections += 1
        self._connection = connection
        resumed = self._replays.get("", [])
        heads = frame.get("heads") or {}
        await self._catch_up({name: heads[name] for name in heads if name not in resumed})

    async def _received(self, frame: Frame) -> None:
        name = frame.get("re")
        if name in self._replays:
            streams = self._replays.pop(name)
            self.log.faults.append(f"{', '.join(streams)} was not replayed: {frame}")
        elif name is not None:
            self._replies[name] = frame
        elif frame.get("type") == "error":
            self.log.faults.append(f"an error without a request: {frame}")
        elif self.log.hear(frame):
            await self._sync([frame["stream"]])

    async def _catch_up(self, heads: Frame) -> None:
        await self._sync([name for name, head in heads.items() if self.log.is_behind(name, head)])

    async def _sync(self, streams: Iterable[str]) -> None:
        under_way = {stream for replay in self._replays.values() for stream in replay}
        places = {name: self.log.place(name) for name in streams if name not in under_way}
        if places and self._connection is not None:
            self._requests += 1
            name = f"s{self._requests}"
            self._replays[name] = list(places)
            with suppress(ConnectionClosed):
                frame = {"type": "sync", "id": name, "streams": places}
                await self._send(self._connection, frame)

    async def _sync_later(self, refusal: Frame) -> None:
        await trio.sleep(float(refusal.get("retryAfterMs", 100)) / 1000)
        await self._sync(self._replays.pop(refusal.get("re", ""), []))

    def _replayed(self, streams: list[str], frame: Frame) -> None:
        limited = {str(item.get("stream")) for item in frame.get("limited", [])}
        self.log.faults += [f"{stream} was not replayed whole" for stream in sorted(limited)]
        for stream in streams:
            if stream not in limited:
                self.log.replayed(stream)

    async def _leave(self, connection: ClientConnection, after_s: float) -> None:
        await trio.sleep(after_s)
        await connection.aclose()

    async def _ask(self, name: str, frame: Frame) -> Frame | None:
        """Send a frame and wait for its reply on this connection; None when it was lost."""
        connection = self._connection
        assert connection is not None
        with suppress(ConnectionClosed):
            await self._send(connection, frame)
            while self._connection is connection and name not in self._replies:
                await self._changed.wait()
        return self._replies.pop(name, None)

    async def _keep_alive(self, connection: ClientConnection) -> None:
        interval_s = float(self.welcome.get("heartbeatMs", 25_000)) / 1000 * HEARTBEAT_SHARE
        with suppress(ConnectionClosed):
            while True:
                await trio.sleep(interval_s)
                await self._send(connection, {"type": "ping"})

    async def _send(self, connection: ClientConnection, frame: Frame) -> None:
        if self.codec == "json":
            await connection.send(msgspec.json.encode(frame).decode())
        else:
            await connection.send(msgspec.msgpack.encode(frame))

    def _decode(self, data: str | bytes) -> Frame:
        try:
            if isinstance(data, str) != (self.codec == "json"):
                raise SocketFailed(f"the server sent the wrong kind of frame for {self.codec}")
            decode = msgspec.json.decode if self.codec == "json" else msgspec.msgpack.decode
            return decode(data.encode() if isinstance(data, str) else data, type=Frame)
        except (SocketFailed, msgspec.MsgspecError) as error:
            self._fail(f"the server sent what is no frame: {error}")
            return {}

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _fail(self, problem: str) -> None:
        self._failure = SocketFailed(problem)

    def _fail_if_final(self, closed: ConnectionClosed) -> None:
        if closed.rcvd is not None and closed.rcvd.code in FINAL_CODES:
            self._fail(f"the server closed the socket: {closed.rcvd.code} {closed.rcvd.reason}")


def socket_url(url: str) -> str:
    """The address of the socket of a server whose REST address is given."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/v1/socket", "", ""))
