"""What people see of a text, and which emoji look the same."""

from __future__ import annotations

import pytest
from bountyexpo.domain import limits
from bountyexpo.domain.chat.conversation import check_emoji, message_text
from bountyexpo.domain.chat.emoji import is_emoji
from bountyexpo.domain.visible import is_blank, same_picture
from bountyexpo.errors import InvalidRequest

BLANK = [
    "",
    "   ",
    "\u200b",
    "\u2800",
    "\u3164",
    "\u200d\u200e\ufe0f",
    "\u2066\u2069",
    "\u115f \u1160",
]


@pytest.mark.parametrize("text", BLANK)
def test_what_shows_nothing_is_blank_in_every_text(text: str) -> None:
    assert is_blank(text)
    with pytest.raises(InvalidRequest, match="needs text or media"):
        message_text(text, is_encrypted=False, has_media=False)
    assert message_text(text, is_encrypted=False, has_media=True) is None
    with pytest.raises(InvalidRequest, match="at least 1"):
        limits.text(text, "message", 1, 100)


@pytest.mark.parametrize("text", ["a", " .\u200b", "\u05d0", "\u2801", "👍", "\u0301a", "ㅤ한"])
def test_what_shows_something_is_not(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize(
    ("one", "other", "spelling"),
    [
        ("❤", "❤\ufe0f", "❤\ufe0f"),
        ("❤\ufe0e", "❤\ufe0f", "❤\ufe0f"),
        ("1\u20e3", "1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("❤\u200d🔥", "❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"),
        ("☝🏽", "☝\ufe0f🏽", "☝🏽"),
        ("👍", "👍\ufe0f", "👍"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧\ufe0f", "👨\u200d👩\u200d👧"),
    ],
)
def test_emoji_that_look_the_same_are_one_reaction(one: str, other: str, spelling: str) -> None:
    assert same_picture(one) == same_picture(other) == spelling
    assert check_emoji(one) == check_emoji(other) == spelling
    assert same_picture(spelling) == spelling
    assert is_emoji(spelling)


def test_different_pictures_stay_different() -> None:
    assert len({same_picture(each) for each in ("👍", "👍🏽", "❤", "💛", "☝", "☝🏽")}) == 6
