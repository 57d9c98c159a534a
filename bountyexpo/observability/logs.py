"""Structured logs: one JSON object per line in production, readable text at a terminal.

``request_id`` and ``actor`` are context variables (``bind``), so a line written deep inside an
operation names the request it belongs to. Secrets never reach a line: values under a telling key
and bearer tokens inside any text are replaced before rendering.
"""

from __future__ import annotations

import logging
import re
import sys
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

import structlog
from structlog.contextvars import (
    bind_contextvars,
    get_contextvars,
    merge_contextvars,
    reset_contextvars,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from contextvars import Token

REDACTED = "[redacted]"

# A key that names one of these holds something that nobody may read in a log. The short words must
# begin a word, so that "discarded" stays readable.
SECRET_KEY = re.compile(
    r"authorization|api_?key|cookie|jwt|password|secret|signature|ticket|token"
    r"|(?:^|_)(?:card|cvc|iban|otp)"
)

# The border between two words of a camelCase key.
CAMEL_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Secrets that travel inside free text: bearer tokens, bare JWTs, provider keys, key=value pairs.
SECRET_TEXT = re.compile(
    r"(?i)(?:bearer[ .]+[\w\-.~+/=]+"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|\b(?:sk|rk|whsec)_[\w]+"
    r"|(?<=token=)[^&\s\"']+"
    r"|(?<=ticket=)[^&\s\"']+"
    r"|(?<=password=)[^&\s\"']+)"
)

# The context of whoever asked for the present work, when that is another task.
_ORIGIN: ContextVar[Context | None] = ContextVar("bountyexpo_origin", default=None)

# Deeper structures are cut: a log line is not the place for them, and recursion must end.
DEPTH_MAX = 6


def configure(level: str = "INFO", *, json: bool = True) -> None:
    """Set up the process's logs; ``json`` chooses lines for machines over text for people."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            merge_contextvars,
            name_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """Return the logger of one module; it follows a later ``configure`` too."""
    return structlog.get_logger(source=name)


class bind:  # noqa: N801 - used like a function
    """Name the present work (``request_id=…``, ``actor=…``) in all lines written inside.

    It does what structlog's ``bound_contextvars`` does, without looking at every variable there
    is: each request passes through here.
    """

    __slots__ = ("_names", "_tokens")

    def __init__(self, **names: Any) -> None:
        self._names = names
        self._tokens: Mapping[str, Token[Any]] = {}

    def __enter__(self) -> None:
        self._tokens = bind_contextvars(**self._names)

    def __exit__(self, *_: object) -> None:
        reset_contextvars(**self._tokens)


def work_for(origin: Context | None) -> None:
    """Say for whom this task works from now on; costs nothing until a line is written."""
    _ORIGIN.set(origin)


def name_request(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add the ``request_id`` of whoever asked for the present work; a structlog processor."""
    origin = _ORIGIN.get()
    if origin is not None and "request_id" not in event:
        request_id = origin.run(get_contextvars).get("request_id")
        if request_id is not None:
            event["request_id"] = request_id
    return event


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace whatever looks like a secret; a structlog processor."""
    return {key: _clean(key, value, 0) for key, value in event.items()}


def _clean(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _is_secret_key(key):
        return REDACTED
    if isinstance(value, str):
        return SECRET_TEXT.sub(REDACTED, value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict | list | tuple):
        return _clean_items(key, value, depth + 1)
    return value


def _clean_items(key: str, value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        return "…"
    if isinstance(value, dict):
        return {name: _clean(str(name), item, depth) for name, item in value.items()}
    return [_clean(key, item, depth) for item in value]


def _is_secret_key(key: str) -> bool:
    folded = CAMEL_BORDER.sub("_", key).lower().replace("-", "_")
    return SECRET_KEY.search(folded) is not None
