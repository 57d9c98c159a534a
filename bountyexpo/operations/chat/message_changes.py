"""Changing a message that was sent: edit, delete, pin, react (contract realtime §3.5, §4.5).

Each is acked with the number that its event has in the conversation's stream. What changes nothing
(the same text, a pin that is there) is acked with the stream's head and makes no event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from bountyexpo.actors.chat.conversation_messages import (
    DeleteMessage,
    EditMessage,
    PinMessage,
    React,
)
from bountyexpo.domain.chat.conversation import check_emoji
from bountyexpo.domain.chat.emoji import EMOJI_CHARS_MAX
from bountyexpo.domain.field_types import Id, Moment
from bountyexpo.domain.limits import ENVELOPE_BYTES_MAX
from bountyexpo.operations.catalogue import Limit, RateClass, operation
from bountyexpo.operations.chat.conversation_routes import HOME, SNAKE_CASE, old_routes
from bountyexpo.operations.require import parse_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.actors.chat.conversation_changes import MessageChange
    from bountyexpo.operations.call import Call

# As fast as messages themselves may be sent.
CHANGE = RateClass("message_change", per_user=Limit(5, 1, burst=20))

ONE = "/{conversationId}/messages/{messageId}"
PIN = f"{ONE}/pin"
REACTION = f"{ONE}/reactions/{{emoji}}"


class MessageRef(msgspec.Struct, kw_only=True):
    """One message of one conversation."""

    conversationId: Id
    messageId: Id


class NewText(MessageRef, kw_only=True):
    """What a message shall say instead."""

    text: Annotated[str, msgspec.Meta(max_length=ENVELOPE_BYTES_MAX)]


class Reaction(MessageRef, kw_only=True):
    """One emoji on one message."""

    emoji: Annotated[str, msgspec.Meta(min_length=1, max_length=EMOJI_CHARS_MAX)]


class ChangedView(msgspec.Struct, kw_only=True):
    """Where the change stands in its conversation; being told so means that it is durable."""

    conversationId: str
    messageId: str
    seq: int
    epoch: str
    changed: bool
    at: Moment | None


@operation(
    "message.edit",
    http=f"PATCH {HOME}{ONE}",
    rate=CHANGE,
    frame="message.edit",
    aliases=old_routes("PATCH", ONE),
    aliased_fields=SNAKE_CASE,
)
async def edit_message(call: Call, request: NewText) -> ChangedView:
    """Replace the text of one's own message, for 15 minutes after it was sent."""
    return await _change(
        call,
        request,
        lambda message_id: EditMessage(
            user_id=call.user_id, message_id=message_id, text=request.text
        ),
    )


@operation(
    "message.delete",
    http=f"DELETE {HOME}{ONE}",
    rate=CHANGE,
    frame="message.delete",
    aliases=old_routes("DELETE", ONE),
    aliased_fields=SNAKE_CASE,
)
async def delete_message(call: Call, request: MessageRef) -> ChangedView:
    """Delete a message for everybody; its author may, and moderators.

    Its place in the conversation stays, without text, media, reactions and pin.
    """
    return await _change(
        call,
        request,
        lambda message_id: DeleteMessage(
            user_id=call.user_id, message_id=message_id, is_admin=call.is_admin
        ),
    )


@operation(
    "message.pin",
    http=f"PUT {HOME}{PIN}",
    rate=CHANGE,
    frame="message.pin",
    aliases=old_routes("PUT", PIN),
    aliased_fields=SNAKE_CASE,
)
async def pin_message(call: Call, request: MessageRef) -> ChangedView:
    """Pin a message, in the place of the one that was pinned before."""
    return await _pin(call, request, is_pinned=True)


@operation(
    "message.unpin",
    http=f"DELETE {HOME}{PIN}",
    rate=CHANGE,
    frame="message.unpin",
    aliases=old_routes("DELETE", PIN),
    aliased_fields=SNAKE_CASE,
)
async def unpin_message(call: Call, request: MessageRef) -> ChangedView:
    """Take the pin off a message."""
    return await _pin(call, request, is_pinned=False)


@operation(
    "message.react",
    http=f"PUT {HOME}{REACTION}",
    rate=CHANGE,
    frame="message.react",
    aliases=old_routes("PUT", REACTION),
    aliased_fields=SNAKE_CASE,
)
async def add_reaction(call: Call, request: Reaction) -> ChangedView:
    """React to a message; it takes at most 20 different emoji."""
    return await _react(call, request, is_added=True)


@operation(
    "message.unreact",
    http=f"DELETE {HOME}{REACTION}",
    rate=CHANGE,
    frame="message.unreact",
    aliases=old_routes("DELETE", REACTION),
    aliased_fields=SNAKE_CASE,
)
async def remove_reaction(call: Call, request: Reaction) -> ChangedView:
    """Take one's own reaction back."""
    return await _react(call, request, is_added=False)


async def _pin(call: Call, request: MessageRef, *, is_pinned: bool) -> ChangedView:
    return await _change(
        call,
        request,
        lambda message_id: PinMessage(
            user_id=call.user_id, message_id=message_id, is_pinned=is_pinned
        ),
    )


async def _react(call: Call, request: Reaction, *, is_added: bool) -> ChangedView:
    emoji = check_emoji(request.emoji)
    return await _change(
        call,
        request,
        lambda message_id: React(
            user_id=call.user_id, message_id=message_id, emoji=emoji, is_added=is_added
        ),
    )


async def _change(
    call: Call, request: MessageRef, to_message: Callable[[str], MessageChange | DeleteMessage]
) -> ChangedView:
    conversation_id = parse_id(request.conversationId, "conversation")
    message_id = parse_id(request.messageId, "message")
    changed = await call.services.actors.conversation(conversation_id).ask(to_message(message_id))
    return ChangedView(
        conversationId=conversation_id,
        messageId=message_id,
        seq=changed.seq,
        epoch=changed.epoch,
        changed=changed.is_new,
        at=changed.at,
    )
