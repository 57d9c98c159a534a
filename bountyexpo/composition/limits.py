"""What the settings make of limits and of the policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from bountyexpo.domain.policy import Policy
from bountyexpo.operations.rate_limits import RateLimiter
from bountyexpo.ws.session.limits import SessionLimits

if TYPE_CHECKING:
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.settings import Settings

# With rates lifted, for load tests, nobody reaches the limits that are counted in the database.
UNLIMITED = 1_000_000


def session_limits(settings: Settings) -> SessionLimits:
    """Return what one socket may do; its frames are widened like every other rate."""
    usual, factor = SessionLimits(), settings.rate_limit_multiplier
    return replace(
        usual,
        enabled=settings.rate_limits,
        frames_per_s=usual.frames_per_s * factor,
        frames_burst=max(1, round(usual.frames_burst * factor)),
    )


def rate_limiter(settings: Settings, clock: Clock) -> RateLimiter:
    """Return what counts the calls of everybody."""
    return RateLimiter(
        clock.monotonic,
        enabled=settings.rate_limits,
        multiplier=settings.rate_limit_multiplier,
        allowed=settings.rate_limit_allow,
    )


def policy(settings: Settings) -> Policy:
    """Return the money policy; how often one may post is widened like every other rate."""
    usual = Policy(platform_fee_bps=settings.platform_fee_bps)
    widening = settings.rate_limit_multiplier if settings.rate_limits else UNLIMITED
    return msgspec.structs.replace(
        usual, bounties_per_day_max=max(1, round(usual.bounties_per_day_max * widening))
    )
