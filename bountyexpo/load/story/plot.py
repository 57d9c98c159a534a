"""What a story is made of: its steps in their order, and what the poster offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bountyexpo.load.story.state import PRICE_CENTS, State

if TYPE_CHECKING:
    from bountyexpo.load.story.step import Step


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A story that can be told; ``about`` says in half a sentence how it goes."""

    name: str
    about: str
    steps: tuple[Step, ...]
    price_cents: int = PRICE_CENTS

    def begin(self) -> State:
        """Return the state of a story with this plot that nobody has told yet."""
        return State.new(price_cents=self.price_cents)
