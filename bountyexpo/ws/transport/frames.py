"""RFC 6455 frames, server side: a lean incremental parser, and encoders for what we send.

The parser keeps nothing while it stands between two messages, so a quiet connection may throw it
away (``is_idle``). It refuses a bad frame on its header, before the payload arrives. Frames from
us are not masked, so the same encoded bytes go to every socket of a fan-out.
"""

from __future__ import annotations

import codecs
import struct
from typing import TYPE_CHECKING

from bountyexpo.close_codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - a platform without the compiled module
    from websockets.utils import apply_mask

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

KNOWN_OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})

# RFC 6455 §5.5: a control frame carries at most this much and is never fragmented.
CONTROL_BYTES_MAX = 125

# The codes below 3000 that may stand in a close frame (RFC 6455 §7.4 and the IANA registry).
WIRE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})

FINAL = 0x80
MASKED = 0x80

_SHORT = struct.Struct("!H")
_LONG = struct.Struct("!Q")
_new_decoder = codecs.getincrementaldecoder("utf-8")


class FrameError(Exception):
    """The peer broke the framing rules; the connection must fail with ``close_code``."""

    def __init__(self, close_code: CloseCode, reason: str) -> None:
        self.close_code = close_code
        self.reason = reason
        super().__init__(f"{int(close_code)}: {reason}")


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """Return one complete, final, unmasked frame."""
    length = len(payload)
    if length < 126:
        return bytes((FINAL | opcode, length)) + payload
    if length < 65536:
        return bytes((FINAL | opcode, 126)) + _SHORT.pack(length) + payload
    return bytes((FINAL | opcode, 127)) + _LONG.pack(length) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; a code that may not be on the wire leaves it empty."""
    if not is_wire_code(code):
        return encode_frame(CLOSE, b"")
    text = reason.encode()[: CONTROL_BYTES_MAX - 2].decode("utf-8", "ignore").encode()
    return encode_frame(CLOSE, _SHORT.pack(code) + text)


def is_wire_code(code: int) -> bool:
    """Tell whether ``code`` may be sent in a close frame."""
    return code in WIRE_CODES or 3000 <= code < 5000


def parse_close(payload: bytes) -> int:
    """Return the code of a close frame, ``NO_CODE`` when it is empty.

    Raises:
        FrameError: The payload is not a valid close payload (RFC 6455 §5.5.1).
    """
    if not payload:
        return CloseCode.NO_CODE
    if len(payload) == 1:
        raise FrameError(CloseCode.PROTOCOL_ERROR, "close frame too short")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.UNDECODABLE, "close reason is not UTF-8") from None
    code: int = _SHORT.unpack_from(payload)[0]
    if not is_wire_code(code):
        raise FrameError(CloseCode.PROTOCOL_ERROR, "invalid close code")
    return code


class FrameParser:
    """Turns bytes into whole messages and control frames, however they are cut.

    Holds at most one incomplete frame and one incomplete message, each bounded by
    ``message_bytes_max``. After a ``FrameError`` it must not be fed again.
    """

    __slots__ = ("_buffer", "_decoder", "_limit", "_message", "_needed", "_opcode")

    def __init__(self, message_bytes_max: int) -> None:
        self._limit = message_bytes_max
        self._buffer: bytearray | None = None  # an incomplete frame
        self._needed = 0  # bytes without which the buffer cannot become a frame
        self._message: bytearray | None = None  # the fragments so far
        self._opcode = 0  # of the fragmented message
        self._decoder: codecs.IncrementalDecoder | None = None  # of a fragmented text

    @property
    def is_idle(self) -> bool:
        """True between messages: nothing would be lost with this parser."""
        return self._buffer is None and self._message is None

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (opcode, payload) for each text, binary, close, ping and pong that is complete.

        A fragment that ends no message is (CONTINUATION, b""): whoever counts frames counts it.

        Raises:
            FrameError: The peer broke a rule; what came before it has been yielded.
        """
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data = bytes(self._buffer)
            self._buffer = None
        start, end = 0, len(data)
        while start < end:
            header = self._header(data, start, end)
            if header is None:
                break
            opcode, is_final, body, length = header
            if end < body + length:
                self._needed = body + length - start
                break
            payload = apply_mask(data[body : body + length], data[body - 4 : body])
            start = body + length
            yield self._accept(opcode, payload, is_final=is_final)
        if start < end:
            self._buffer = bytearray(data[start:])

    def _header(self, data: bytes, start: int, end: int) -> tuple[int, bool, int, int] | None:
        """Return (opcode, is final, where the body begins, its length), None when cut short."""
        if end - start < 2:
            self._needed = 2
            return None
        first, second = data[start], data[start + 1]
        length = second & 0x7F
        self._check(first, second, length)
        body = start + 6
        if length >= 126:
            body += 2 if length == 126 else 8
            if end < body - 4:
                self._needed = body - 4 - start
                return None
            length = self._long_length(data, start + 2, length)
        self._check_size(first & 0x0F, length)
        if end < body:
            self._needed = body - start
            return None
        return first & 0x0F, first >= FINAL, body, length

    def _check(self, first: int, second: int, length: int) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "reserved bits must be 0")
        if opcode not in KNOWN_OPCODES:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "unknown opcode")
        if not second & MASKED:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "frames to a server must be masked")
        if opcode >= CLOSE:
            if length > CONTROL_BYTES_MAX:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "control frame too long")
            if first < FINAL:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "fragmented control frame")
        elif (opcode == CONTINUATION) is (self._message is None):
            raise FrameError(CloseCode.PROTOCOL_ERROR, "continuation out of order")

    @staticmethod
    def _long_length(data: bytes, at: int, form: int) -> int:
        length: int
        if form == 126:
            (length,) = _SHORT.unpack_from(data, at)
            if length < 126:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "length not in its shortest form")
            return length
        (length,) = _LONG.unpack_from(data, at)
        if length >> 63:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "length out of range")
        if length < 65536:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "length not in its shortest form")
        return length

    def _check_size(self, opcode: int, length: int) -> None:
        so_far = len(self._message) if self._message is not None and opcode < CLOSE else 0
        if so_far + length > self._limit:
            raise FrameError(CloseCode.TOO_LARGE, f"message over {self._limit} bytes")

    def _accept(self, opcode: int, payload: bytes, *, is_final: bool) -> tuple[int, bytes]:
        """Take one whole frame; return what is to be yielded for it."""
        if opcode >= CLOSE:
            if opcode == CLOSE:
                parse_close(payload)
            return opcode, payload
        if self._message is None and is_final:
            if opcode == TEXT and not payload.isascii():
                _check_text(payload)
            return opcode, payload
        return self._accept_fragment(opcode, payload, is_final=is_final)

    def _accept_fragment(self, opcode: int, payload: bytes, *, is_final: bool) -> tuple[int, bytes]:
        if self._message is None:
            self._message = bytearray()
            self._opcode = opcode
            self._decoder = _new_decoder() if opcode == TEXT else None
        if self._decoder is not None:
            try:
                self._decoder.decode(payload, final=is_final)
            except UnicodeDecodeError:
                raise FrameError(CloseCode.UNDECODABLE, "text is not UTF-8") from None
        self._message += payload
        if not is_final:
            return CONTINUATION, b""
        whole = bytes(self._message)
        self._message = self._decoder = None
        return self._opcode, whole


def _check_text(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.UNDECODABLE, "text is not UTF-8") from None
