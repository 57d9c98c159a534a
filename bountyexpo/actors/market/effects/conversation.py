"""The conversation of poster and hunter about their bounty, and what the service says in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bountyexpo.actors.chat import announcing
from bountyexpo.domain.chat.system_messages import code_of
from bountyexpo.domain.market.bounty import Event
from bountyexpo.persistence.chat import conversations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.actors.market.step import Step
    from bountyexpo.persistence.transaction import Transaction


class Saying(NamedTuple):
    """What is said after a step, and the name of the step in the message's code."""

    step: str
    body: str


ACCEPTANCES: Final = frozenset({Event.ACCEPT, Event.DIRECT_ACCEPT})

ACCEPTED: Final = Saying("accept", "Application accepted for “{title}”.")
APPROVED: Final = Saying("complete", "Work approved. The bounty is completed.")
SAYINGS: Final[Mapping[Any, Saying]] = {
    Event.ACCEPT: ACCEPTED,
    Event.DIRECT_ACCEPT: ACCEPTED,
    Event.REQUEST_REVISION: Saying("revision", "Changes requested: {text}"),
    Event.APPROVE: APPROVED,
    Event.COMPLETE: APPROVED,
}


async def open_one(tx: Transaction, step: Step) -> None:
    """Open the conversation of the two who will work together."""
    bounty, hunter_id = step.bounty, step.after.bounty.hunter_id
    assert hunter_id is not None
    conversation, created = await conversations.open_between(
        tx, (bounty.poster_id, hunter_id), created_by=bounty.poster_id, bounty_id=bounty.id
    )
    if created:
        await announcing.announce(tx, conversation)
    step.after.conversation_id = conversation.id


async def post_system_message(tx: Transaction, step: Step) -> None:
    """Say there what has happened, once for each time that it happens."""
    bounty, saying = step.bounty, SAYINGS[step.event]
    conversation = await conversations.between(tx, step.sides, bounty_id=bounty.id)
    if conversation is None:
        return
    more = [step.after.bounty.revision_count] if step.event == Event.REQUEST_REVISION else []
    body = saying.body.format(title=bounty.title, text=step.command.text)
    is_new = await announcing.post_system_message(
        tx,
        conversation,
        sender_id=bounty.poster_id,
        code=code_of(saying.step, bounty.id, *more),
        body=body,
    )
    if not is_new and step.event in ACCEPTANCES:
        # An earlier hunter was told so, in another conversation.
        await announcing.post_system_message(
            tx,
            conversation,
            sender_id=bounty.poster_id,
            code=code_of(saying.step, bounty.id, step.after.bounty.accepted_request_id),
            body=body,
        )
