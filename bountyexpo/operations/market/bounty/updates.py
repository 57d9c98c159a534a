"""Progress on a bounty, as its two sides tell each other (contract rest-core §2.3, C13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from bountyexpo.actors.market.bounty_messages import Said, TakeStep
from bountyexpo.domain import limits
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.client_json import ATTACHMENTS, JsonObjects, JsonText
from bountyexpo.domain.field_types import Cursor, Id, Moment, clamped, text
from bountyexpo.domain.ids import id_of, new_id
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Event
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.cursor import decode_cursor, encode_cursor
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.require import parse_id, require
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties, updates
from bountyexpo.persistence.market.updates import NewUpdate

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.updates import Update

PAGE_LIMIT_MAX: Final = 100


class PostUpdate(msgspec.Struct, kw_only=True):
    """What there is to tell of a bounty in progress."""

    bounty_id: Id
    message: Annotated[str, text(*limits.UPDATE_CHARS)]
    attachments: JsonText | JsonObjects | None = None


class ListUpdates(msgspec.Struct, kw_only=True):
    """Which bounty's progress to list; the newest first."""

    bounty_id: Id
    limit: Annotated[int, clamped(1, PAGE_LIMIT_MAX)] = 50
    cursor: Cursor | None = None


class UpdateView(msgspec.Struct, kw_only=True):
    """What one side has told."""

    id: str
    bounty_id: str
    author_id: str
    kind: str
    message: str
    attachments: list[dict[str, Any]]
    created_at: Moment


class UpdatePage(msgspec.Struct, kw_only=True):
    """One page of what was told."""

    updates: list[UpdateView]
    hasMore: bool
    nextCursor: str | None


@operation(
    "bounty.post_update",
    http="POST /api/bounties/{bounty_id}/updates",
    rate=WRITE,
    status=201,
    aliases=(Alias("POST /bounties/{bounty_id}/updates", reply=old_forms.told_progress),),
)
async def post_update(call: Call, request: PostUpdate) -> UpdateView:
    """Tell the other side how the work goes; kept with the bounty."""
    bounty_id, key = parse_id(request.bounty_id, "bounty"), call.idempotency_key
    update_id = id_of(call.user_id, bounty_id, key) if key else new_id()
    if call.is_repeat and (made := await updates.get(call.services.db, update_id)) is not None:
        # The first attempt with this key has made it, and its reply was lost.
        return update_view(made)
    told = NewUpdate(
        id=update_id,
        message=limits.text(request.message, "message", *limits.UPDATE_CHARS),
        attachments=ATTACHMENTS.parse(request.attachments),
    )
    step = TakeStep(event=Event.POST_UPDATE, actor_id=call.user_id, said=Said(update=told))
    taken = await call.services.actors.bounty(bounty_id).ask(step)
    assert taken.update is not None
    return update_view(taken.update)


@operation(
    "bounty.list_updates",
    http="GET /api/bounties/{bounty_id}/updates",
    rate=READ,
    aliases=("GET /bounties/{bounty_id}/updates",),
)
async def list_updates(call: Call, request: ListUpdates) -> UpdatePage:
    """List how the work on a bounty goes; only its two parties may."""
    db, bounty_id = call.services.db, parse_id(request.bounty_id, "bounty")
    bounty = require(await bounties.get(db, bounty_id), "bounty")
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=bounty.hunter_id)
    GRANTS["bounty.list_updates"].check(caller)
    before = decode_cursor(request.cursor) if request.cursor is not None else None
    limit = max(1, min(request.limit, PAGE_LIMIT_MAX))
    rows = await updates.page(db, bounty_id, before=before, limit=limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return UpdatePage(
        updates=[update_view(row) for row in rows[:limit]],
        hasMore=last is not None,
        nextCursor=encode_cursor(last.created_at, last.id) if last else None,
    )


def update_view(row: Update) -> UpdateView:
    """Return the wire shape of what one side has told."""
    return UpdateView(
        id=row.id,
        bounty_id=row.bounty_id,
        author_id=row.author_id,
        kind=row.kind,
        message=row.message,
        attachments=row.attachments,
        created_at=row.created_at,
    )
