"""How the emulator says no, in Stripe's own words."""

from __future__ import annotations

from typing import Any


class StripeRefusal(Exception):
    """The API refuses a request; nothing has changed."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        details = {"type": kind, "message": message, "code": code, "param": param, **more}
        self.body = {"error": {name: value for name, value in details.items() if value is not None}}


def missing(object_id: str, kind: str, param: str | None = None) -> StripeRefusal:
    """Refuse an object that is not there; named by a parameter, it is the parameter's fault."""
    text = f"No such {kind}: '{object_id[:100]}'"
    status = 404 if param is None else 400
    return StripeRefusal(text, code="resource_missing", param=param or "id", status=status)


def unknown_url(method: str, path: str) -> StripeRefusal:
    """Refuse an address where nothing is."""
    text = (
        f"Unrecognized request URL ({method}: {path[:200]}). Please see https://stripe.com/docs or "
        "we can help at https://support.stripe.com/."
    )
    return StripeRefusal(text, status=404)
