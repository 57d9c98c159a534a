"""What the emulators answer, and at which addresses: JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from quart import Blueprint, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.errors import BountyExpoError

    View = Callable[..., Awaitable[Response]]


def add_routes(blueprint: Blueprint, *routes: tuple[str, str, View]) -> None:
    """Let views answer at their methods and paths."""
    for method, path, view in routes:
        blueprint.add_url_rule(path, view.__name__, view, methods=[method])


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return ``body`` as JSON."""
    return text_reply(msgspec.json.encode(body).decode(), status, headers)


def text_reply(body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a body that is JSON text already."""
    return Response(body, status, headers, content_type="application/json; charset=utf-8")


def retry_headers(error: BountyExpoError) -> dict[str, str]:
    """Return the headers of an error that is over after a moment."""
    is_brief = error.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
    return {"Retry-After": str(error.retry_after_s or 1)} if is_brief else {}
