"""JSON answers of the emulators."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Response


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return ``body`` as JSON."""
    return text_reply(msgspec.json.encode(body).decode(), status, headers)


def text_reply(body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a body that is JSON text already."""
    return Response(body, status, headers, content_type="application/json; charset=utf-8")
