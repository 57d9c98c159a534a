from __future__ import annotations

import sys
import unicodedata

import pytest
from bountyexpo.domain.chat.emoji import EMOJI_CHARS_MAX, is_emoji

# One of each way in which an emoji is made (Unicode Technical Standard 51).
EMOJI = [
    *(
        "\U0001f44d",
        "\u2764",
        "\u2764\ufe0f",
        "\u2764\ufe0e",
        "\u263a\ufe0f",
        "\u00a9\ufe0f",
        "\u2122",
    ),
    *(
        "\u203c\ufe0f",
        "\u2049",
        "\u2139\ufe0f",
        "\u2194",
        "\u25b6\ufe0f",
        "\u25fe",
        "\u3030",
        "\u2935",
    ),
    *("\U0001f44b\U0001f3fd", "1\ufe0f\u20e3", "*\u20e3", "\U0001f1e9\U0001f1ea"),
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "gbsct") + "\U000e007f",
    # Of a Unicode that is later than some Python that we run on.
    "\U0001fae9",
]


@pytest.mark.parametrize("emoji", EMOJI, ids=ascii)
def test_a_picture_is_an_emoji(emoji: str) -> None:
    assert is_emoji(emoji)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a", "1", "#", "ok", "\u65e5\u672c", "\u00e9", "<b>", "+", "\u00d7", "\u2260"),
        *(
            "\u200b",
            "\u200d",
            "\ufe0f",
            "\u20e3",
            "\u2800",
            "\u3164",
            "\u00ad",
            "\ufeff",
            "\ufffd",
            "\ufffc",
        ),
        *("\u202e\U0001f44d", "\U0001f44d\u202e", "\u2066", "\U0001f44d\u200b", "\U0001f44d\x00"),
        *("\U0001f44d \U0001f44d", "\U0001f44da", "\U0001f44d\n", "\x1b", "\x85", "\u2028"),
        *("\ue000", "\U000f0000", "\U00100000", "\U0001f44d\ue000", "\U000e0041"),
        "\U0001f44d" * (EMOJI_CHARS_MAX + 1),
    ],
    ids=ascii,
)
def test_what_is_no_picture_or_cannot_be_seen_is_none(text: str) -> None:
    assert not is_emoji(text)


def test_nothing_of_the_unseen_and_no_letter_is_an_emoji() -> None:
    unseen = {"Cc", "Cf", "Co", "Cs", "Zs", "Zl", "Zp", "Mn", "Mc", "Lu", "Lo", "Lt", "Lm", "Nd"}

    found = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in unseen and is_emoji(character)
    ]

    assert found == []
