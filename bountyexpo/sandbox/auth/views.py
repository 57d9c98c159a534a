"""Answers of the auth emulator in the shapes of the Supabase auth API, errors included."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from quart import request

from bountyexpo.sandbox.replies import reply, retry_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quart import Response

    from bountyexpo.errors import BountyExpoError

# From this version of the API on, an error is {code, message}; before, {code, error_code, msg}.
API_VERSION_HEADER = "X-Supabase-Api-Version"
NEW_ERRORS_SINCE = "2024-01-01"


# What the API calls the errors that any request may meet; the rest are unexpected.
CODES = {
    400: "validation_failed",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_entity_too_large",
    429: "over_request_rate_limit",
}


class AuthRefusal(Exception):
    """The auth API says no, and how."""

    def __init__(
        self, status: int, code: str, message: str, more: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        super().__init__(message)
        self.more = dict(more)
        self.status = status
        self.code = code
        self.message = message


def refused(refusal: AuthRefusal, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """Show a refusal in the form that the asked version of the API has."""
    headers = {"x-sb-error-code": refusal.code, **headers}
    if request.headers.get(API_VERSION_HEADER, "") >= NEW_ERRORS_SINCE:
        headers[API_VERSION_HEADER] = NEW_ERRORS_SINCE
        body = {"code": refusal.code, "message": refusal.message, **refusal.more}
    else:
        names = {"code": refusal.status, "error_code": refusal.code, "msg": refusal.message}
        body = names | refusal.more
    return reply(body, refusal.status, headers)


def failed(error: BountyExpoError) -> Response:
    """Show an error that is none of the API's own rules in the API's shape."""
    code = CODES.get(error.status, "unexpected_failure")
    return refused(AuthRefusal(error.status, code, error.message), retry_headers(error))


def user_view(user: dict[str, Any]) -> dict[str, Any]:
    """Show an account; what has not happened is left out."""
    times = {name: user[name] for name in ("created_at", "updated_at", "last_sign_in_at")}
    confirmed_at = user["email_confirmed_at"]
    identity = {
        "identity_id": user["id"],
        "id": user["id"],
        "user_id": user["id"],
        "identity_data": {
            "sub": user["id"],
            "email": user["email"],
            "email_verified": confirmed_at is not None,
            "phone_verified": user["phone_confirmed_at"] is not None,
        },
        "provider": "email",
        "email": user["email"],
        **times,
    }
    maybe = ("phone_confirmed_at", "new_email", "new_phone", "banned_until")
    return {
        "id": user["id"],
        "aud": "authenticated",
        "role": "authenticated",
        "email": user["email"],
        "email_confirmed_at": confirmed_at,
        "confirmed_at": confirmed_at,
        "phone": user["phone"] or "",
        "app_metadata": user["app_metadata"],
        "user_metadata": user["user_metadata"],
        "identities": [identity],
        "is_anonymous": False,
        **{name: user[name] for name in maybe if user[name] is not None},
        **times,
    }


def session_view(
    user: dict[str, Any], access_token: str, expires_at: int, lifetime_s: int, refresh_token: str
) -> dict[str, Any]:
    """Show a session that was just opened or refreshed."""
    return {
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": lifetime_s,
        "expires_at": expires_at,
        "refresh_token": refresh_token,
        "user": user_view(user),
    }
