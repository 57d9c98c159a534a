"""One WebSocket, from the end of its handshake to the end of its descriptor.

A connection owns no task: its poller calls it when bytes arrive, when room returns and when time
passes. It writes straight to the kernel; only a socket that would block gets a queue.

    OPEN ── close() ──► CLOSING ── their close frame ──► FINISHING ──► CLOSED
      ├── their close frame, echoed ────────────────────► FINISHING      ▲
      ├── fail(): they broke a rule ──► DISCARDING ── end of stream ─────┤
      └── lost: end of stream, error ────────────────────────────────────┘

Every state but OPEN has a deadline. A failed connection reads on: closing a descriptor with unread
bytes resets it and may destroy our close frame.
"""

from __future__ import annotations

import socket
from enum import IntEnum
from typing import TYPE_CHECKING

from bountyexpo.close_codes import CloseCode
from bountyexpo.observability import logs
from bountyexpo.ws.transport.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameError,
    FrameParser,
    close_frame,
    encode_frame,
    parse_close,
)
from bountyexpo.ws.transport.send_queue import SendQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.ws.transport.limits import ConnectionHandler, Driver
    from bountyexpo.ws.transport.subprotocol import Subprotocol

_log = logs.get_logger("ws.connection")

# The server's ping carries nothing; any answer proves that the path is open in both directions.
PING_FRAME = encode_frame(PING, b"")

# Frames of one connection handled before others have their turn; a read may hold thousands.
FRAMES_PER_TURN = 32


class State(IntEnum):
    """Where a connection is in its life."""

    OPEN = 0
    CLOSING = 1
    FINISHING = 2
    DISCARDING = 3
    CLOSED = 4


_DATA = frozenset({TEXT, BINARY})

# Named once more, because looking a member up in its enum costs more than the comparison.
_OPEN, _CLOSING, _FINISHING, _DISCARDING, _CLOSED = State


class Connection:
    """One socket.

    Owns:      the descriptor, the parser of a half-read message, the queue of a blocked socket.
    When full: ``send`` drops the frame and returns False; ephemeral frames already over half.
    Ends:      ``handler.on_closed`` is called once, by the poller, never from inside ``send``.
    """

    __slots__ = (
        "_close_code",
        "_corked",
        "_deadline",
        "_driver",
        "_handler_knows",
        "_parser",
        "_queue",
        "_state",
        "_unread",
        "fd",
        "handler",
        "last_inbound_at",
        "next_look",
        "peer",
        "slot",
        "sock",
        "subprotocol",
    )

    def __init__(
        self, sock: socket.socket, subprotocol: Subprotocol, peer: str, driver: Driver
    ) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.subprotocol = subprotocol
        self.peer = peer
        self.handler: ConnectionHandler | None = None
        self.last_inbound_at = driver.current_time()
        self.slot = 0  # of the poller's timer wheel
        # Until then time asks for nothing; whoever begins to wait for something sets it to 0.
        self.next_look = 0.0
        self._driver = driver
        self._state = _OPEN
        self._handler_knows = False
        # Frames that are sent while a read is worked off; they leave in one write.
        self._corked: list[bytes] | None = None
        self._close_code: int = CloseCode.ABNORMAL
        self._deadline: float | None = None
        self._parser: FrameParser | None = None
        self._queue: SendQueue | None = None
        self._unread: Iterator[tuple[int, bytes]] | None = None

    # What a session uses.

    @property
    def is_open(self) -> bool:
        """True until a close begins, on either side."""
        return self._state is _OPEN

    @property
    def state(self) -> State:
        """Where the connection is in its life."""
        return self._state

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the peer to read; 0 for a socket that keeps up."""
        return 0 if self._queue is None else self._queue.size

    @property
    def is_over_half(self) -> bool:
        """True while the queue is over half: the time to coalesce what may be coalesced."""
        return self._queue is not None and self._queue.is_over_half

    def send(self, frame: bytes, *, ephemeral: bool = False) -> bool:
        """Write one complete frame, or queue it; return False when it was dropped."""
        if self._state is not _OPEN or not self._put(frame, ephemeral=ephemeral):
            return False
        self._driver.frames_sent += 1
        return True

    def close(self, code: int, reason: str = "") -> None:
        """Begin the close handshake; it ends by their answer or by the deadline."""
        if self._state is not _OPEN:
            return
        self._leave(_CLOSING, code)
        self._send_last(close_frame(code, reason))
        self._driver.settle_soon(self)

    # What the poller uses.

    def on_readable(self, data: bytes) -> None:
        """Take what arrived; no bytes mean that the peer has closed its side."""
        if self._state > _CLOSING:
            if not data:
                self._end()
            return
        if not data:
            self.lose()
            return
        if self._parser is None:
            self._parser = FrameParser(self._driver.limits.message_bytes_max)
        self._take(self._parser.feed(data))

    @property
    def has_unread(self) -> bool:
        """True while frames wait for the next turn; until then nothing more is to be read."""
        return self._unread is not None

    def resume(self) -> None:
        """Go on with the frames that the last turn left."""
        frames, self._unread = self._unread, None
        if frames is not None:
            self._take(frames)

    def on_writable(self) -> None:
        """Write what waits; the poller calls this when the kernel has room."""
        queue = self._queue
        if queue is None:
            return
        try:
            queue.flush(self.sock, self._driver.now)
        except OSError:
            self.lose()
            return
        if queue:
            return
        self._queue = None
        self._driver.watch_writable(self, wanted=False)
        if queue.late_pong is not None and self._state <= _CLOSING:
            self._answer_ping(queue.late_pong)
        if self._state is not _OPEN:
            self._after_last_byte()
        elif queue.was_over_half and self.handler is not None:
            self.handler.on_drained()

    def on_tick(self, now: float, is_ping_due: bool) -> None:
        """Enforce the deadlines, ping a silent peer when it is due, and pass the time on."""
        if self._state is not _OPEN:
            if self._deadline is not None and now >= self._deadline:
                self._end()
            return
        limits = self._driver.limits
        silent_s = now - self.last_inbound_at
        if silent_s >= limits.idle_timeout_s:
            self.close(CloseCode.IDLE, "nothing heard")
            return
        if self._queue is not None and self._queue.is_stuck(now, limits):
            self._shed_slow_consumer()
            return
        if is_ping_due and silent_s >= limits.heartbeat_s:
            self.send(PING_FRAME, ephemeral=True)
        if self.handler is not None:
            look_at = min(self.handler.on_tick(now), self.last_inbound_at + limits.idle_timeout_s)
            self.next_look = look_at if self._queue is None and self._state is _OPEN else 0.0

    def fail(self, code: int, reason: str = "") -> None:
        """Close because a rule was broken: say why, then read no more."""
        self._driver.faults += 1
        if self._state is _OPEN:
            self._leave(_DISCARDING, code)
            self._send_last(close_frame(code, reason))
        elif self._state is _CLOSING:
            self._state = _DISCARDING
            self._after_last_byte()
        self._tell_handler()

    def lose(self) -> None:
        """The transport is gone: nothing more can be sent or read."""
        self._end()

    def settle(self) -> None:
        """Do what ``send`` and ``close`` may not do inside their caller."""
        if self._state is _DISCARDING and self._deadline is None:
            self._end()
        elif self._state is not _OPEN:
            self._tell_handler()

    # Steps.

    def _take(self, frames: Iterator[tuple[int, bytes]]) -> None:
        """Work off one turn of frames; the answers to them leave together."""
        self._corked = []
        try:
            self._take_turn(frames)
        finally:
            self._uncork()

    def _take_turn(self, frames: Iterator[tuple[int, bytes]]) -> None:
        try:
            for count, (opcode, payload) in enumerate(frames, start=1):
                self._on_frame(opcode, payload)
                if self._state > _CLOSING:
                    return
                if count == FRAMES_PER_TURN:
                    self._unread = frames
                    self._driver.resume_soon(self)
                    return
        except FrameError as error:
            self.fail(error.close_code, error.reason)
            return
        if self._parser is not None and self._parser.is_idle:
            self._parser = None

    def _put(self, frame: bytes, *, ephemeral: bool) -> bool:
        """Add a frame behind all that is on its way; False when there is no room."""
        if self._queue is not None:
            return self._queue.put(frame, ephemeral=ephemeral, now=self._driver.current_time)
        if self._corked is not None:
            self._corked.append(frame)
            return True
        return self._write(frame)

    def _uncork(self) -> None:
        corked, self._corked = self._corked, None
        if corked:
            self._write(b"".join(corked))

    def _write(self, frame: bytes) -> bool:
        try:
            sent = self.sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The handler may be inside a loop over its peers: it is told later, by ``settle``.
            self._state = _DISCARDING
            self._deadline = None
            self._driver.settle_soon(self)
            return False
        if sent < len(frame):
            limits = self._driver.limits
            self._queue = SendQueue(limits.queue_frames_max, limits.queue_bytes_max)
            self._queue.start(memoryview(frame)[sent:], self._driver.current_time())
            self._driver.watch_writable(self, wanted=True)
            self.next_look = 0.0
        return True

    def _on_frame(self, opcode: int, payload: bytes) -> None:
        driver = self._driver
        self.last_inbound_at = driver.now
        driver.frames_received += 1
        if opcode == CLOSE:
            self._on_close_frame(parse_close(payload))
        elif opcode == PING:
            self._answer_ping(encode_frame(PONG, payload))
        elif opcode in _DATA and self._state is _OPEN and self.handler is not None:
            if opcode != self.subprotocol.opcode:
                self.fail(CloseCode.WRONG_OPCODE, f"this socket speaks {self.subprotocol.encoding}")
                return
            self.handler.on_message(payload, is_text=opcode == TEXT)

    def _answer_ping(self, pong: bytes) -> None:
        """Answer as long as they have not said close, even if we have (RFC 6455 §5.5.2).

        Of pings that come faster than the answers leave, the last one is answered.
        """
        if self._put(pong, ephemeral=True):
            self._driver.frames_sent += 1
        elif self._queue is not None:
            self._queue.late_pong = pong

    def _on_close_frame(self, code: int) -> None:
        if self._state is _CLOSING:
            self._state = _FINISHING
            self._after_last_byte()
            return
        self._leave(_FINISHING, code)
        self._send_last(close_frame(code))
        self._tell_handler()

    def _leave(self, state: State, code: int) -> None:
        self._state = state
        self._close_code = code
        self._deadline = self._driver.current_time() + self._driver.limits.close_timeout_s
        self.next_look = 0.0
        if state is not _CLOSING:
            self._parser = self._unread = None

    def _send_last(self, frame: bytes) -> None:
        """Send the close frame behind whatever is queued, full or not."""
        self._uncork()
        if self._queue is not None:
            self._queue.append(frame)
            return
        state = self._state
        if self._write(frame) and self._queue is None and self._state is state:
            self._after_last_byte()

    def _after_last_byte(self) -> None:
        """Everything we had to say is with the kernel, or goes there now."""
        self._uncork()
        if self._queue is not None:
            return
        if self._state is _FINISHING:
            self._end()
        elif self._state is _DISCARDING:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._end()

    def _shed_slow_consumer(self) -> None:
        # What waits is worthless to a client that must recover anyway; the close frame may arrive.
        assert self._queue is not None
        self._queue.drop_unsent()
        self._driver.slow_consumers += 1
        self.fail(CloseCode.SLOW_CONSUMER, "reading too slowly")

    def _end(self) -> None:
        if self._state is _CLOSED:
            return
        self._state = _CLOSED
        self._parser = self._queue = self._unread = self._corked = None
        self._driver.remove(self)
        self._tell_handler()

    def _tell_handler(self) -> None:
        if self._handler_knows or self.handler is None:
            return
        self._handler_knows = True
        handler, self.handler = self.handler, None
        try:
            handler.on_closed(self._close_code)
        except Exception:  # noqa: BLE001 - logged; the connection is over in any case
            _log.exception("the handler failed while its connection closed", peer=self.peer)

    def __repr__(self) -> str:
        return (
            f"Connection(fd={self.fd}, peer={self.peer}, subprotocol={self.subprotocol.name}, "
            f"state={self._state.name}, queued={self.queued_bytes})"
        )
