"""Who takes part: groups that grow and shrink, names, and each one's own view of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, assert_never

from bountyexpo.actors.chat.announcing import announce
from bountyexpo.actors.chat.conversation_changes import committed
from bountyexpo.actors.chat.conversation_messages import (
    AddParticipants,
    Changed,
    Hide,
    Mute,
    RemoveParticipant,
    Rename,
    SetRole,
)
from bountyexpo.domain.chat import conversation as rules
from bountyexpo.domain.chat.events import (
    ConversationMuted,
    ConversationRemoved,
    ConversationUpdated,
    ParticipantJoined,
    ParticipantLeft,
)
from bountyexpo.errors import InvalidRequest, NotFound
from bountyexpo.persistence.chat import conversations, participants
from bountyexpo.persistence.users import blocks, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.chat.conversations import Conversation
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.transaction import Transaction


MemberChange: TypeAlias = Rename | AddParticipants | RemoveParticipant | SetRole | Hide | Mute


async def change(
    ports: ActorDependencies, conversation: Conversation, message: MemberChange
) -> Changed | None:
    """Carry out what a participant wants changed about the conversation."""
    match message:
        case Rename():
            return await rename(ports, conversation, message)
        case AddParticipants():
            return await add(ports, conversation, message)
        case RemoveParticipant():
            return await remove(ports, conversation, message)
        case SetRole():
            return await set_role(ports, conversation, message)
        case Hide():
            await hide(ports, conversation, message.user_id)
        case Mute():
            await mute(ports, conversation, message)
        case _:
            assert_never(message)
    return None


async def rename(ports: ActorDependencies, conversation: Conversation, message: Rename) -> Changed:
    """Change name or picture of a group and tell everybody in it."""
    async with ports.db.transaction() as tx:
        await conversations.lock(tx, conversation)
        await _check_leader(tx, conversation, message.user_id)
        await conversations.rename(
            tx, conversation.id, name=message.name, avatar_url=message.avatar_url
        )
        renamed = await conversations.get(tx, conversation.id)
        assert renamed is not None
        event = ConversationUpdated(
            conversation_id=conversation.id,
            name=renamed.name,
            avatar=renamed.avatar_url,
            user_id=message.user_id,
        )
        tx.event(event, of=conversation.id, users=conversation.participants)
    return committed(tx)


async def add(
    ports: ActorDependencies, conversation: Conversation, message: AddParticipants
) -> Changed:
    """Let people join a group; who is there already stays as they are."""
    wanted = sorted(set(message.added) - set(conversation.participants))
    async with ports.db.transaction() as tx:
        head = await conversations.lock(tx, conversation)
        await _check_leader(tx, conversation, message.user_id)
        if not wanted:
            return Changed(seq=head["last_seq"], epoch=conversation.epoch, is_new=False)
        everybody = sorted({*conversation.participants, *wanted})
        rules.check_size(len(everybody))
        await check_people(tx, message.user_id, wanted)
        await participants.add(tx, conversation.id, wanted)
        # First they learn that they are in it, then of everything that happens there.
        await announce(tx, conversation, wanted)
        for user_id in wanted:
            event = ParticipantJoined(
                conversation_id=conversation.id, user_id=user_id, added_by=message.user_id
            )
            tx.event(event, of=conversation.id, users=everybody)
    return committed(tx)


async def remove(
    ports: ActorDependencies, conversation: Conversation, message: RemoveParticipant
) -> Changed:
    """End somebody's part in a group; the last event they get says so."""
    removed_id = message.removed_id
    async with ports.db.transaction() as tx:
        await conversations.lock(tx, conversation)
        roles = await participants.roles(tx, conversation.id)
        own_role, removed_role = (
            roles[each][0] if each in roles else None for each in (message.user_id, removed_id)
        )
        if removed_id == message.user_id:
            if conversation.kind != "group":
                raise InvalidRequest(
                    "Only a group can be left; hide this conversation instead.",
                    code="NOT_A_GROUP",
                )
        else:
            rules.check_leader(conversation.kind, own_role)
            if removed_role is None:
                raise NotFound("This person is not in the conversation.")
            rules.check_removal(own_role, removed_role)
        await participants.remove(tx, conversation.id, removed_id)
        rest = [each for each in conversation.participants if each != removed_id]
        if removed_role == rules.OWNER:
            await _pass_on(tx, conversation, {each: roles[each] for each in rest})
        left = ParticipantLeft(
            conversation_id=conversation.id, user_id=removed_id, removed_by=message.user_id
        )
        tx.event(left, of=conversation.id, users=rest)
        own = ConversationRemoved(conversation_id=conversation.id, reason=_reason(message))
        tx.event(own, of=removed_id, users=(removed_id,))
    ports.unread((removed_id,))
    return committed(tx)


async def set_role(
    ports: ActorDependencies, conversation: Conversation, message: SetRole
) -> Changed:
    """Give a member of a group another role; for its owner."""
    member_id, role = message.member_id, message.role
    async with ports.db.transaction() as tx:
        head = await conversations.lock(tx, conversation)
        roles = await participants.roles(tx, conversation.id)
        rules.check_leader(conversation.kind, roles[message.user_id][0])
        rules.check_owner(roles[message.user_id][0])
        if member_id not in roles:
            raise NotFound("This person is not in the conversation.")
        if roles[member_id][0] == role:
            return Changed(seq=head["last_seq"], epoch=conversation.epoch, is_new=False)
        if member_id == message.user_id:
            raise InvalidRequest("A group needs an owner; give it to somebody else first.")
        await participants.promote(tx, conversation.id, member_id, role)
        if role == rules.OWNER:
            await participants.promote(tx, conversation.id, message.user_id, rules.ADMIN)
        event = ConversationUpdated(
            conversation_id=conversation.id,
            user_id=member_id,
            role=role,
            changed_by=message.user_id,
        )
        tx.event(event, of=conversation.id, users=conversation.participants)
    return committed(tx)


async def hide(ports: ActorDependencies, conversation: Conversation, user_id: str) -> None:
    """Take the conversation out of the user's list, on all of their devices."""
    async with ports.db.transaction() as tx:
        # Held, so that no message is under way that would be older than the hiding.
        await conversations.lock(tx, conversation)
        await participants.hide(tx, conversation.id, user_id)
        event = ConversationRemoved(conversation_id=conversation.id, reason="hidden")
        tx.event(event, of=user_id, users=(user_id,))
    ports.unread((user_id,))


async def mute(ports: ActorDependencies, conversation: Conversation, message: Mute) -> None:
    """Keep the conversation's notices from the user, and tell their devices."""
    user_id = message.user_id
    async with ports.db.transaction() as tx:
        await conversations.lock(tx, conversation)
        await participants.mute(tx, conversation.id, user_id, message.until)
        event = ConversationMuted(
            conversation_id=conversation.id,
            muted=message.until is not None,
            muted_until=message.until,
        )
        tx.event(event, of=user_id, users=(user_id,))


async def check_people(db: Queries, user_id: str, others: Sequence[str]) -> None:
    """Refuse people who do not exist, and those with whom there is a block."""
    for other_id in others:
        user = await users.get(db, other_id)
        if user is None or user.account_status == "deleted":
            raise NotFound("This user does not exist.")
    if await blocks.between(db, user_id, others):
        raise rules.blocked()


async def _check_leader(tx: Transaction, conversation: Conversation, user_id: str) -> None:
    roles = await participants.roles(tx, conversation.id)
    rules.check_leader(conversation.kind, roles[user_id][0] if user_id in roles else None)


async def _pass_on(tx: Transaction, conversation: Conversation, rest: dict[str, Any]) -> None:
    """Give a group whose owner goes to the first admin, else to the first member."""
    owner_id = rules.next_owner((user_id, role, joined) for user_id, (role, joined) in rest.items())
    if owner_id is not None:
        await participants.promote(tx, conversation.id, owner_id, rules.OWNER)


def _reason(message: RemoveParticipant) -> Literal["left", "removed"]:
    return "left" if message.user_id == message.removed_id else "removed"
