"""What people see of a text: whether it shows anything, and whether two texts look the same.

Unicode has characters that take no room and show nothing (Unicode Standard §23), and a few that are
letters or symbols by category and blank by shape. A text of nothing else is empty.
"""

from __future__ import annotations

import unicodedata
from typing import Final

# Separators, controls, formats (zero widths, directions, tags) and what is assigned to nothing.
_UNSEEN_CATEGORIES: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Cn"})

# Fillers of Hangul, vowels of Khmer that are not shown, the blank of braille, the joiner of marks.
_UNSEEN: Final = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800\u034f")

# What says how a picture looks, text or emoji, and is none itself.
_VARIATIONS: Final = {ord("\ufe0e"): None, ord("\ufe0f"): None}

# The skin tones, which stand in the place of a variation.
_TONES: Final = frozenset(chr(n) for n in range(0x1F3FB, 0x1F400))

# Below this, characters look like text unless a variation follows (Unicode TR 51 §1.4.3).
_PICTURES_FROM: Final = "\U0001f000"


def is_blank(text: str) -> bool:
    """Tell whether the text shows nothing."""
    return all(
        each in _UNSEEN
        or 0xFE00 <= ord(each) <= 0xFE0F
        or unicodedata.category(each) in _UNSEEN_CATEGORIES
        for each in text
    )


def same_picture(emoji: str) -> str:
    """Return the one spelling of emoji that look the same: each sign as a picture."""
    plain = unicodedata.normalize("NFC", emoji).translate(_VARIATIONS)
    return "".join(
        f"{each}\ufe0f" if _needs_variation(each, after) else each
        for each, after in zip(plain, f"{plain[1:]}\0", strict=True)
    )


def _needs_variation(character: str, after: str) -> bool:
    """Tell whether a sign is a picture only with a variation behind it."""
    is_sign = character < _PICTURES_FROM and unicodedata.category(character)[0] in "SP"
    is_keycap = after == "\u20e3"
    return (is_sign or is_keycap) and after not in _TONES
