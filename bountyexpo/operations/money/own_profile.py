"""The caller's own profile, which shows the balance too (contract rest-core §2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.domain import amounts
from bountyexpo.domain.field_types import Moment
from bountyexpo.operations.catalogue import READ, operation
from bountyexpo.operations.require import require
from bountyexpo.operations.users.auth import summary
from bountyexpo.persistence.money import ledger
from bountyexpo.persistence.users import users

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call


class OwnProfileView(msgspec.Struct, kw_only=True):
    """The caller's own profile; ``balance`` in dollars."""

    id: str
    username: str
    email: str | None
    display_name: str | None
    avatar: str | None
    avatar_url: str | None
    about: str | None
    bio: str | None
    location: str | None
    balance: float
    email_confirmed: bool
    onboarding_completed: bool
    created_at: Moment
    updated_at: Moment
    user: dict[str, Any]


@operation("auth.me", http="GET /auth/me", rate=READ)
async def me(call: Call) -> OwnProfileView:
    """Read the caller's own profile."""
    db = call.services.db
    user = require(await users.get(db, call.user_id), "account")
    wallet = await ledger.wallet(db, user.id)
    return OwnProfileView(
        id=user.id,
        username=user.username,
        email=user.email,
        display_name=user.display_name,
        avatar=user.avatar_url,
        avatar_url=user.avatar_url,
        about=user.about,
        bio=user.about,
        location=user.location_text,
        balance=amounts.dollars(wallet.balance_cents),
        email_confirmed=user.email_verified_at is not None,
        onboarding_completed=user.onboarding_completed,
        created_at=user.created_at,
        updated_at=user.updated_at,
        user=summary(user),
    )
