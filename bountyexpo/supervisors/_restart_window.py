"""How often something may be restarted: at most ``intensity`` times within ``period_s``.

The same rule as OTP's ``add_restart``: a restart exactly ``period_s`` ago still counts, and the
restart that would be number ``intensity + 1`` is refused. The history is a plain tuple, so the
rule is a function of its arguments and its owner stays small.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bountyexpo.supervisors._backoff import Backoff


def add_restart(
    restarts: tuple[float, ...], now: float, *, intensity: int, period_s: float
) -> tuple[tuple[float, ...], bool]:
    """Add a restart at ``now``; return the history that still counts and whether it is allowed."""
    kept = (*(moment for moment in restarts if moment >= now - period_s), now)
    return kept, len(kept) <= intensity


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPolicy:
    """What a pool does about an actor that crashes.

    Up to ``intensity`` crashes of one cause within ``period_s`` are borne, one more is not: for
    ``quarantine_s`` the message that was the cause is refused, or the actor that cannot be loaded
    is in quarantine. Loading is tried again after a backoff.
    """

    intensity: int = 5
    period_s: float = 30.0
    quarantine_s: float = 30.0
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if self.intensity < 0 or self.period_s <= 0 or self.quarantine_s <= 0:
            raise ValueError(
                "a crash policy needs intensity >= 0, period_s > 0 and quarantine_s > 0"
            )
