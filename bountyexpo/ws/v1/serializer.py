"""The two encodings of the socket protocol: JSON in text frames, MessagePack in binary frames.

Both carry the same maps with text keys. A fan-out calls ``frame`` once per serializer and writes
the same bytes to every socket. Time stamps travel as ISO text in both; msgspec bounds the depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.errors import InvalidRequest
from bountyexpo.ws.transport.frames import BINARY, TEXT, encode_frame
from bountyexpo.ws.transport.subprotocol import Subprotocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Serializer:
    """One encoding: how a frame of the protocol becomes the payload of a WebSocket message."""

    # Whether its clients speak the words that were before the protocol.
    is_old = False

    __slots__ = ("_decode", "encode", "is_text", "name", "opcode", "subprotocol")

    def __init__(
        self,
        name: str,
        *,
        is_text: bool,
        encode: Callable[[Any], bytes],
        decode: Callable[[bytes], dict[str, Any]],
    ) -> None:
        self.name = name
        self.is_text = is_text
        self.opcode = TEXT if is_text else BINARY
        self.subprotocol = Subprotocol(f"bounty.v1.{name}", self.opcode)
        self.encode = encode
        self._decode = decode

    def decode(self, payload: bytes) -> dict[str, Any]:
        """Return the map that ``payload`` holds.

        Raises:
            InvalidRequest: It is not well formed, nested too deeply, or not a map.
        """
        try:
            return self._decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise InvalidRequest(f"The frame is not a valid {self.name} map.") from None

    def frame(self, value: Any) -> bytes:
        """Return a complete WebSocket frame with ``value`` in it."""
        return encode_frame(self.opcode, self.encode(value))

    def __repr__(self) -> str:
        return f"Serializer({self.name})"


_to_msgpack = msgspec.msgpack.Encoder().encode


def _encode_msgpack(value: Any) -> bytes:
    # Plain values first: msgspec would write a time stamp as an extension type, not as ISO text.
    return _to_msgpack(msgspec.to_builtins(value, builtin_types=(bytes,), str_keys=True))


def _refuse_extension(code: int, _data: memoryview) -> Any:
    raise InvalidRequest(f"MessagePack extension type {code} is not used here.")


JSON = Serializer(
    "json",
    is_text=True,
    encode=msgspec.json.Encoder().encode,
    decode=msgspec.json.Decoder(dict[str, Any]).decode,
)
MSGPACK = Serializer(
    "msgpack",
    is_text=False,
    encode=_encode_msgpack,
    decode=msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_refuse_extension).decode,
)

# In the order in which the service prefers them.
SERIALIZERS = (JSON, MSGPACK)

# What the handshake is given to choose from.
SUBPROTOCOLS = tuple(serializer.subprotocol for serializer in SERIALIZERS)

_BY_SUBPROTOCOL = {serializer.subprotocol: serializer for serializer in SERIALIZERS}


def serializer_of(subprotocol: Subprotocol) -> Serializer:
    """Return the serializer of a subprotocol that was chosen from ``SUBPROTOCOLS``."""
    return _BY_SUBPROTOCOL[subprotocol]
