"""Counting a call against a limit, and telling its caller what is left of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bountyexpo.errors import RateLimited
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.operations.catalogue import RateClass


def charge(call: Call, rate: RateClass, name: str, *, identifier: str | None = None) -> None:
    """Count a call; ``name`` is what it is called in the metrics.

    Raises:
        RateLimited: it is one too many.
    """
    call.is_counted = True
    try:
        allowance = call.services.rate_limiter.take(
            rate,
            user_id=call.identity.user_id if call.identity else None,
            address=call.peer,
            identifier=identifier,
        )
    except RateLimited as error:
        refused(call, error, name)
        raise
    if allowance is not None:
        _tell(call, allowance.limit, allowance.remaining, allowance.reset_s)


def refused(call: Call, error: RateLimited, name: str) -> None:
    """Count a refusal, and say in the headers when to come back."""
    call.is_counted = True
    metrics.RATE_LIMITED.labels(name).inc()
    _tell(call, error.fields["limit"], 0, error.retry_after_s or 1)


def _tell(call: Call, limit: int, remaining: int, reset_s: float) -> None:
    """Set the headers of both vocabularies: seconds from now, and epoch milliseconds."""
    if call.transport != "rest":
        return
    reset_ms = round((call.services.clock.now().timestamp() + reset_s) * 1000)
    call.reply_headers.update(
        {
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(math.ceil(reset_s)),
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(reset_ms),
        }
    )
