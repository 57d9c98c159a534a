"""The form encoding of Stripe's API: ``a[b][c]=d`` is ``{"a": {"b": {"c": "d"}}}``."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl


def decode_form(text: str) -> dict[str, Any]:
    """Return the nested parameters; a list comes as a mapping from its indices."""
    result: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *parents, last = name.replace("]", "").split("[")
        place = result
        for parent in parents:
            inner = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                inner = place[parent] = {}
            place = inner
        place[last] = value
    return result
