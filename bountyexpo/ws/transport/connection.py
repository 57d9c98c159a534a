"""One WebSocket, from the end of its handshake to the end of its descriptor.

A connection owns no task: its poller calls it when bytes arrive, when room returns and when time
passes. How frames leave is known to its writer; what is heard, and how it all ends, is here.

    OPEN ── close() ──► CLOSING ── their close frame ──► FINISHING ──► CLOSED
      ├── their close frame, echoed ────────────────────► FINISHING      ▲
      ├── fail(): they broke a rule ──► DISCARDING ── end of stream ─────┤
      └── lost: end of stream, error ────────────────────────────────────┘

Every state but OPEN has a deadline. A failed connection reads on: closing a descriptor with unread
bytes resets it and may destroy our close frame.
"""

from __future__ import annotations

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
from bountyexpo.ws.transport.writer import Writer

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from bountyexpo.ws.transport.driver import Driver
    from bountyexpo.ws.transport.handler import ConnectionHandler
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

    Owns:      the descriptor, its writer, the parser of a half-read message.
    When full: ``send`` drops the frame and returns False; ephemeral frames already over half.
    Ends:      ``handler.on_closed`` is called once, by the poller, never from inside ``send``.
    """

    __slots__ = (
        "_close_code",
        "_deadline",
        "_driver",
        "_handler_knows",
        "_parser",
        "_unread",
        "_writer",
        "fd",
        "handler",
        "last_inbound_at",
        "next_look",
        "peer",
        "slot",
        "sock",
        "state",
        "subprotocol",
    )

    def __init__(
        self,
        sock: socket.socket,
        subprotocol: Subprotocol,
        peer: str,
        driver: Driver[Connection],
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
        self.state = _OPEN
        self._handler_knows = False
        self._close_code: int = CloseCode.ABNORMAL
        self._deadline: float | None = None
        self._parser: FrameParser | None = None
        self._writer = Writer(sock, driver)
        self._unread: Iterator[tuple[int, bytes]] | None = None

    # What a session uses.

    @property
    def is_open(self) -> bool:
        """True until a close begins, on either side."""
        return self.state is _OPEN

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the peer to read; 0 for a socket that keeps up."""
        queue = self._writer.queue
        return 0 if queue is None else queue.size

    @property
    def is_over_half(self) -> bool:
        """True while the queue is over half: the time to coalesce what may be coalesced."""
        queue = self._writer.queue
        return queue is not None and queue.is_over_half

    def send(self, frame: bytes, *, ephemeral: bool = False) -> bool:
        """Write one complete frame, or queue it; return False when it was dropped."""
        if self.state is not _OPEN:
            return False
        try:
            is_taken = self._writer.put(frame, ephemeral=ephemeral)
        except OSError:
            self._break_off()
            return False
        if is_taken:
            self._driver.frames_sent += 1
        return is_taken

    def close(self, code: int, reason: str = "") -> None:
        """Begin the close handshake; it ends by their answer or by the deadline."""
        if self.state is not _OPEN:
            return
        self._leave(_CLOSING, code)
        self._send_last(close_frame(code, reason))
        self._driver.settle_soon(self)

    # What the poller uses.

    def on_readable(self, data: bytes) -> None:
        """Take what arrived; no bytes mean that the peer has closed its side."""
        if self.state > _CLOSING:
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
        try:
            emptied = self._writer.flush()
        except OSError:
            self.lose()
            return
        if emptied is None:
            return
        if emptied.late_pong is not None and self.state <= _CLOSING:
            self._answer_ping(emptied.late_pong)
        if self.state is not _OPEN:
            self._after_last_byte()
        elif emptied.was_over_half and self.handler is not None:
            self.handler.on_drained()

    def on_tick(self, now: float, is_ping_due: bool) -> None:
        """Enforce the deadlines, ping a silent peer when it is due, and pass the time on."""
        if self.state is not _OPEN:
            if self._deadline is not None and now >= self._deadline:
                self._end()
            return
        limits = self._driver.limits
        silent_s = now - self.last_inbound_at
        if silent_s >= limits.idle_timeout_s:
            self.close(CloseCode.IDLE, "nothing heard")
            return
        queue = self._writer.queue
        if queue is not None and queue.is_stuck(now, limits):
            # Worthless to a client that must recover anyway; the close frame may arrive.
            queue.drop_unsent()
            self._driver.slow_consumers += 1
            self.fail(CloseCode.SLOW_CONSUMER, "reading too slowly")
            return
        if is_ping_due and silent_s >= limits.heartbeat_s:
            self.send(PING_FRAME, ephemeral=True)
        if self.handler is not None:
            look_at = min(self.handler.on_tick(now), self.last_inbound_at + limits.idle_timeout_s)
            is_at_rest = self._writer.queue is None and self.state is _OPEN
            self.next_look = look_at if is_at_rest else 0.0

    def fail(self, code: int, reason: str = "") -> None:
        """Close because a rule was broken: say why, then read no more."""
        self._driver.faults += 1
        if self.state is _OPEN:
            self._leave(_DISCARDING, code)
            self._send_last(close_frame(code, reason))
        elif self.state is _CLOSING:
            self.state = _DISCARDING
            self._after_last_byte()
        self._tell_handler()

    def lose(self) -> None:
        """The transport is gone: nothing more can be sent or read."""
        self._end()

    def settle(self) -> None:
        """Do what ``send`` and ``close`` may not do inside their caller."""
        if self.state is _DISCARDING and self._deadline is None:
            self._end()
        elif self.state is not _OPEN:
            self._tell_handler()

    # Steps.

    def _take(self, frames: Iterator[tuple[int, bytes]]) -> None:
        """Work off one turn of frames; the answers to them leave together."""
        writer = self._writer
        writer.cork()
        try:
            for count, (opcode, payload) in enumerate(frames, start=1):
                self._on_frame(opcode, payload)
                if self.state > _CLOSING:
                    break
                if count == FRAMES_PER_TURN:
                    self._unread = frames
                    self._driver.resume_soon(self)
                    break
            else:
                if self._parser is not None and self._parser.is_idle:
                    self._parser = None
        except FrameError as error:
            self.fail(error.close_code, error.reason)
        finally:
            try:
                writer.uncork()
            except OSError:
                self._break_off()

    def _on_frame(self, opcode: int, payload: bytes) -> None:
        driver = self._driver
        self.last_inbound_at = driver.now
        driver.frames_received += 1
        if opcode == CLOSE:
            self._on_close_frame(parse_close(payload))
        elif opcode == PING:
            self._answer_ping(encode_frame(PONG, payload))
        elif opcode in _DATA and self.state is _OPEN and self.handler is not None:
            if opcode != self.subprotocol.opcode:
                self.fail(CloseCode.WRONG_OPCODE, f"this socket speaks {self.subprotocol.encoding}")
                return
            self.handler.on_message(payload, is_text=opcode == TEXT)

    def _answer_ping(self, pong: bytes) -> None:
        """Answer as long as they have not said close, even if we have (RFC 6455 §5.5.2)."""
        try:
            if self._writer.put(pong, ephemeral=True):
                self._driver.frames_sent += 1
            else:
                self._writer.keep_pong(pong)
        except OSError:
            self._break_off()

    def _on_close_frame(self, code: int) -> None:
        if self.state is _CLOSING:
            self.state = _FINISHING
            self._after_last_byte()
            return
        self._leave(_FINISHING, code)
        self._send_last(close_frame(code))
        self._tell_handler()

    def _leave(self, state: State, code: int) -> None:
        self.state = state
        self._close_code = code
        self._deadline = self._driver.current_time() + self._driver.limits.close_timeout_s
        self.next_look = 0.0
        if state is not _CLOSING:
            self._parser = self._unread = None

    def _send_last(self, frame: bytes) -> None:
        try:
            self._writer.put_last(frame)
        except OSError:
            self._break_off()
            return
        if self._writer.queue is None:
            self._after_last_byte()

    def _after_last_byte(self) -> None:
        """Everything we had to say is with the kernel, or goes there now."""
        try:
            self._writer.uncork()
            if self._writer.queue is not None:
                return
            if self.state is _DISCARDING:
                self._writer.shut()
        except OSError:
            self._end()
            return
        if self.state is _FINISHING:
            self._end()

    def _break_off(self) -> None:
        """The transport failed under a write.

        The handler may be inside a loop over its peers: it is told later, by ``settle``.
        """
        self.state = _DISCARDING
        self._deadline = None
        self._driver.settle_soon(self)

    def _end(self) -> None:
        if self.state is _CLOSED:
            return
        self.state = _CLOSED
        self._parser = self._unread = None
        self._writer.drop()
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
            f"state={self.state.name}, queued={self.queued_bytes})"
        )
