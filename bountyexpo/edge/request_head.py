"""The head of an HTTP request: just enough of it to choose a protocol handler."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# A head may be this large, and take this long to arrive.
HEAD_BYTES_MAX = 16 * 1024
HEAD_S = 10.0

# Where a head ends.
HEAD_END = b"\r\n\r\n"

# What an absolute target begins with (RFC 9112 §3.2.2, RFC 6455 §4.2.1).
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


@dataclass(slots=True)
class RequestHead:
    """Request line and headers, leniently read; the chosen handler judges them strictly.

    Of an absolute target only path and query are kept.
    """

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def is_upgrade(self) -> bool:
        """True when a WebSocket is asked for, well-formed or not."""
        return "websocket" in self.headers.get("upgrade", "").lower()


def parse_head(data: bytes) -> RequestHead:
    """Read a head; what makes no sense leaves empty fields.

    Of a header that comes twice the values are joined with a comma (RFC 9110 §5.3).
    """
    lines = data.partition(HEAD_END)[0].decode("latin-1").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    target = rest.partition(" ")[0]
    if origin := _ORIGIN.match(target):
        target = target[origin.end() :]
    head = RequestHead(method, target)
    for line in lines[1:]:
        name, _, value = line.partition(":")
        key, text = name.strip().lower(), value.strip()
        head.headers[key] = f"{head.headers[key]}, {text}" if key in head.headers else text
    return head
