"""A user's conversations: list, open, look, name, mute, hide, leave (contract realtime §3.5)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from bountyexpo.actors.chat.contacts import OpenConversation, OpenGroup
from bountyexpo.actors.chat.conversation_messages import (
    AddParticipants,
    Hide,
    Mute,
    RemoveParticipant,
    Rename,
    SetRole,
)
from bountyexpo.domain.chat.conversation import PARTICIPANTS_MAX, check_size
from bountyexpo.domain.field_types import Cursor, Id, Moment, clamped
from bountyexpo.domain.visible import is_blank
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import READ, WRITE, Limit, RateClass, operation
from bountyexpo.operations.chat.conversation_routes import HOME, old_routes
from bountyexpo.operations.chat.conversation_views import (
    FOR_GOOD,
    ConversationView,
    conversation_view,
    seen_by,
)
from bountyexpo.operations.cursor import decode_cursor, encode_cursor
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.chat import bounty_threads, conversation_lists, conversations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.operations.call import Call

# How often the caller may turn to people whom they have never met (realtime §4.8): one thread, one
# group or one addition to a group at a time. Who asks about a bounty was invited to do so.
STRANGERS = RateClass("strangers", per_user=Limit(20, 3600))

# Conversations of one page: as many as possible, and behind a cursor.
PAGE_MAX, PAGE_DEFAULT = 200, 50

Url = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^(https?://[!-~]+)?$(?!\n)")]
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
CONVERSATION_ID = {"conversation_id": "conversationId"}
PEOPLE = Annotated[list[Id], msgspec.Meta(min_length=1, max_length=PARTICIPANTS_MAX * 2)]


class ListConversations(msgspec.Struct, kw_only=True):
    """A page of the caller's conversations; without a cursor the first one.

    A ``limit`` out of 1 to 200 is taken for the nearest of them.
    """

    limit: Annotated[int, clamped(1, PAGE_MAX)] | None = None
    cursor: Cursor | None = None


class NewConversation(msgspec.Struct, kw_only=True):
    """With whom to talk; the caller takes part without being named."""

    participantIds: PEOPLE
    bountyId: Id | None = None
    isGroup: bool | None = None
    name: Named | None = None
    avatar: Url | None = None


class ConversationRef(msgspec.Struct, kw_only=True):
    """One conversation."""

    conversationId: Id


class ChangeConversation(msgspec.Struct, kw_only=True):
    """What to change: name and picture of a group; the caller's own mute."""

    conversationId: Id
    name: Named | None = None
    avatar: Url | None = None
    muted: bool | None = None
    mutedUntil: Moment | None = None


class NewParticipants(msgspec.Struct, kw_only=True):
    """Who shall join a group."""

    conversationId: Id
    participantIds: PEOPLE


class ParticipantRef(msgspec.Struct, kw_only=True):
    """One person in one group."""

    conversationId: Id
    userId: Id


class NewRole(ParticipantRef, kw_only=True):
    """What somebody shall be in a group."""

    role: Literal["owner", "admin", "member"]


class ConversationList(msgspec.Struct, kw_only=True):
    """The caller's conversations, the most recently active first."""

    conversations: list[ConversationView]
    nextCursor: str | None


class OpenedView(msgspec.Struct, kw_only=True):
    """A conversation that was found or made."""

    id: str
    existing: bool
    conversation: ConversationView


class ConversationReply(msgspec.Struct, kw_only=True):
    """The conversation as it is now."""

    conversation: ConversationView


class Done(msgspec.Struct, kw_only=True):
    """It is done."""

    conversationId: str
    success: bool = True


@operation("conversation.list", http=f"GET {HOME}", rate=READ, aliases=old_routes("GET"))
async def list_conversations(call: Call, request: ListConversations) -> ConversationList:
    """List the caller's conversations with their unread counts.

    The first page holds 200 unless ``limit`` says otherwise, a page behind a cursor 50.
    """
    limit = request.limit
    if limit is None:
        limit = PAGE_DEFAULT if request.cursor else PAGE_MAX
    limit = max(1, min(PAGE_MAX, limit))
    after = decode_cursor(request.cursor) if request.cursor else None
    rows = await conversation_lists.page(
        call.services.db, call.user_id, limit=limit + 1, after=after
    )
    shown, now = rows[:limit], call.services.clock.now()
    cursor = None
    if len(rows) > limit:
        last = shown[-1]
        cursor = encode_cursor(last.last_message_at or last.created_at, last.id)
    return ConversationList(
        conversations=[conversation_view(row, call.user_id, now) for row in shown],
        nextCursor=cursor,
    )


@operation(
    "conversation.open",
    http=f"POST {HOME}",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliases=old_routes("POST"),
    aliased_fields={
        "participant_ids": "participantIds",
        "bounty_id": "bountyId",
        "is_group": "isGroup",
        "avatar_url": "avatar",
    },
)
async def open_conversation(call: Call, request: NewConversation) -> OpenedView:
    """Open a conversation, or find it (200).

    Two people have one direct thread and one for each bounty they share; a group is always new,
    but for a repeated ``Idempotency-Key``. People whom the caller has never met can be turned to
    20 times an hour.
    """
    others = sorted({parse_id(each, "user") for each in request.participantIds} - {call.user_id})
    if not others:
        raise InvalidRequest(
            "Name at least one other user.",
            issues=[{"path": "participantIds", "message": "must name another user"}],
        )
    contacts = call.services.actors.contacts(call.user_id)
    if request.isGroup or len(others) > 1:
        check_size(len(others) + 1)
        group = _group(call, request, others)
        await _check_strangers(call, others)
        opened = await contacts.ask(group)
    else:
        bounty_id = parse_id(request.bountyId, "bounty") if request.bountyId else None
        if bounty_id is None or not await _is_invited(call, others[0], bounty_id):
            await _check_strangers(call, others)
        opened = await contacts.ask(OpenConversation(other_id=others[0], bounty_id=bounty_id))
    if not opened.created:
        call.reply_status = 200
    view = await seen_by(call, opened.conversation.id)
    view.existing = not opened.created
    return OpenedView(id=view.id, existing=view.existing, conversation=view)


@operation(
    "conversation.get",
    http=f"GET {HOME}/{{conversationId}}",
    rate=READ,
    aliases=old_routes("GET", "/{conversationId}"),
)
async def get_conversation(call: Call, request: ConversationRef) -> ConversationReply:
    """Show one conversation of the caller."""
    conversation_id = parse_id(request.conversationId, "conversation")
    return ConversationReply(conversation=await seen_by(call, conversation_id))


@operation(
    "conversation.update",
    http=f"PATCH {HOME}/{{conversationId}}",
    rate=WRITE,
    aliases=old_routes("PATCH", "/{conversationId}"),
    aliased_fields={**CONVERSATION_ID, "avatar_url": "avatar", "muted_until": "mutedUntil"},
)
async def update_conversation(call: Call, request: ChangeConversation) -> ConversationReply:
    """Name a group or give it a picture (its owner and admins; "" takes it away), or mute.

    ``muted`` is the caller's own and keeps notices away, until ``mutedUntil`` or for good.
    """
    conversation_id = parse_id(request.conversationId, "conversation")
    if request.muted is False and request.mutedUntil is not None:
        message = "mutedUntil is not for a conversation that is not muted."
        raise InvalidRequest(message, issues=[{"path": "mutedUntil", "message": message}])
    owner = call.services.actors.conversation(conversation_id)
    if request.name is not None or request.avatar is not None:
        name = _name(request.name)
        await owner.ask(Rename(user_id=call.user_id, name=name, avatar_url=request.avatar))
    if request.muted is not None or request.mutedUntil is not None:
        until = None if request.muted is False else request.mutedUntil or FOR_GOOD
        await owner.ask(Mute(user_id=call.user_id, until=until))
    return ConversationReply(conversation=await seen_by(call, conversation_id))


@operation(
    "conversation.hide",
    http=f"DELETE {HOME}/{{conversationId}}",
    rate=WRITE,
    aliases=old_routes("DELETE", "/{conversationId}"),
    aliased_fields=CONVERSATION_ID,
)
async def hide_conversation(call: Call, request: ConversationRef) -> Done:
    """Take a conversation out of the caller's list; the next message brings it back."""
    conversation_id = parse_id(request.conversationId, "conversation")
    await call.services.actors.conversation(conversation_id).ask(Hide(user_id=call.user_id))
    return Done(conversationId=conversation_id)


@operation(
    "conversation.leave",
    http=f"POST {HOME}/{{conversationId}}/leave",
    rate=WRITE,
    aliases=old_routes("POST", "/{conversationId}/leave"),
    aliased_fields=CONVERSATION_ID,
)
async def leave_conversation(call: Call, request: ConversationRef) -> Done:
    """Leave a group."""
    return await _remove(call, request.conversationId, call.user_id)


@operation(
    "participant.add",
    http=f"POST {HOME}/{{conversationId}}/participants",
    rate=WRITE,
    aliases=old_routes("POST", "/{conversationId}/participants"),
    aliased_fields={
        **CONVERSATION_ID,
        "participant_ids": "participantIds",
        "userIds": "participantIds",
        "user_ids": "participantIds",
    },
)
async def add_participants(call: Call, request: NewParticipants) -> ConversationReply:
    """Let people join a group; for its owner and admins."""
    conversation_id = parse_id(request.conversationId, "conversation")
    added = tuple(sorted({parse_id(each, "user") for each in request.participantIds}))
    await _check_strangers(call, added)
    await call.services.actors.conversation(conversation_id).ask(
        AddParticipants(user_id=call.user_id, added=added)
    )
    return ConversationReply(conversation=await seen_by(call, conversation_id))


@operation(
    "participant.remove",
    http=f"DELETE {HOME}/{{conversationId}}/participants/{{userId}}",
    rate=WRITE,
    aliases=old_routes("DELETE", "/{conversationId}/participants/{userId}"),
    aliased_fields={**CONVERSATION_ID, "user_id": "userId"},
)
async def remove_participant(call: Call, request: ParticipantRef) -> Done:
    """Take somebody out of a group; for its owner and admins."""
    return await _remove(call, request.conversationId, parse_id(request.userId, "user"))


@operation(
    "participant.update",
    http=f"PATCH {HOME}/{{conversationId}}/participants/{{userId}}",
    rate=WRITE,
    aliases=old_routes("PATCH", "/{conversationId}/participants/{userId}"),
    aliased_fields={**CONVERSATION_ID, "user_id": "userId"},
)
async def update_participant(call: Call, request: NewRole) -> ConversationReply:
    """Make somebody an admin of a group, or its next owner; for its owner."""
    conversation_id = parse_id(request.conversationId, "conversation")
    member_id = parse_id(request.userId, "user")
    await call.services.actors.conversation(conversation_id).ask(
        SetRole(user_id=call.user_id, member_id=member_id, role=request.role)
    )
    return ConversationReply(conversation=await seen_by(call, conversation_id))


async def _remove(call: Call, named: str, user_id: str) -> Done:
    conversation_id = parse_id(named, "conversation")
    await call.services.actors.conversation(conversation_id).ask(
        RemoveParticipant(user_id=call.user_id, removed_id=user_id)
    )
    return Done(conversationId=conversation_id)


async def _is_invited(call: Call, other_id: str, bounty_id: str) -> bool:
    """Tell whether the other has posted the bounty, so that anybody may ask about it."""
    return await bounty_threads.poster_of(call.services.db, bounty_id) == other_id


async def _check_strangers(call: Call, others: Sequence[str]) -> None:
    """Count a first contact with anybody among ``others``.

    Raises:
        RateLimited: more than 20 within an hour.
    """
    if await conversations.has_strangers(call.services.db, call.user_id, others):
        call.take(STRANGERS, "conversation.open")


def _name(name: str | None) -> str | None:
    """Return the name of a group, if it shows anything.

    Raises:
        InvalidRequest: nobody would see it.
    """
    if name is not None and is_blank(name):
        raise InvalidRequest(
            "A name must not be blank.", issues=[{"path": "name", "message": "must not be blank"}]
        )
    return name.strip() if name is not None else None


def _group(call: Call, request: NewConversation, others: list[str]) -> OpenGroup:
    if request.bountyId is not None:
        raise InvalidRequest("A conversation about a bounty has two people.")
    fingerprint = msgspec.json.encode((others, request.name, request.avatar))
    return OpenGroup(
        others=tuple(others),
        name=_name(request.name),
        avatar_url=request.avatar or None,
        idempotency_key=call.idempotency_key,
        request_hash=hashlib.sha256(fingerprint).hexdigest(),
    )
