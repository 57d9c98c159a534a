"""How long to wait before the next try: twice as long each time, spread by chance."""

from __future__ import annotations

from dataclasses import dataclass

from bountyexpo.runtime.clock import RandomSource, system_random


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential backoff with jitter.

    ``jitter`` is the part of the delay that chance may take away, so that many who failed
    together do not come back together.
    """

    first_s: float = 0.1
    factor: float = 2.0
    max_s: float = 10.0
    jitter: float = 0.5
    random: RandomSource = system_random

    def __post_init__(self) -> None:
        if self.first_s < 0 or self.max_s < self.first_s or self.factor < 1:
            raise ValueError("a backoff needs 0 <= first_s <= max_s and factor >= 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter is a part between 0 and 1")

    def delay_s(self, attempt: int) -> float:
        """Return the wait before try number ``attempt``, counted from 1."""
        assert attempt >= 1, "the first try comes after the first failure"
        # The exponent is bounded so that a thousand failures do not overflow a float.
        full_s = min(self.max_s, self.first_s * self.factor ** min(attempt - 1, 64))
        return full_s * (1 - self.jitter * self.random())
