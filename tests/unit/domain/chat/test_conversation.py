"""The rules of conversations, each at its edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bountyexpo.domain.chat import conversation as rules
from bountyexpo.domain.chat.envelope import Envelope, text_of
from bountyexpo.errors import BountyExpoError, InvalidRequest, NotAllowed

MESSAGE = {"sender_id": "anna", "kind": "text", "deleted_at": None}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
# An envelope that is longer than a text may be, in a spelling that is not ours.
LONG = text_of(
    Envelope(ciphertext=b"x" * 5_000, nonce=b"n" * 24, sender_public_key=b"k" * 32, version="2.0")
).replace(",", ", ")


@pytest.mark.parametrize("emoji", ["👍", "❤️", "👩‍👩‍👧", "🇩🇪", "👋🏽", "1️⃣", "#️⃣"])
def test_an_emoji_is_taken(emoji):
    assert rules.check_emoji(emoji) == emoji


@pytest.mark.parametrize("text", ["", "a", "1", "ok", "é", "日本", "👍a", "👍 👍", "\n", "👍" * 33])
def test_what_is_no_emoji_is_refused(text):
    with pytest.raises(InvalidRequest):
        rules.check_emoji(text)


@pytest.mark.parametrize(
    ("user", "message", "age_s", "code"),
    [
        ("anna", {}, 900, None),
        ("anna", {}, 901, "EDIT_WINDOW"),
        ("ben", {}, 0, "AUTHORIZATION_FAILED"),
        ("anna", {"kind": "system"}, 0, "AUTHORIZATION_FAILED"),
        ("anna", {"deleted_at": NOW}, 0, "AUTHORIZATION_FAILED"),
    ],
)
def test_who_may_edit_until_when(user, message, age_s, code):
    def check():
        age = timedelta(seconds=age_s)
        rules.check_edit(user, MESSAGE | message, age=age, window_s=900)

    if code is None:
        check()
        return
    with pytest.raises(NotAllowed) as refusal:
        check()
    assert refusal.value.error_code == code


@pytest.mark.parametrize(
    ("user", "kind", "is_moderator", "may"),
    [
        ("anna", "text", False, True),
        ("ben", "text", False, False),
        ("ben", "text", True, True),
        ("anna", "system", True, False),
    ],
)
def test_who_may_delete(user, kind, is_moderator, may):
    try:
        rules.check_delete(user, MESSAGE | {"kind": kind}, is_moderator=is_moderator)
    except NotAllowed:
        assert not may
    else:
        assert may


@pytest.mark.parametrize(
    ("markers", "status"),
    [
        ([], "sent"),
        ([(0, 0)], "sent"),
        ([(5, 0)], "delivered"),
        ([(5, 5)], "read"),
        ([(5, 5), (5, 4)], "delivered"),
        ([(5, 5), (4, 4)], "sent"),
    ],
)
def test_a_message_is_as_far_as_the_slowest_of_the_others(markers, status):
    assert rules.status_of(5, markers) == status


def test_a_block_counts_in_both_directions_and_hides_nobody_else():
    blocks = frozenset({frozenset(("anna", "ben"))})

    assert rules.audience("anna", ["anna", "ben", "cleo"], blocks) == ("anna", "cleo")
    assert rules.audience("ben", ["anna", "ben", "cleo"], blocks) == ("ben", "cleo")
    assert rules.audience("cleo", ["anna", "ben", "cleo"], blocks) == ("anna", "ben", "cleo")
    with pytest.raises(NotAllowed):
        rules.check_not_blocked("ben", ["anna", "ben"], blocks)
    rules.check_not_blocked("cleo", ["anna", "cleo"], blocks)


@pytest.mark.parametrize(
    ("members", "owner"),
    [
        ([], None),
        ([("b", "member", NOW), ("a", "member", NOW)], "a"),
        ([("a", "member", NOW), ("b", "admin", NOW + timedelta(days=1))], "b"),
    ],
)
def test_a_group_passes_to_the_first_admin_or_member(members, owner):
    assert rules.next_owner(members) == owner


@pytest.mark.parametrize(
    ("text", "fields", "code"),
    [
        ("x" * 5_000, {}, None),
        ("x" * 5_001, {}, "TEXT_TOO_LONG"),
        (LONG, {"is_encrypted": True}, None),
        # What only says that it is encrypted has no bounds of its own.
        ("x" * 5_001, {"is_encrypted": True}, "NOT_AN_ENVELOPE"),
        ("\u202e", {"is_encrypted": True}, "NOT_AN_ENVELOPE"),
        ("", {"is_encrypted": True, "has_media": True}, "NOT_AN_ENVELOPE"),
        ("x" * (32 * 1024 + 1), {"is_encrypted": True}, "TEXT_TOO_LONG"),
        (" \n", {}, "EMPTY_MESSAGE"),
        (" \n", {"has_media": True}, None),
    ],
)
def test_a_message_has_text_or_media_within_bounds(text, fields, code):
    given = {"is_encrypted": False, "has_media": False} | fields
    if code is None:
        rules.message_text(text, **given)
        return
    with pytest.raises(BountyExpoError) as refusal:
        rules.message_text(text, **given)
    assert refusal.value.error_code == code


def test_controls_vanish_from_text_but_not_from_envelopes():
    assert rules.message_text("a\x07b\tc", is_encrypted=False, has_media=False) == "ab\tc"
    assert rules.message_text(LONG, is_encrypted=True, has_media=False) == LONG
