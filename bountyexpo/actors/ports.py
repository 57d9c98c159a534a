"""What the actors are given: storage, providers, and the way to tell the public feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bountyexpo.domain.policy import Policy
    from bountyexpo.integrations.stripe import StripePayments
    from bountyexpo.persistence.journal import Journal
    from bountyexpo.persistence.pool import Pool


class Feed(Protocol):
    """Takes what anybody may see of a bounty that has just changed."""

    def __call__(self, bounty_id: str, fields: dict[str, Any]) -> None:
        """Publish on the stream ``feed:open``; never blocks."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside of the actors."""

    db: Pool
    journal: Journal
    stripe: StripePayments
    policy: Policy
    feed: Feed
