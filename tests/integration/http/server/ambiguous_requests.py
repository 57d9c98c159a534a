"""Requests that two readers could take for different ones, for every reader to refuse."""

from __future__ import annotations

SAY = "GET /say/x HTTP/1.1\r\n"
ECHO = "POST /echo HTTP/1.1\r\nHost: x\r\n"
OLD = "POST /echo HTTP/1.0\r\n"
SMUGGLED = "GET /say/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

# What one reader could take for something else than another one (RFC 9112 §2.2, §3.2, §5, §6.3).
AMBIGUOUS = {
    "length and coding": f"{ECHO}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": f"{ECHO}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "both in the old version": f"{OLD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
    "two lengths": f"{ECHO}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "one length twice": f"{ECHO}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": f"{ECHO}Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": f"{ECHO}Content-Length: +3\r\n\r\nabc",
    "a negative length": f"{ECHO}Content-Length: -3\r\n\r\nabc",
    "a hexadecimal length": f"{ECHO}Content-Length: 0x3\r\n\r\nabc",
    "a length with a line": f"{ECHO}Content-Length: 1_0\r\n\r\nabc",
    "an empty length": f"{ECHO}Content-Length:\r\n\r\nabc",
    "an endless length": f"{ECHO}Content-Length: {'9' * 30}\r\n\r\nabc",
    "an unknown coding": f"{ECHO}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding after chunked": f"{ECHO}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": f"{ECHO}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "a coding behind a tab": f"{ECHO}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded line": f"{SAY}Host: x\r\nA: b\r\n c\r\n\r\n",
    "a fold at once": f"{SAY} A: b\r\nHost: x\r\n\r\n",
    "a bare line feed": f"{SAY}Host: x\nA: b\r\n\r\n",
    "a bare line feed in the first line": "GET /say/x HTTP/1.1\nHost: x\r\nA: b\r\n\r\n",
    "an early end": f"{SAY}Host: x\n\n{SMUGGLED}",
    "a bare carriage return": f"{SAY}Host: x\rA: b\r\n\r\n",
    "a carriage return in a value": f"{SAY}Host: x\r\nA: b\rc\r\n\r\n",
    "a space before the colon": f"{SAY}Host : x\r\n\r\n",
    "a space before a length": f"{ECHO}Content-Length : 3\r\n\r\nabc",
    "a line without a colon": f"{SAY}Host: x\r\nnothing\r\n\r\n",
    "a header without a name": f"{SAY}Host: x\r\n: b\r\n\r\n",
    "a NUL in a value": f"{SAY}Host: x\r\nA: b\x00c\r\n\r\n",
    "a NUL in a name": f"{SAY}Host: x\r\nA\x00: b\r\n\r\n",
    "a NUL in the target": "GET /say/x\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control character": f"{SAY}Host: x\r\nA: b\x01c\r\n\r\n",
    "two spaces": "GET  /say/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab for a space": "GET\t/say/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in small letters": "get /say/x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a line feed behind a rare method": "BREW /x HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "a version between": "GET /say/x HTTP/1.2\r\nHost: x\r\n\r\n",
    "no version": "GET /say/x\r\nHost: x\r\n\r\n",
    "an empty line before": f"\r\n{SAY}Host: x\r\n\r\n",
    "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "no host": f"{SAY}A: b\r\n\r\n",
    "two hosts": f"{SAY}Host: x\r\nHost: y\r\n\r\n",
}
