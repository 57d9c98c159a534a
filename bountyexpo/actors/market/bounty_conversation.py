"""The conversation of poster and hunter about their bounty, and what the service says in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.chat.announcing import announce, post_system_message
from bountyexpo.persistence.chat import conversations

if TYPE_CHECKING:
    from bountyexpo.persistence.chat.conversations import Conversation
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.transaction import Transaction


async def begin(tx: Transaction, bounty: Bounty, hunter_id: str) -> None:
    """Open the conversation, and say in it that the application was accepted."""
    conversation, created = await conversations.open_between(
        tx, (bounty.poster_id, hunter_id), created_by=bounty.poster_id, bounty_id=bounty.id
    )
    if created:
        await announce(tx, conversation)
    await post_system_message(
        tx,
        conversation,
        sender_id=bounty.poster_id,
        code=f"sys:accept:{bounty.id}",
        body=f"Application accepted for “{bounty.title}”.",
    )


async def conclude(tx: Transaction, bounty: Bounty, hunter_id: str) -> None:
    """Say that the work was approved."""
    conversation = await of(tx, bounty, hunter_id)
    if conversation is not None:
        await post_system_message(
            tx,
            conversation,
            sender_id=bounty.poster_id,
            code=f"sys:complete:{bounty.id}",
            body="Work approved. The bounty is completed.",
        )


async def of(db: Queries, bounty: Bounty, hunter_id: str) -> Conversation | None:
    """Return their conversation about this bounty."""
    return await conversations.between(db, (bounty.poster_id, hunter_id), bounty_id=bounty.id)
