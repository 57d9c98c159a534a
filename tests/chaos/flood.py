"""One client that does nothing right, at a rate: ``python -m tests.chaos.flood PORT RATE SECONDS``.

Every blow is one bad frame. Where no socket of it is open, the frame comes right behind the
handshake of a new one, and whoever was closed or refused is back at once. At the end one line of
JSON says what the server answered.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING

from bountyexpo.load.client.fleet import REQUEST, Fleet, FleetFailed, LeanSocket, make_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

# The address that it comes from, so that limits of an address meet nobody else.
ADDRESS = "127.0.0.66"
LANES = 64
HELLO = make_frame(b'{"type":"hello","v":1}')
FOREIGN = "00000000-0000-4000-8000-000000000000"

BLOWS: dict[str, bytes] = {
    "garbage": make_frame(b'{"type":'),
    "wrong types": make_frame(b'{"type":7,"id":[]}'),
    "unknown type": make_frame(b'{"type":"no.such.thing","id":"h1"}'),
    "missing fields": make_frame(b'{"type":"message.send","id":"h2"}'),
    "not a member": make_frame(
        b'{"type":"message.send","id":"h3","conversationId":"%s","clientMsgId":"%s","text":"x"}'
        % (FOREIGN.encode(), FOREIGN.encode())
    ),
    "flood of pings": make_frame(b'{"type":"ping"}') * 100,
    "oversized": make_frame(b"x" * 70_000)[:2_000],
    "not UTF-8": make_frame(b"\xff\xfe\xfd"),
    "unmasked": b"\x81\x02{}",
    "reserved bits": b"\xf1" + make_frame(b"{}")[1:],
    "unknown opcode": make_frame(b"{}", 0xB),
    "long ping": make_frame(b"x" * 126, 0x9),
    "bad close": make_frame(b"\x00\x01", 0x8),
}


class Flood:
    """The client; ``answers`` counts close codes, refused upgrades and error frames."""

    def __init__(self, port: int, tokens: Iterable[str], source: str = ADDRESS) -> None:
        self.answers: Counter[str] = Counter()
        self.sent = 0
        self.fleet = Fleet(
            ("127.0.0.1", port),
            on_message=self._on_message,
            on_open=lambda _lane: None,
            on_close=self._on_close,
            sources=(source,),
        )
        host = f"127.0.0.1:{port}"
        self._requests = [
            REQUEST.format(
                path="/v1/socket", host=host, subprotocol="bounty.v1.json", token=token
            ).encode()
            for token in tokens
        ]
        self._lanes = [self._lane(number) for number in range(LANES)]
        self._turns = cycle(self._lanes)

    def strike(self, frame: bytes) -> None:
        """Send one bad frame over the next lane that is open or can be opened."""
        for lane in self._turns:
            if lane.descriptor is None:
                lane.request = self._requests[lane.number % len(self._requests)] + HELLO + frame
                self._open(lane)
                break
            if lane.is_upgraded:
                self.fleet.send(lane, frame)
                break
            self.fleet.pump(0.001)
        self.sent += 1

    def go_on(self, rate: float, seconds: float) -> None:
        """Strike at a rate for some time."""
        began = time.monotonic()
        blows = cycle(BLOWS.values())
        while (now := time.monotonic() - began) < seconds:
            while self.sent < now * rate:
                self.strike(next(blows))
            self.fleet.pump(1 / rate)

    def _open(self, lane: LeanSocket) -> None:
        try:
            self.fleet.restart(lane)
        except (FleetFailed, OSError):
            self.answers["nobody there"] += 1

    def _lane(self, number: int) -> LeanSocket:
        lane = LeanSocket(number, b"")
        self.fleet.sockets.append(lane)
        return lane

    def _on_message(self, _lane: LeanSocket, payload: bytes) -> None:
        kind = json.loads(payload)
        self.answers[kind.get("code") or kind["type"]] += 1

    def _on_close(self, lane: LeanSocket) -> None:
        self.answers[str(lane.close_code)] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--source", default=ADDRESS)
    parser.add_argument("--token", action="append", default=[], help="of a user, for some lanes")
    options = parser.parse_args()
    flood = Flood(options.port, ["", *options.token], options.source)
    flood.go_on(options.rate, options.seconds)
    flood.fleet.close()
    said = {"sent": flood.sent, "answers": flood.answers, "cpuS": time.process_time()}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
