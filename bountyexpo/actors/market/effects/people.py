"""What a bounty leaves with its people: ratings, and the moments that the app shows once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.market.effects import notices
from bountyexpo.domain.market.bounty import Event
from bountyexpo.persistence.market import ratings
from bountyexpo.persistence.users import moments, user_stats
from bountyexpo.persistence.users.moments import Moment

if TYPE_CHECKING:
    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.transaction import Transaction


async def posted(tx: Transaction, step: Step) -> None:
    """The poster has posted their first bounty."""
    await moments.complete(tx, step.bounty.poster_id, Moment.POST_FIRST_BOUNTY)


async def accepted(tx: Transaction, step: Step) -> None:
    """The hunter was accepted for the first time."""
    hunter_id = step.after.bounty.hunter_id
    assert hunter_id is not None
    await moments.complete(tx, hunter_id, Moment.ACCEPT_FIRST_BOUNTY)


async def prompt_ratings(tx: Transaction, step: Step) -> list[Step]:
    """Ask each side to rate the other; one that did so with its approval is taken at its word."""
    rows, poster_id, command = step.after, step.bounty.poster_id, step.command
    has_rated = {*rows.rated_by, command.actor_id if command.rating_tenths else None}
    for user_id in step.sides:
        if user_id not in has_rated:
            notices.rating_prompt(tx, step, user_id)
            is_poster = user_id == poster_id
            await moments.enqueue(
                tx,
                user_id,
                Moment.BOUNTY_COMPLETED_FOLLOWUP if is_poster else Moment.RATE_COMPLETED_BOUNTY,
            )
    return [step.decide(Event.RATE, step.role)] if command.rating_tenths else []


async def add_rating(tx: Transaction, step: Step) -> None:
    """Keep what one side thinks of the other, and count it for the other."""
    rater, command = step.actor_id, step.command
    assert rater is not None
    assert command.rating_tenths is not None
    [rated] = step.other_sides
    is_new = await ratings.add(
        tx,
        step.bounty.id,
        rater=rater,
        rated=rated,
        tenths=command.rating_tenths,
        comment=command.comment,
    )
    if is_new:
        await user_stats.count_rating(tx, rated, command.rating_tenths)
        bounty = step.after.bounty
        if rated == bounty.poster_id:
            step.after.bounty = msgspec.structs.replace(
                bounty,
                poster_rating_tenths=bounty.poster_rating_tenths + command.rating_tenths,
                poster_ratings=bounty.poster_ratings + 1,
            )
    step.after.rated_by |= {rater}


async def rated(tx: Transaction, step: Step) -> None:
    """Who acts has rated somebody for the first time."""
    assert step.actor_id is not None
    await moments.complete(tx, step.actor_id, Moment.RATE_COMPLETED_BOUNTY)
