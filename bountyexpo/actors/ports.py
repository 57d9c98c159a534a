"""What the actors are given: storage, providers, and the way to tell the public feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.domain.policy import Policy
    from bountyexpo.integrations.stripe import StripePayments
    from bountyexpo.persistence.journal import Journal
    from bountyexpo.persistence.pool import Pool


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside of the actors."""

    db: Pool
    journal: Journal
    stripe: StripePayments
    policy: Policy
    # Publishes what anybody may see of a bounty that has just changed; never blocks.
    feed: Callable[[str, dict[str, Any]], None]
