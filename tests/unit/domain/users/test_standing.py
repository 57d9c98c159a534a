"""What a standing makes of a token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bountyexpo.domain.identity import Identity
from bountyexpo.domain.users.standing import (
    CLOCKS_DIFFER_S,
    Standing,
    Verdict,
    judge,
    tells_news,
    with_rights,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def standing(**facts) -> Standing:
    return Standing(**{"status": "active", "role": "user", **facts})


def identity(*, after_s: float = 0, **facts) -> Identity:
    issued_at = int((THEN + timedelta(seconds=after_s)).timestamp())
    return Identity(user_id="u", expires_at=0, issued_at=issued_at, **facts)


@pytest.mark.parametrize("status", ["suspended", "banned", "deleted", "anything"])
@pytest.mark.parametrize("is_revoked", [True, False])
def test_only_an_active_account_may_act(status, is_revoked):
    found = standing(status=status, is_revoked=is_revoked)

    assert judge(found, identity()) is Verdict.CLOSED


@pytest.mark.parametrize("is_known", [True, False])
def test_a_sign_in_that_was_ended_is_over(is_known):
    assert judge(standing(is_revoked=True, is_known=is_known), identity()) is Verdict.REVOKED


@pytest.mark.parametrize(
    ("after_s", "verdict"),
    [
        (-3600, Verdict.REVOKED),
        (-CLOCKS_DIFFER_S - 1, Verdict.REVOKED),
        (-CLOCKS_DIFFER_S, Verdict.UNSURE),
        (0, Verdict.UNSURE),
        (CLOCKS_DIFFER_S, Verdict.UNSURE),
        (CLOCKS_DIFFER_S + 1, Verdict.ADMITTED),
    ],
)
def test_an_unknown_sign_in_is_judged_by_its_age(after_s, verdict):
    found = standing(is_known=False, signed_out_at=THEN)

    assert judge(found, identity(after_s=after_s)) is verdict


def test_a_known_sign_in_was_ended_itself_or_not_at_all():
    found = standing(is_known=True, signed_out_at=THEN)

    assert judge(found, identity(after_s=-3600)) is Verdict.ADMITTED


@pytest.mark.parametrize(
    ("role", "is_admin"),
    [("user", False), ("moderator", False), ("admin", True), ("super_admin", True)],
)
def test_an_admin_is_one_by_token_and_by_account(role, is_admin):
    assert with_rights(standing(role=role), identity(is_admin=True)).is_admin is is_admin
    assert not with_rights(standing(role=role), identity()).is_admin


@pytest.mark.parametrize(
    ("known", "after_s", "is_news"),
    [
        ({"email": "a@b.cd", "is_email_verified": True}, 1, False),
        ({"email": "A@B.cd", "is_email_verified": True}, 1, False),
        ({"email": "a@b.cd", "is_email_verified": False}, 1, True),
        ({"email": "x@b.cd", "is_email_verified": True}, 1, True),
        ({"email": "x@b.cd", "is_email_verified": True}, 0, True),
        ({"email": "x@b.cd", "is_email_verified": True}, -1, False),
        ({}, 1, True),
    ],
)
def test_only_a_later_word_about_the_address_is_news(known, after_s, is_news):
    found = standing(email_as_of=THEN, **known)

    assert tells_news(found, identity(after_s=after_s, email="a@b.cd")) is is_news


def test_a_token_without_an_address_tells_none():
    assert not tells_news(standing(), identity())
