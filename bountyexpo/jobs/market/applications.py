"""Closing the many applications that a decision about a bounty has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.market.bounty_messages import CloseSome

if TYPE_CHECKING:
    from bountyexpo.actors.system import Actors
    from bountyexpo.persistence.outbox import Effect


async def close_rest(actors: Actors, effect: Effect) -> None:
    """Let the owner close some until none is left; others are heard in between."""
    owner = actors.bounty(effect.aggregate_id)
    while await owner.ask(CloseSome()):
        pass
