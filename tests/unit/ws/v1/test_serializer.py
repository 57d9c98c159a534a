"""The two serializers carry the same maps and refuse the same nonsense."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from bountyexpo.errors import InvalidRequest
from bountyexpo.ws.transport.frames import BINARY, TEXT, encode_frame
from bountyexpo.ws.v1.serializer import (
    JSON,
    MSGPACK,
    SERIALIZERS,
    SUBPROTOCOLS,
    serializer_of,
)

FRAME = {"type": "message.send", "id": "r1", "n": 2**53, "nested": {"a": [1, None, True, "ü"]}}


@pytest.mark.parametrize("each", SERIALIZERS, ids=repr)
def test_a_map_survives_the_way_there_and_back(each):
    assert each.decode(each.encode(FRAME)) == FRAME


def test_a_frame_has_the_opcode_of_its_codec():
    assert JSON.frame({}) == encode_frame(TEXT, b"{}")
    assert MSGPACK.frame({}) == encode_frame(BINARY, b"\x80")


def test_a_time_stamp_is_iso_text_in_both():
    value = {"at": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)}
    assert JSON.decode(JSON.encode(value)) == MSGPACK.decode(MSGPACK.encode(value))
    assert MSGPACK.decode(MSGPACK.encode(value)) == {"at": "2025-01-02T03:04:05Z"}


def test_bytes_stay_bytes_in_msgpack():
    assert MSGPACK.decode(MSGPACK.encode({"envelope": b"\x00\xff"})) == {"envelope": b"\x00\xff"}


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[1]", b"1", b'{"a":1} x', b'{"a":NaN}', b'{"a":' * 9999, b'{"a":"\xff"}'],
)
def test_bad_json_is_an_invalid_request(payload):
    with pytest.raises(InvalidRequest):
        JSON.decode(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x91\x01",
        b"\x81\x01\x01",
        b"\x81\xa1\xff\x01",
        b"\x81\xa1a\x81\x81\x01\x02\x03",
        b"\x81\xa1a\xd4\x05\x01",
        b"\x81\xa1a" * 9999,
        msgspec.msgpack.encode({"a": 1})[:-1],
    ],
)
def test_bad_msgpack_is_an_invalid_request(payload):
    with pytest.raises(InvalidRequest):
        MSGPACK.decode(payload)


def test_a_codec_is_found_by_its_subprotocol():
    assert [each.name for each in SUBPROTOCOLS] == ["bounty.v1.json", "bounty.v1.msgpack"]
    assert [serializer_of(each) for each in SUBPROTOCOLS] == [JSON, MSGPACK]
