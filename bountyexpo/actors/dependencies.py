"""What the actors are given: storage, providers, and the way to tell the public feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bountyexpo.domain.events import Event
    from bountyexpo.domain.policy import Policy
    from bountyexpo.integrations.stripe.port import Stripe
    from bountyexpo.persistence.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorDependencies:
    """The outside of the actors."""

    db: Pool
    stripe: Stripe
    policy: Policy
    # Publishes what anybody may see of a bounty that has just changed, with what filters look at,
    # made where somebody has filters; never blocks.
    feed: Callable[[str, Event, Callable[[], object]], None]
    # Sends an event that nobody will miss, of the entity that is named, to the sockets of users;
    # never blocks.
    ephemeral: Callable[[Event, str, Sequence[str]], None]
    # Says that what this user may do is another thing now; never blocks.
    standing_changed: Callable[[str], None]
    # Says that what these users have not read is another number now; never blocks.
    unread: Callable[[Sequence[str]], None]
