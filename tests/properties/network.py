"""A payment provider behind a bad network, for random lives: honest, but late, double, unordered.

What the provider did is in its own tally, so that the books can be compared with it in the end.
Each of its words is kept: an answer and a webhook are the same word, and any word may be lost on
its first way, come after later ones, and come again.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Dice:
    """Choices out of a string of bytes, which hypothesis can make shorter and simpler."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_out(self) -> bool:
        return self._at >= len(self._data)

    def below(self, count: int) -> int:
        found = self._data[self._at : self._at + 2]
        self._at += 2
        return int.from_bytes(found, "big") % count

    def pick(self, among: Any) -> Any:
        return among[self.below(len(among))]


class Word(NamedTuple):
    """Something the provider said to one of ours: an event about one of its objects."""

    to: Any
    event: Any
    about: str


class Network:
    """The provider's objects and tally, and its words on their way."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.mail: list[Word] = []
        self.heard: list[Word] = []
        # What the provider holds for us, and the cents of each intent that was paid.
        self.cents = 0
        self.paid: dict[str, int] = {}
        # What became of each call, by its idempotency key: a repetition has the same fate.
        self.fates: dict[str, Any] = {}

    def say(self, to: Any, event: Any, about: str) -> None:
        self.mail.append(Word(to, event, about))

    def fate(self, key: str, *fates: Any) -> tuple[Any, bool]:
        """Return what becomes of a call, and whether it is the first with this key."""
        is_new = key not in self.fates
        if is_new:
            self.fates[key] = self.dice.pick(fates)
        return self.fates[key], is_new

    def take(self, intent: str, cents: int) -> None:
        """The payer's money arrives, once for an intent."""
        assert intent not in self.paid
        self.paid[intent] = cents
        self.cents += cents

    def deliver(self, place: int) -> None:
        """Bring one word, out of any order; what is postponed comes again."""
        word = self.mail.pop(place % len(self.mail))
        is_known = word in self.heard
        if word.to.hear(word, is_known=is_known):
            self.heard.append(word)
        else:
            self.mail.append(word)

    def deliver_again(self, place: int) -> None:
        """Bring a word that was brought before."""
        word = self.heard[place % len(self.heard)]
        word.to.hear(word, is_known=True)
