"""Reading the parameters of a request as Stripe reads them: everything is text, and no is no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.sandbox.stripe.refusal import StripeRefusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bountyexpo.sandbox.stripe.work import Json

# Every request may ask for these.
COMMON = frozenset({"expand"})

INTEGER_DIGITS_MAX = 18
METADATA_KEYS_MAX = 50
METADATA_KEY_CHARS_MAX = 40
METADATA_VALUE_CHARS_MAX = 500


def only(params: Json, known: Iterable[str]) -> None:
    """Refuse parameters that this request does not know."""
    strange = sorted(set(params) - COMMON - set(known))
    if strange:
        text = f"Received unknown parameter: {strange[0][:100]}"
        raise StripeRefusal(text, code="parameter_unknown", param=strange[0][:100])


def integer(params: Json, name: str) -> int | None:
    """Return a whole number that is not negative, or None without one."""
    found = params.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or not found.isascii() or not found.isdecimal():
        raise _invalid(name, "integer")
    if len(found) > INTEGER_DIGITS_MAX:
        raise _invalid(name, "integer")
    return int(found)


def boolean(params: Json, name: str, *, default: bool = False) -> bool:
    """Return a yes or no."""
    found = params.get(name)
    if found is None:
        return default
    if found not in ("true", "false"):
        raise _invalid(name, "boolean")
    return bool(found == "true")


def text(params: Json, name: str) -> str | None:
    """Return a text; an empty one is none."""
    found = params.get(name)
    if found is not None and not isinstance(found, str):
        raise _invalid(name, "string")
    return found or None


def choice(params: Json, name: str, choices: Iterable[str]) -> str | None:
    """Return one of ``choices``, or None without one."""
    found = text(params, name)
    if found is not None and found not in choices:
        must = ", ".join(choices)
        raise StripeRefusal(f"Invalid {name}: must be one of {must}", param=name)
    return found


def listed(found: Any) -> list[str]:
    """Return the texts of a list, which the form has as a mapping from their indices."""
    if isinstance(found, dict):
        return [value for value in found.values() if isinstance(value, str)]
    return [found] if isinstance(found, str) and found else []


def metadata(params: Json, before: Json | None = None) -> dict[str, str]:
    """Return the metadata as changed by the request; an empty text takes a key away."""
    found = params.get("metadata")
    kept = dict(before or {})
    if found in (None, ""):
        return {} if found == "" else kept
    if not isinstance(found, dict):
        raise _invalid("metadata", "object")
    for key, value in found.items():
        if not isinstance(value, str):
            raise _invalid(f"metadata[{key}]"[:100], "string")
        if len(key) > METADATA_KEY_CHARS_MAX or len(value) > METADATA_VALUE_CHARS_MAX:
            raise StripeRefusal("Metadata keys or values are too long", param="metadata")
        kept[key] = value
    kept = {key: value for key, value in kept.items() if value}
    if len(kept) > METADATA_KEYS_MAX:
        raise StripeRefusal("Metadata can have up to 50 keys", param="metadata")
    return kept


def _invalid(name: str, kind: str) -> StripeRefusal:
    return StripeRefusal(f"Invalid {kind}: {name}", param=name, code=f"parameter_invalid_{kind}")
