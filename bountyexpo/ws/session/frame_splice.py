"""Small changes to frames that are encoded already, without decoding them.

A broadcast is encoded once for all its listeners. What differs from one session to the next, its
own number ``n`` or the mark of a replay, is set in front of the first field; and frames that go to
one client together are wrapped into one ``batch``. Both work on the bytes of either serializer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.ws.transport.frames import encode_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.ws.v1.serializer import Serializer

# What one batch may hold (contract realtime §4.6); a larger frame travels alone.
BATCH_FRAMES_MAX: Final = 64
BATCH_BYTES_MAX: Final = 64 * 1024

# Room for the wrapping of a batch and for the fields that are set in front of each frame.
FRAME_MARGIN: Final = 48

# The longest map that MessagePack writes with a length of four bits; the next length has 16.
_FIXMAP_MAX: Final = 15
_FIXMAP: Final = 0x80
_MAP16: Final = 0xDE


def payload_of(frame: bytes) -> bytes:
    """Return what a complete, unmasked WebSocket frame holds."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def with_fields(serializer: Serializer, frame: bytes, **fields: Any) -> bytes:
    """Return ``frame`` with ``fields`` in front of its own."""
    return encode_frame(serializer.opcode, _prefixed(serializer, payload_of(frame), fields))


def batch(serializer: Serializer, frames: Sequence[bytes]) -> bytes:
    """Return one frame that holds ``frames``."""
    payloads = [payload_of(frame) for frame in frames]
    if serializer.is_text:
        whole = b'{"type":"batch","frames":[' + b",".join(payloads) + b"]}"
    else:
        head = b"\x82\xa4type\xa5batch\xa6frames\xdc" + len(payloads).to_bytes(2, "big")
        whole = head + b"".join(payloads)
    return encode_frame(serializer.opcode, whole)


def chunks(frames: Sequence[bytes]) -> list[list[bytes]]:
    """Cut ``frames`` into runs that fit into a batch each."""
    runs: list[list[bytes]] = []
    left = 0
    for frame in frames:
        size = len(frame) + FRAME_MARGIN
        if not runs or size > left or len(runs[-1]) == BATCH_FRAMES_MAX:
            runs.append([])
            left = BATCH_BYTES_MAX - FRAME_MARGIN
        runs[-1].append(frame)
        left -= size
    return runs


def _prefixed(serializer: Serializer, payload: bytes, fields: dict[str, Any]) -> bytes:
    if serializer.is_text:
        # Every frame has a type, so there is always a field to follow the comma.
        return msgspec.json.encode(fields)[:-1] + b"," + payload[1:]
    if _FIXMAP <= payload[0] <= _FIXMAP + _FIXMAP_MAX:
        count, body = payload[0] - _FIXMAP, payload[1:]
    else:
        assert payload[0] == _MAP16
        count, body = int.from_bytes(payload[1:3], "big"), payload[3:]
    count += len(fields)
    head = bytes((_FIXMAP + count,)) if count <= _FIXMAP_MAX else _map16(count)
    return head + msgspec.msgpack.encode(fields)[1:] + body


def _map16(count: int) -> bytes:
    return bytes((_MAP16,)) + count.to_bytes(2, "big")
