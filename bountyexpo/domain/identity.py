"""Who is calling: the facts of a verified access token that the rules of access need."""

from __future__ import annotations

import msgspec


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A verified caller.

    Times are in epoch seconds. ``is_admin`` comes only from the server-set ``app_metadata``
    (contract rest-core §2.1), never from what a user can edit; ``wished_name`` is what they can
    edit, and no more than a wish. A token that names no sign-in is one of its own.
    """

    user_id: str
    expires_at: int
    issued_at: int = 0
    email: str | None = None
    role: str = "authenticated"
    is_admin: bool = False
    is_service: bool = False
    session_id: str | None = None
    wished_name: str | None = None
