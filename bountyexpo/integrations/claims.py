"""The claims of an access token whose signature is good: who it is about, and until when.

The signature says that the auth server wrote them, not that they make sense: another JSON writer
may have put ``NaN`` where a time belongs, and every comparison with that is false. So each claim is
looked at before it is used.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bountyexpo.domain.identity import Identity
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.limits import EMAIL_CHARS_MAX
from bountyexpo.errors import NotAuthenticated

# What a service key is called as a caller; it belongs to no user.
SERVICE_USER_ID: Final = "service"

# Tokens from a server whose clock is slightly ahead of ours are not "from the future".
CLOCK_SKEW_S: Final = 30

# The last moment that a date can say: the year 9999.
LATEST: Final = 253_402_300_799

# Ids of sign-ins are UUIDs; the column that keeps them holds no more.
SESSION_ID_CHARS_MAX: Final = 128

WISHED_NAME_CHARS_MAX: Final = 64


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the claims must name besides a user; without ``issuers`` anybody may have issued it."""

    audience: str
    issuers: frozenset[str] | None


def identity_of(claims: dict[str, Any], expected: Expected, *, now: float, own_id: str) -> Identity:
    """Read the caller from the claims; ``own_id`` names a sign-in that has no id of its own.

    Raises:
        NotAuthenticated: the claims are not those of a signed-in user or of the service key.
    """
    issued_at, expires_at = _times(claims, now)
    role = claims.get("role")
    if role == "service_role":
        # Service keys carry neither audience nor subject, and an issuer of their own.
        return Identity(user_id=SERVICE_USER_ID, expires_at=expires_at, role=role, is_service=True)
    subject = claims.get("sub")
    if role != "authenticated" or not is_id(subject) or not _is_for(claims, expected.audience):
        raise NotAuthenticated
    if expected.issuers is not None and _text(claims.get("iss")) not in expected.issuers:
        raise NotAuthenticated
    return Identity(
        user_id=str(subject).lower(),
        issued_at=issued_at,
        expires_at=expires_at,
        email=_text(claims.get("email")),
        role=role,
        is_admin=_is_admin(claims.get("app_metadata")),
        session_id=_text(claims.get("session_id"), SESSION_ID_CHARS_MAX) or own_id,
        wished_name=_wished_name(claims.get("user_metadata")),
    )


def _times(claims: dict[str, Any], now: float) -> tuple[int, int]:
    """Return when the token was issued, 0 where it does not say, and when it ends."""
    for name in ("nbf", "iat"):
        if _moment(claims.get(name, 0)) > now + CLOCK_SKEW_S:
            raise NotAuthenticated
    return _moment(claims.get("iat", 0)), _moment(claims.get("exp"))


def _moment(value: Any) -> int:
    """Return a time in epoch seconds; ``NaN``, infinity and ``true`` are none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= LATEST:
        raise NotAuthenticated
    return int(value)


def _is_for(claims: dict[str, Any], audience: str) -> bool:
    found = claims.get("aud")
    return audience in found if isinstance(found, list) else found == audience


def _is_admin(app_metadata: Any) -> bool:
    if not isinstance(app_metadata, dict):
        return False
    roles = app_metadata.get("roles")
    return app_metadata.get("role") == "admin" or (
        "admin" in roles if isinstance(roles, list) else roles == "admin"
    )


def _wished_name(user_metadata: Any) -> str | None:
    """Return the name that the user gave at the auth server's own sign-up."""
    if not isinstance(user_metadata, dict):
        return None
    return _text(user_metadata.get("username"), WISHED_NAME_CHARS_MAX)


def _text(value: Any, chars_max: int = EMAIL_CHARS_MAX) -> str | None:
    """Return a text that can be stored: no column takes a NUL or half of a character."""
    is_text = isinstance(value, str) and 0 < len(value) <= chars_max and value.isprintable()
    return value if is_text else None
