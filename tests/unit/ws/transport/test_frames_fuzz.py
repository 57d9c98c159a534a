"""Any bytes, cut anywhere, are judged as by the parser of ``websockets``.

Where RFC 6455 is stricter or wider than the library, and where our parser speaks before a frame is
whole, ``exception`` says what is right; everything else is the library's word.
"""

from __future__ import annotations

import itertools

from bountyexpo.ws.transport.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameError,
    FrameParser,
)
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.utils import apply_mask

from tests.repetition import tried

# Enough for the longest form of a length, and small enough to be passed by a sum of fragments.
LIMIT = 66_000


def masked(opcode, payload, key, *, final=True, rsv=0, form=None, mask=True):
    """A client's frame; ``form`` forces 126 or 127 as the form of the length."""
    length = len(payload)
    form = max(form or 0, length if length < 126 else 126 if length < 65536 else 127)
    extra = length.to_bytes({126: 2, 127: 8}[form], "big") if form >= 126 else b""
    head = bytes([(0x80 if final else 0) | rsv << 4 | opcode, (0x80 if mask else 0) | form])
    return head + extra + (key + apply_mask(payload, key) if mask else payload)


KEYS = st.binary(min_size=4, max_size=4)
SIZES = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 200, 65535, 65536, LIMIT, LIMIT + 1])
TEXTS = st.text(max_size=60).map(str.encode)
PAYLOADS = st.one_of(
    st.binary(max_size=140),
    TEXTS,
    st.builds(bytes.__mul__, st.sampled_from([b"x", b"\xff"]), SIZES),
)
CLOSES = st.sampled_from(
    [b"", b"\x03", b"\x03\xe8", b"\x0f\xa0ok", b"\x03\xed", b"\x03\xe8\xff", b"\x13\x88"]
)
CONTROLS = st.one_of(
    st.builds(masked, st.sampled_from([PING, PONG]), st.binary(max_size=125), KEYS),
    st.builds(masked, st.just(CLOSE), CLOSES, KEYS),
)
# Mostly good frames that follow no order.
WILD = st.builds(
    masked,
    st.sampled_from([CONTINUATION, TEXT, TEXT, BINARY, CLOSE, PING, PONG, 0x3, 0xB]),
    st.one_of(PAYLOADS, CLOSES),
    KEYS,
    final=st.sampled_from([True, True, True, False]),
    rsv=st.sampled_from([0] * 9 + [1, 2, 4]),
    form=st.sampled_from([None] * 9 + [126, 127]),
    mask=st.sampled_from([True] * 9 + [False]),
)


@st.composite
def messages(draw):
    """A message in as many fragments as one likes, with control frames between them."""
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    payload = draw(st.one_of(TEXTS, PAYLOADS))
    cuts = draw(st.lists(st.integers(0, len(payload)), max_size=4))
    frames = []
    for part, is_last in pieces(payload, cuts):
        frames.append(masked(opcode, part, draw(KEYS), final=is_last))
        frames += draw(st.lists(CONTROLS, max_size=1))
        opcode = CONTINUATION
    return b"".join(frames)


def pieces(data, cuts):
    bounds = [0, *sorted(cuts), len(data)]
    for number, (start, end) in enumerate(itertools.pairwise(bounds), 1):
        yield data[start:end], number == len(bounds) - 1


@st.composite
def traffic(draw):
    """Bytes of a client: orderly, wild, spoiled in one place, or noise."""
    frames = st.lists(st.one_of(messages(), messages(), WILD), max_size=5).map(b"".join)
    data = draw(st.one_of(frames, frames, frames, st.binary(max_size=200)))
    if data and draw(st.booleans()):
        at, change = draw(st.integers(0, min(len(data), 400) - 1)), draw(st.integers(1, 255))
        data = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
    return data


@st.composite
def cut_traffic(draw):
    """The same, in chunks: by cuts anywhere, by steps, or byte by byte at the beginning."""
    data = draw(traffic())
    if draw(st.booleans()):
        cuts = draw(st.lists(st.integers(0, len(data)), max_size=8))
    else:
        step = draw(st.integers(1, 7))
        cuts = range(0, min(len(data), 500), step)
    return [part for part, _ in pieces(data, cuts) if part]


class Oracle:
    """The library's parser, with text decoded as its own callers do."""

    def __init__(self):
        self.protocol = ServerProtocol(state=OPEN, max_size=None)
        self.messages = []
        self.text_fault = False
        self._parts = None

    def feed(self, data):
        self.protocol.receive_data(data)
        for frame in self.protocol.events_received():
            if not self.text_fault:
                self._take(frame)

    def _take(self, frame):
        if frame.opcode >= CLOSE:
            self.messages.append((int(frame.opcode), bytes(frame.data)))
            return
        if frame.opcode is not Opcode.CONT:
            self._parts = [frame.opcode]
        self._parts.append(bytes(frame.data))
        whole = b"".join(self._parts[1:])
        if self._parts[0] is Opcode.TEXT and not is_text(whole, is_whole=frame.fin):
            self.text_fault = True
        elif frame.fin:
            self.messages.append((int(self._parts[0]), whole))
        else:
            self.messages.append((CONTINUATION, b""))

    @property
    def code(self):
        if self.text_fault:
            return 1007
        sent, received = self.protocol.close_sent, self.protocol.close_rcvd
        return None if sent is None or received is not None else int(sent.code)

    @property
    def refused_a_close(self):
        """True for a close between fragments, which RFC 6455 §5.4 allows; the library does not."""
        is_refused = self.protocol.parser_exc is not None and not self.text_fault
        return is_refused and self.protocol.close_rcvd is not None


def is_text(data, *, is_whole):
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return not is_whole and error.reason == "unexpected end of data"
    return True


def exception(data):
    """Find the first frame on which the library is not to be asked: (where, the right code)."""
    at, size, inside = 0, 0, False
    while at + 2 <= len(data):
        opcode, is_final, form = data[at] & 15, data[at] >> 7, data[at + 1] & 127
        extra = {126: 2, 127: 8}.get(form, 0)
        is_cut = len(data) < at + 2 + extra
        # Of a length that is cut the rest will be zeros.
        told = data[at + 2 : at + 2 + extra].ljust(extra, bytes(1))
        length = int.from_bytes(told, "big") if extra else form
        is_good = not data[at] & 0x70 and data[at + 1] >> 7 and is_in_order(opcode, inside)
        if opcode >= CLOSE:
            is_good = is_good and is_final and form < 126
        if is_cut:
            return (at, 1002) if not is_good and length > LIMIT else None
        if length >> 63 or (extra and length < {2: 126, 8: 65536}[extra]):
            return at, 1002  # out of range, or not the shortest form (§5.2)
        if not is_good:
            # The library waits for the payload, which may never come.
            return (at, 1002) if length > LIMIT else None
        if opcode < CLOSE and size + length > LIMIT:
            return at, 1009  # the library would count pings too
        at += 2 + extra + 4 + length
        if at > len(data) or opcode == CLOSE:
            return None
        if opcode < CLOSE:
            inside = not is_final
            size = 0 if is_final else size + length
    return None


def is_in_order(opcode, inside):
    if opcode >= CLOSE:
        return opcode in {CLOSE, PING, PONG}
    return opcode == CONTINUATION if inside else opcode in {TEXT, BINARY}


def judge(chunks):
    """Feed our parser until it refuses or sees a close."""
    parser, seen = FrameParser(LIMIT), []
    try:
        for message in (each for chunk in chunks for each in parser.feed(chunk)):
            seen.append(message)
            if message[0] == CLOSE:
                break
    except FrameError as error:
        return seen, int(error.close_code)
    return seen, None


@tried(100)
@given(cut_traffic())
@example([masked(TEXT, b"\xf5", b"abcd"), masked(CLOSE, b"", b"abcd"), masked(0, b"", b"abcd")])
@example([masked(PING, b"", b"abcd"), masked(TEXT, b"\xe2\x82\xac", b"abcd")[:-1]])
@example([b"\x00\xff\x01"])
def test_any_bytes_cut_anywhere_are_judged_as_by_the_library(chunks):
    data = b"".join(chunks)
    seen, code = judge(chunks)
    special = exception(data)
    oracle = Oracle()
    oracle.feed(data if special is None else data[: special[0]])

    if oracle.refused_a_close:
        assert (seen[:-1], seen[-1][0], code) == (oracle.messages, CLOSE, None)
        return
    assert seen == oracle.messages
    if oracle.code is None and special is not None:
        assert code == special[1]
        return
    if oracle.code is None and code is not None:
        # Refused on its header: the library says so when the frame is whole.
        oracle.feed(bytes(LIMIT + 20))
    assert code == oracle.code
