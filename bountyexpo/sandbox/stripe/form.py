"""The form encoding of Stripe's API: ``a[b][c]=d`` is ``{"a": {"b": {"c": "d"}}}``."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from bountyexpo.sandbox.stripe.refusal import StripeRefusal

# No request of an SDK nests deeper, or has more parameters.
DEPTH_MAX = 8
FIELDS_MAX = 1_000


def decode_form(text: str) -> dict[str, Any]:
    """Return the nested parameters; a list comes as a mapping from its indices.

    Raises:
        StripeRefusal: it holds what no object of the API can hold.
    """
    result: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise StripeRefusal("Too many parameters") from None
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise StripeRefusal("Invalid string: it has a NUL")
        *parents, last = name.replace("]", "").split("[")
        if len(parents) > DEPTH_MAX:
            raise StripeRefusal("Parameters are nested too deeply")
        place = result
        for parent in parents:
            inner = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                inner = place[parent] = {}
            place = inner
        # ``a[]`` is the next of a list.
        place[last or str(len(place)) if parents else last] = value
    return result
