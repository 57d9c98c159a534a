"""A circuit breaker: who does not answer is not asked for a while.

closed      calls pass; ``FAILURES_MAX`` failures in a row open it
open        calls are refused at once, so that nothing has happened
half-open   after its time one call passes as a trial; its outcome closes or opens it again
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bountyexpo.errors import BountyExpoError, ProviderFailed, Unavailable
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILURES_MAX: Final = 5

# How long it stays open, at first and at most; each trial that fails doubles it.
OPEN_S: Final = 2.0
OPEN_MAX_S: Final = 60.0

log = get_logger(__name__)


class Breaker:
    """Lets calls pass for as long as they are answered; an answer may be a refusal."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures = 0
        self._open_s = OPEN_S
        self._open_until = -math.inf
        self._has_trial = False

    @property
    def is_open(self) -> bool:
        """Tell whether the other side has not answered for too often."""
        return self._failures >= FAILURES_MAX

    def check(self) -> None:
        """Return when a call may pass, be it as the trial.

        Raises:
            Unavailable: it may not; nothing has happened.
        """
        left_s = self._open_until - self._now()
        if self.is_open and (left_s > 0 or self._has_trial):
            raise Unavailable(retry_after_s=max(1, math.ceil(left_s)))

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Let one call pass and learn from its end; one that is cancelled teaches nothing.

        Raises:
            Unavailable: it may not pass.
        """
        self.check()
        is_trial = self.is_open
        self._has_trial = self._has_trial or is_trial
        try:
            yield
        except ProviderFailed:
            self._failed(is_trial=is_trial)
            raise
        except BountyExpoError:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            if is_trial:
                self._has_trial = False

    def _answered(self) -> None:
        if self.is_open:
            log.warning("the card service answers again")
        self._failures, self._open_s = 0, OPEN_S
        metrics.PROVIDER_BREAKER_OPEN.set(0)

    def _failed(self, *, is_trial: bool) -> None:
        was_open = self.is_open
        self._failures += 1
        if is_trial:
            self._open_s = min(self._open_s * 2, OPEN_MAX_S)
        if self.is_open and (is_trial or not was_open):
            # Calls that were under way when it opened do not keep it open for longer.
            self._open_until = self._now() + self._open_s
            metrics.PROVIDER_BREAKER_OPEN.set(1)
            log.error("the card service does not answer", pause_s=self._open_s)
