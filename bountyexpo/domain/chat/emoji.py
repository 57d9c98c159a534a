"""What counts as an emoji: something that is seen as a picture, and nothing that is not seen.

By the general categories of Unicode and its blocks of pictures, so that the emoji of a later
Unicode than Python's are known, too. Letters, controls, blanks, private use and what reverses the
direction of a text are no pictures.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Flags of regions and families take many code points.
EMOJI_CHARS_MAX: Final = 32

# The blocks of pictures (Unicode 1F000-1FAFF), also where nothing is assigned yet.
_PICTURES: Final = range(0x1F000, 0x1FB00)

# Emoji that are punctuation, letters or mathematics by their category.
_OTHER_PICTURES: Final = frozenset(
    "\u203c\u2049\u2139\u2194\u25fb\u25fc\u25fd\u25fe\u2934\u2935\u3030"
)

# What joins pictures to one, or says how it looks: joiner, variation, keycap, tags of a flag.
_JOINS: Final = frozenset("\u200d\ufe0e\ufe0f\u20e3") | {chr(n) for n in range(0xE0020, 0xE0080)}

# Symbols that show nothing, or stand for something that could not be shown.
_NOT_SEEN: Final = frozenset("\ufffc\ufffd") | {chr(n) for n in range(0x2800, 0x2900)}

# The digits, "#" and "*" are parts of emoji when the enclosing keycap follows.
_KEYCAP: Final = re.compile("[0-9#*]\ufe0f?\u20e3")


def is_emoji(text: str) -> bool:
    """Tell whether the text is an emoji: pictures and what joins them, beginning with a picture."""
    if not 1 <= len(text) <= EMOJI_CHARS_MAX:
        return False
    if _KEYCAP.fullmatch(text):
        return True
    return _is_picture(text[0]) and all(_is_picture(each) or each in _JOINS for each in text)


def _is_picture(character: str) -> bool:
    if ord(character) in _PICTURES or character in _OTHER_PICTURES:
        return True
    return unicodedata.category(character) == "So" and character not in _NOT_SEEN
