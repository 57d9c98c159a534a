"""Who is calling: the facts of a verified access token that the rules of access need."""

from __future__ import annotations

import msgspec


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A verified caller.

    ``expires_at`` is in epoch seconds. ``is_admin`` comes only from the server-set
    ``app_metadata`` (contract rest-core §2.1), never from what a user can edit.
    """

    user_id: str
    expires_at: int
    email: str | None = None
    role: str = "authenticated"
    is_admin: bool = False
    is_service: bool = False
    session_id: str | None = None
