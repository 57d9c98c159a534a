"""Who may do what with accounts and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.access import own, public, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.access import Grant

GRANTS: Final[Mapping[str, Grant]] = rows(
    public("auth.register", "Who has no account cannot be signed in."),
    public("auth.sign_in", "The password is the proof."),
    public("auth.refresh", "The refresh token is the proof."),
    public("auth.sign_out", "A dead token is as good as signed out."),
    own("auth.me", "It shows the caller's own profile."),
    own("user.search", "Who looks for people is known; the people are public."),
    own("e2e_key.set", "It is the caller's own key."),
    own("e2e_key.get", "Whoever writes to somebody needs their key; it is public."),
)
