"""Writing of plain HTTP/1.1 responses: one block of bytes, sent in one call."""

from __future__ import annotations

from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bountyexpo.http.messages import HttpResponse

STATUS_LINES = {int(status): f"HTTP/1.1 {int(status)} {status.phrase}\r\n" for status in HTTPStatus}

# RFC 9110 §8.6: these have no body, and no length either.
BODILESS = frozenset({204, 304})


class ResponseWriter:
    """Encodes responses; keeps the text of the present second."""

    __slots__ = ("_date", "_now", "_second")

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._second = -1
        self._date = ""

    def encode(self, response: HttpResponse, *, keep_alive: bool, with_body: bool) -> bytes:
        """Return the whole response; ``with_body`` is False for the answer to HEAD.

        Raises:
            ValueError: A header would split the response.
        """
        headers = response.headers
        text = "\r\n".join([f"{name}: {value}" for name, value in headers.items()])
        if text.count("\n") != max(0, len(headers) - 1) or text.count("\r") != text.count("\n"):
            raise ValueError("a header of the response contains a line break")
        lines = [STATUS_LINES[response.status], text, "\r\n" if text else "", self._dated()]
        if response.status not in BODILESS:
            lines.append(f"content-length: {len(response.body)}\r\n")
        if not keep_alive:
            lines.append("connection: close\r\n")
        lines.append("\r\n")
        head = "".join(lines).encode("latin-1")
        return head + response.body if with_body and response.status not in BODILESS else head

    def _dated(self) -> str:
        second = int(trio.current_time())
        if second != self._second:
            self._second = second
            self._date = f"date: {format_datetime(self._now(), usegmt=True)}\r\n"
        return self._date
