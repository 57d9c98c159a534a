"""What the auth API is sent: the bodies of its calls, read and checked in one place."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from quart import request

from bountyexpo.sandbox.auth.passwords import PASSWORD_BYTES_MAX
from bountyexpo.sandbox.auth.views import AuthRefusal

PASSWORD_LENGTH_MIN = 6

EMAIL_CHARS_MAX = 255

# Deeper than anybody means it, and far from what the database gives up at.
DEPTH_MAX = 32

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+")
_PHONE = re.compile(r"[1-9][0-9]{1,14}")

# Go's way to write a duration, which is how a ban is given: 24h, 1h30m, 1.5h.
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:h|m|s|ms))+")
_DURATION_PART = re.compile(r"([\d.]+)(h|ms|m|s)")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BAN_MAX = timedelta(days=366 * 200)

_B = TypeVar("_B", bound=msgspec.Struct)


class Credentials(msgspec.Struct):
    """An address with its password, and what the user says about themselves."""

    email: str = ""
    password: str = ""
    data: dict[str, Any] | None = None


class RefreshGrant(msgspec.Struct):
    """A refresh token to trade."""

    refresh_token: str = ""


class UserChange(msgspec.Struct):
    """What a user may change of their account."""

    email: str = ""
    phone: str = ""
    password: str | None = None
    data: dict[str, Any] | None = None


class AdminUser(msgspec.Struct):
    """An account as the service creates or changes it."""

    email: str = ""
    phone: str = ""
    password: str | None = None
    email_confirm: bool = False
    phone_confirm: bool = False
    user_metadata: dict[str, Any] | None = None
    app_metadata: dict[str, Any] | None = None
    ban_duration: str = ""


class Recovery(msgspec.Struct):
    """Whose password is to be reset."""

    email: str = ""


class Proof(msgspec.Struct):
    """A code with the address it was sent to, or the hash that stands in the link."""

    type: str = ""
    token: str = ""
    token_hash: str = ""
    email: str = ""
    phone: str = ""


async def read(body: type[_B]) -> _B:
    """Return the body of the request.

    Raises:
        AuthRefusal: it is not what the call takes, or holds what no text of the database can.
    """
    try:
        found = msgspec.json.decode(await request.get_data(), type=body)
        _check(msgspec.to_builtins(found))
    except (msgspec.MsgspecError, RecursionError) as error:
        text = f"Could not parse request body as JSON: {error}"
        raise AuthRefusal(400, "bad_json", text) from error
    return found


def email_of(text: str) -> str:
    """Return an address in the form that is stored and compared."""
    cleaned = text.strip().lower()
    if len(cleaned) > EMAIL_CHARS_MAX or not _EMAIL.fullmatch(cleaned):
        text = "Unable to validate email address: invalid format"
        raise AuthRefusal(400, "validation_failed", text)
    return cleaned


def phone_of(text: str) -> str:
    """Return a phone number in the form that is stored: digits only."""
    cleaned = text.removeprefix("+").replace(" ", "")
    if not _PHONE.fullmatch(cleaned):
        text = "Invalid phone number format (E.164 required)"
        raise AuthRefusal(400, "validation_failed", text)
    return cleaned


def require_strength(password: str) -> None:
    """Refuse a password that is too short, or longer than the hash looks at."""
    if len(password.encode()) > PASSWORD_BYTES_MAX:
        text = f"Password cannot be longer than {PASSWORD_BYTES_MAX} characters"
        raise AuthRefusal(400, "validation_failed", text)
    if len(password) < PASSWORD_LENGTH_MIN:
        text = f"Password should be at least {PASSWORD_LENGTH_MIN} characters."
        more = {"weak_password": {"reasons": ["length"]}}
        raise AuthRefusal(422, "weak_password", text, more)


def ban_of(text: str) -> timedelta | None:
    """Return how long a ban lasts; None ends one."""
    if text == "none":
        return None
    if not _DURATION.fullmatch(text):
        raise AuthRefusal(400, "validation_failed", "invalid format for ban duration")
    parts = _DURATION_PART.findall(text)
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    return min(timedelta(seconds=min(seconds, _BAN_MAX.total_seconds())), _BAN_MAX)


def _check(value: Any) -> None:
    """Refuse a NUL anywhere, and what is nested without end."""
    level = [value]
    for _ in range(DEPTH_MAX):
        inside: list[Any] = []
        for each in level:
            if isinstance(each, str) and "\0" in each:
                raise AuthRefusal(400, "validation_failed", "A text must not contain NUL")
            if isinstance(each, dict):
                inside += [*each, *each.values()]
            elif isinstance(each, list):
                inside += each
        if not inside:
            return
        level = inside
    raise AuthRefusal(400, "validation_failed", f"More than {DEPTH_MAX} levels deep")
