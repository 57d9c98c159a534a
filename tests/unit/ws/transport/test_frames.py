"""The frame parser against RFC 6455."""

from __future__ import annotations

import pytest
from bountyexpo.ws.transport.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameError,
    FrameParser,
    close_frame,
    encode_frame,
    parse_close,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.utils import apply_mask

LIMIT = 1000
KEY = b"\x01\x02\x03\x04"


def masked(opcode, payload=b"", *, final=True, rsv=0, form=None, mask=True):
    """A client's frame; ``form`` forces 126 or 127 as the form of the length."""
    length = len(payload)
    form = form or (length if length < 126 else 126 if length < 65536 else 127)
    head = bytes([(0x80 if final else 0) | rsv << 4 | opcode, (0x80 if mask else 0) | form])
    if form == 126:
        head += length.to_bytes(2, "big")
    elif form == 127:
        head += length.to_bytes(8, "big")
    return head + (KEY + apply_mask(payload, KEY) if mask else payload)


def parse(*chunks, limit=LIMIT):
    """Feed the chunks; return what is complete, and the close code of a refusal or None."""
    parser, messages = FrameParser(limit), []
    fed = (message for chunk in chunks for message in parser.feed(chunk))
    frames = (message for message in fed if message != (CONTINUATION, b""))
    try:
        for message in frames:
            messages.append(message)  # noqa: PERF402 - a fault must not lose what came before
    except FrameError as error:
        return messages, int(error.close_code)
    return messages, None


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 999, 65535, 65536, 70000])
def test_a_message_of_any_length_form_is_read(length):
    payload = b"x" * length
    assert parse(masked(BINARY, payload), limit=70000) == ([(BINARY, payload)], None)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_what_is_encoded_is_read_by_the_library(length):
    client = ServerProtocol(state=OPEN)
    client.side = 1  # a client reads unmasked frames
    client.receive_data(encode_frame(TEXT, b"y" * length))
    (frame,) = client.events_received()
    assert frame == Frame(Opcode.TEXT, b"y" * length)


def test_a_stream_of_frames_may_come_one_byte_at_a_time():
    data = (
        masked(TEXT, "grüße".encode())
        + masked(PING, b"a")
        + masked(TEXT, b"\xe2\x82", final=False)
        + masked(PONG)
        + masked(CONTINUATION, b"\xac" + b"z" * 200)
    )
    expected = [
        (TEXT, "grüße".encode()),
        (PING, b"a"),
        (PONG, b""),
        (TEXT, "€".encode() + b"z" * 200),
    ]
    assert parse(*(data[i : i + 1] for i in range(len(data)))) == (expected, None)
    assert parse(data) == (expected, None)


def test_each_fragment_is_told_though_it_completes_nothing():
    fragments = [masked(TEXT, b"a", final=False), masked(CONTINUATION, b"b", final=False)]
    frames = list(FrameParser(LIMIT).feed(b"".join(fragments) + masked(CONTINUATION, b"c")))
    assert frames == [(CONTINUATION, b""), (CONTINUATION, b""), (TEXT, b"abc")]


def test_the_parser_is_idle_only_between_messages():
    parser = FrameParser(LIMIT)
    assert parser.is_idle

    list(parser.feed(masked(TEXT, b"a", final=False)))
    assert not parser.is_idle

    list(parser.feed(masked(CONTINUATION, b"b")))
    assert parser.is_idle

    list(parser.feed(masked(TEXT, b"abc")[:-1]))
    assert not parser.is_idle


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(TEXT, b"a", mask=False), 1002),
        (masked(TEXT, b"a", rsv=4), 1002),
        (masked(TEXT, b"a", rsv=1), 1002),
        (masked(0x3), 1002),
        (masked(0xB), 1002),
        (masked(PING, b"a" * 126), 1002),
        (masked(PING, b"a", final=False), 1002),
        (masked(CLOSE, b"", final=False), 1002),
        (masked(CONTINUATION, b"a"), 1002),
        (masked(TEXT, b"a", final=False) + masked(TEXT, b"b"), 1002),
        (masked(TEXT, b"a", form=126), 1002),
        (masked(TEXT, b"a" * 126, form=127), 1002),
        (b"\x82\xff" + b"\x80" + bytes(7), 1002),
        (masked(CLOSE, b"\x03"), 1002),
        (masked(CLOSE, (1005).to_bytes(2, "big")), 1002),
        (masked(CLOSE, (999).to_bytes(2, "big")), 1002),
        (masked(CLOSE, (5000).to_bytes(2, "big")), 1002),
        (masked(CLOSE, (1000).to_bytes(2, "big") + b"\xff"), 1007),
        (masked(TEXT, b"\xff"), 1007),
        (masked(TEXT, b"\xed\xa0\x80"), 1007),
        (masked(TEXT, b"\xe2\x82"), 1007),
        (masked(TEXT, b"\xe2\x82", final=False) + masked(CONTINUATION, b"a"), 1007),
        (masked(TEXT, b"\xff", final=False), 1007),
        (masked(BINARY, b"a" * 1001), 1009),
        (masked(BINARY, b"a" * 600, final=False) + masked(CONTINUATION, b"a" * 401), 1009),
    ],
)
def test_a_broken_rule_is_refused_with_its_code(data, code):
    before = masked(BINARY, b"before")
    assert parse(before + data) == ([(BINARY, b"before")], code)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"\x82\xff" + (10**9).to_bytes(8, "big"), 1009),
        (b"\x82\xfe" + (1001).to_bytes(2, "big"), 1009),
        (b"\x89\xfe", 1002),
        (b"\x81\x05", 1002),
    ],
)
def test_a_bad_header_is_refused_before_its_payload(header, code):
    assert parse(header) == ([], code)


def test_a_ping_does_not_count_against_the_size_of_a_message():
    data = (
        masked(BINARY, b"a" * 1000, final=False) + masked(PING, b"b" * 125) + masked(CONTINUATION)
    )
    assert parse(data) == ([(PING, b"b" * 125), (BINARY, b"a" * 1000)], None)


def test_a_close_frame_holds_code_and_a_cut_reason():
    assert close_frame(4430, "é" * 100) == encode_frame(
        CLOSE, (4430).to_bytes(2, "big") + ("é" * 61).encode()
    )
    assert close_frame(1005) == close_frame(1006) == encode_frame(CLOSE, b"")
    assert parse_close(b"") == 1005
    assert parse_close(b"\x03\xe8bye") == 1000
