"""Strict reading of a plain HTTP/1.1 request head, by ``httptools`` (the parser of Node).

Three things can come of a head: a request that is understood completely; ``Unusual``, which is
the fallback's business (RFC 9112 has many corners that no client of ours needs); or
``MalformedRequest``, which could mean one request to us and another one to a proxy in front of us,
and is refused.
"""

from __future__ import annotations

import httptools

from bountyexpo.errors import HeadTooLarge, MalformedRequest
from bountyexpo.http.messages import HttpRequest

# The old version is read to refuse what is ambiguous in it too, and is then passed on.
VERSION = b" HTTP/1.1"
OLD_VERSION = b" HTTP/1.0"

# What a connection of HTTP/2 begins with, up to its first empty line (RFC 9113 §3.4).
HTTP_2 = b"PRI * HTTP/2.0\r\n\r\n"

# Fields of one head; browsers send about 20.
HEADERS_MAX = 100

# With one of these a request is more than a head and a counted body (RFC 9110 §7.8, §10.1.1).
UNUSUAL_HEADERS = frozenset({"transfer-encoding", "expect", "upgrade"})

# Header names as they came, and as we know them; clients use the same few dozen.
NAMES_MAX = 1_000
_names: dict[bytes, str] = {}


class Unusual(Exception):
    """A request that may well be good, but is not for this parser."""


class HeadParser:
    """Reads one head after the other; a parser of one connection.

    ``body_bytes`` and ``keep_alive`` say of the head that was read last what comes behind it, and
    whether the connection goes on.
    """

    __slots__ = ("_feeding", "_fields", "_parser", "_target", "body_bytes", "keep_alive")

    def __init__(self) -> None:
        self.body_bytes = 0
        self.keep_alive = True
        self._fields: list[tuple[bytes, bytes]] = []
        self._target = b""
        # The library's parser: at rest between two heads, and the one that is being fed.
        self._parser: httptools.HttpRequestParser | None = None
        self._feeding: httptools.HttpRequestParser | None = None

    def parse(self, head: bytes) -> HttpRequest:
        """Read a head, its closing empty line included; of a repeated field the last counts.

        Raises:
            MalformedRequest, HeadTooLarge: It is to be refused.
            Unusual: The fallback may understand it.
        """
        if head == HTTP_2:
            raise Unusual
        line = head.partition(b"\r\n")[0]
        _check_line(line)
        if has_bare_line_feed(head):
            raise MalformedRequest
        self._fields = []
        parser = self._feeding = self._parser or httptools.HttpRequestParser(self)
        # After a body, or anything that went wrong, the next head needs a fresh one.
        self._parser = None
        try:
            parser.feed_data(head)
        except (httptools.HttpParserUpgrade, httptools.HttpParserInvalidMethodError):
            raise Unusual from None
        except httptools.HttpParserError:
            raise MalformedRequest from None
        if not line.endswith(VERSION):
            raise Unusual
        request = self._request(line)
        if not self.body_bytes:
            self._parser = parser
        return request

    def on_url(self, target: bytes) -> None:
        """Note the target; called by the library."""
        self._target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field; called by the library."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Note what the library forgets when the message is complete; called by it."""
        assert self._feeding is not None
        self.keep_alive = self._feeding.should_keep_alive()

    def close(self) -> None:
        """Let go of the library's parser, which holds this one."""
        self._parser = self._feeding = None

    def _request(self, line: bytes) -> HttpRequest:
        fields = self._fields
        if len(fields) > HEADERS_MAX:
            raise HeadTooLarge
        headers = {
            _names.get(name) or _name(name): value.strip().decode("latin-1")
            for name, value in fields
        }
        if "host" not in headers or (len(headers) != len(fields) and self._count(b"host") > 1):
            # RFC 9112 §3.2: exactly one, or two readers may disagree on whose request it is.
            raise MalformedRequest
        path, _, query = self._target.decode("latin-1").partition("?")
        if not path.startswith("/") or "%" in path or "#" in path or "#" in query:
            raise Unusual
        if not UNUSUAL_HEADERS.isdisjoint(headers):
            raise Unusual
        self.body_bytes = int(headers.get("content-length", "0"))
        method = line.partition(b" ")[0].decode("latin-1")
        return HttpRequest(method=method, path=path, query=query, headers=headers)

    def _count(self, wanted: bytes) -> int:
        return sum(name.lower() == wanted for name, _ in self._fields)


def has_bare_line_feed(data: bytes) -> bool:
    """Tell whether a line ends otherwise than HTTP/1.1 says (RFC 9112 §2.2)."""
    return data.count(b"\n") != data.count(b"\r\n")


def _name(name: bytes) -> str:
    """Return a header name in lower case, and remember it."""
    text = name.lower().decode("latin-1")
    if len(_names) < NAMES_MAX:
        _names[name] = text
    return text


def _check_line(line: bytes) -> None:
    """Look at the request line: what the library is lenient about must not pass."""
    if b"\n" in line or b"\r" in line or b"\x00" in line:
        raise MalformedRequest
    if not line.endswith((VERSION, OLD_VERSION)) or line.count(b" ") != 2:
        raise MalformedRequest
    if not line.partition(b" ")[0].isupper():
        # Methods are case-sensitive (RFC 9110 §9.1); the fallback would read "get" as GET.
        raise MalformedRequest
