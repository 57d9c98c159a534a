"""Answers of the auth emulator in the shapes of the Supabase auth API, errors included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.sandbox.replies import reply

if TYPE_CHECKING:
    from quart import Response

# From this version of the API on, an error is {code, message}; before, {code, error_code, msg}.
API_VERSION_HEADER = "X-Supabase-Api-Version"
NEW_ERRORS_SINCE = "2024-01-01"


class AuthRefusal(Exception):
    """The auth API says no, and how."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def reply(self, api_version: str) -> Response:
        """Return the refusal in the form that the asked version of the API has."""
        headers = {"x-sb-error-code": self.code}
        if api_version >= NEW_ERRORS_SINCE:
            headers[API_VERSION_HEADER] = NEW_ERRORS_SINCE
            return reply({"code": self.code, "message": self.message}, self.status, headers)
        body = {"code": self.status, "error_code": self.code, "msg": self.message}
        return reply(body, self.status, headers)


def user_view(user: dict[str, Any]) -> dict[str, Any]:
    """Show an account."""
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
            "phone_verified": False,
        },
        "provider": "email",
        "email": user["email"],
        **times,
    }
    return {
        "id": user["id"],
        "aud": "authenticated",
        "role": "authenticated",
        "email": user["email"],
        "email_confirmed_at": confirmed_at,
        "confirmed_at": confirmed_at,
        "phone": "",
        "app_metadata": user["app_metadata"],
        "user_metadata": user["user_metadata"],
        "identities": [identity],
        "is_anonymous": False,
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
