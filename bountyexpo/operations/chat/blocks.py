"""Blocking people (contract realtime §1.9, §3.5).

A block works in both directions: no direct message, no new conversation, no application to the
other's bounty, and neither sees the other type, read or come online. A running bounty's thread
stays open to both, for there is money in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.chat.contacts import SetBlock
from bountyexpo.actors.chat.conversation_messages import Reload
from bountyexpo.domain.field_types import Id, Moment
from bountyexpo.errors import InvalidRequest, Unavailable
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.users import blocks

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.users.blocks import Block

SPELLINGS = {"user_id": "userId", "blockedId": "userId", "blocked_id": "userId"}


class BlockRef(msgspec.Struct, kw_only=True):
    """Whom to block, or no longer."""

    userId: Id | None = None


class BlockedUser(msgspec.Struct, kw_only=True):
    """Who may be blocked."""

    userId: Id


class BlockedProfile(msgspec.Struct, kw_only=True):
    """Who is blocked, as older clients read it."""

    id: str
    username: str
    avatar: str | None


class BlockView(msgspec.Struct, kw_only=True):
    """Somebody whom the caller has blocked."""

    userId: str
    blocked_id: str
    username: str
    displayName: str | None
    avatar: str | None
    createdAt: Moment
    created_at: Moment
    profiles: BlockedProfile


class BlockState(msgspec.Struct, kw_only=True):
    """Whether the caller blocks somebody."""

    userId: str
    isBlocked: bool


class BlockList(msgspec.Struct, kw_only=True):
    """Whom the caller has blocked, the newest first."""

    blocks: list[BlockView]


class BlockReply(msgspec.Struct, kw_only=True):
    """Whether the block is there now."""

    userId: str
    blocked: bool
    success: bool = True


@operation(
    "block.list",
    http="GET /api/blocks",
    rate=READ,
    aliases=("GET /blocks",),
)
async def list_blocks(call: Call) -> BlockList:
    """List whom the caller has blocked."""
    rows = await blocks.of_user(call.services.db, call.user_id)
    return BlockList(blocks=[_view(row) for row in rows])


@operation(
    "block.get",
    http="GET /api/blocks/{userId}",
    rate=READ,
    aliases=("GET /blocks/{userId}",),
    aliased_fields=SPELLINGS,
)
async def get_block(call: Call, request: BlockedUser) -> BlockState:
    """Tell whether the caller blocks somebody; who blocks the caller is not told."""
    other_id = parse_id(request.userId, "user")
    is_blocked = await blocks.is_there(call.services.db, call.user_id, other_id)
    return BlockState(userId=other_id, isBlocked=is_blocked)


@operation(
    "block.add",
    http="POST /api/blocks",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliases=("POST /blocks",),
    aliased_fields=SPELLINGS,
)
async def add_block(call: Call, request: BlockRef) -> BlockReply:
    """Block somebody; 200 when they were blocked before."""
    return await _set(call, request, is_blocked=True)


@operation(
    "block.remove",
    http="DELETE /api/blocks/{userId}",
    rate=WRITE,
    aliases=("DELETE /api/blocks", "DELETE /blocks/{userId}"),
    aliased_fields=SPELLINGS,
)
async def remove_block(call: Call, request: BlockRef) -> BlockReply:
    """Take a block back; repeating it changes nothing."""
    return await _set(call, request, is_blocked=False)


async def _set(call: Call, request: BlockRef, *, is_blocked: bool) -> BlockReply:
    if request.userId is None:
        raise InvalidRequest(
            "userId is required.", issues=[{"path": "userId", "message": "is required"}]
        )
    other_id = parse_id(request.userId, "user")
    actors = call.services.actors
    changed = await actors.contacts(call.user_id).ask(
        SetBlock(other_id=other_id, is_blocked=is_blocked)
    )
    if not changed.is_new:
        call.reply_status = 200
    if is_blocked:
        call.services.sockets.separate(call.user_id, other_id)
    for conversation_id in changed.conversation_ids:
        try:
            # What passes by stops at once; what is written is refused by the new version anyway.
            actors.conversation(conversation_id).tell(Reload())
        except Unavailable:
            continue
    return BlockReply(userId=other_id, blocked=is_blocked)


def _view(row: Block) -> BlockView:
    return BlockView(
        userId=row.blocked_id,
        blocked_id=row.blocked_id,
        username=row.username,
        displayName=row.display_name,
        avatar=row.avatar_url,
        createdAt=row.created_at,
        created_at=row.created_at,
        profiles=BlockedProfile(id=row.blocked_id, username=row.username, avatar=row.avatar_url),
    )
