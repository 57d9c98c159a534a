"""The standing of a user: whether what their token says still counts.

A token is true for an hour; an account may be banned, a role withdrawn and a session signed out
within that hour. So each call is judged by the token *and* by the standing, which is read from the
database and may be kept only as long as a change of it is heard of.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from bountyexpo.domain.identity import Identity

ACTIVE: Final = "active"
DELETED: Final = "deleted"

# The roles in which an administrator's token counts (contract operations §1.1).
ADMIN_ROLES: Final = frozenset({"admin", "super_admin"})

# By how much the clocks of the auth server and of the database may differ.
CLOCKS_DIFFER_S: Final = 30.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One user, as one sign-in of theirs finds them.

    ``is_known`` tells that the sign-in was shown to us before; ``signed_out_at`` is when all that
    were known then, but for one at most, were ended.
    """

    status: str
    role: str
    email: str | None = None
    is_email_verified: bool = False
    email_as_of: datetime | None = None
    signed_out_at: datetime | None = None
    is_known: bool = True
    is_revoked: bool = False


class Verdict(Enum):
    """What a standing makes of a token."""

    ADMITTED = auto()
    # The account may not be used.
    CLOSED = auto()
    # The sign-in is over.
    REVOKED = auto()
    # Only the auth server knows whether the sign-in is older than the end of all sign-ins.
    UNSURE = auto()


def judge(standing: Standing, identity: Identity) -> Verdict:
    """Return whether a caller with a genuine token may act."""
    if standing.status != ACTIVE:
        return Verdict.CLOSED
    if standing.is_revoked:
        return Verdict.REVOKED
    if standing.is_known or standing.signed_out_at is None:
        return Verdict.ADMITTED
    younger_by_s = identity.issued_at - standing.signed_out_at.timestamp()
    if younger_by_s < -CLOCKS_DIFFER_S:
        return Verdict.REVOKED
    return Verdict.ADMITTED if younger_by_s > CLOCKS_DIFFER_S else Verdict.UNSURE


def with_rights(standing: Standing, identity: Identity) -> Identity:
    """Return the caller with the rights that token and account agree on."""
    if identity.is_admin and standing.role not in ADMIN_ROLES:
        return msgspec.structs.replace(identity, is_admin=False)
    return identity


def tells_news(standing: Standing, identity: Identity) -> bool:
    """Tell whether the token knows more of the user's address than we do."""
    if identity.email is None:
        return False
    known_as_of = standing.email_as_of
    # Tokens are issued in whole seconds.
    if known_as_of is not None and identity.issued_at < int(known_as_of.timestamp()):
        return False
    known = (standing.email or "").lower()
    return identity.email.lower() != known or not standing.is_email_verified
