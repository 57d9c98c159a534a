"""What REST knows of sockets: tickets for opening one, and who is there (realtime §3.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from bountyexpo.domain.field_types import Moment
from bountyexpo.errors import InvalidRequest, NotAuthenticated
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.users.tickets import TICKET_TTL_S
from bountyexpo.persistence.chat.acquaintances import acquainted

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

# People of one question; as many as a socket may follow.
PRESENCE_IDS_MAX = 200

# A comma list of that many ids.
PRESENCE_TEXT_MAX = PRESENCE_IDS_MAX * 37


class TicketView(msgspec.Struct, kw_only=True):
    """A pass for one upgrade: ``/v1/socket?ticket=…``."""

    ticket: str
    expiresAt: Moment


class PresenceQuestion(msgspec.Struct, kw_only=True):
    """Whose presence, as a comma list of user ids."""

    ids: Annotated[str, msgspec.Meta(min_length=1, max_length=PRESENCE_TEXT_MAX)]


class PresenceEntry(msgspec.Struct, kw_only=True):
    """How one user is seen."""

    userId: str
    state: Literal["online", "away", "offline"] = "offline"
    isOnline: bool = False
    lastSeenAt: Moment | None = None


class PresenceList(msgspec.Struct, kw_only=True):
    """One entry for each id that was asked for, in that order."""

    presence: list[PresenceEntry]


@operation(
    "socket.ticket",
    http="POST /v1/socket/ticket",
    rate=WRITE,
    status=201,
    aliases=("POST /api/v1/socket/ticket", "POST /socket/ticket"),
)
async def issue_ticket(call: Call) -> TicketView:
    """Get a one-time ticket for a socket, good for 30 seconds."""
    if call.identity is None:
        raise NotAuthenticated
    services = call.services
    ticket = services.tickets.issue(call.identity)
    return TicketView(
        ticket=ticket, expiresAt=services.clock.now() + timedelta(seconds=TICKET_TTL_S)
    )


@operation(
    "presence.list",
    http="GET /api/presence",
    rate=READ,
    aliases=("GET /presence",),
)
async def list_presence(call: Call, request: PresenceQuestion) -> PresenceList:
    """See who is there, of the people one shares a conversation or a running bounty with."""
    asked = list(dict.fromkeys(item.strip() for item in request.ids.split(",") if item.strip()))
    if len(asked) > PRESENCE_IDS_MAX:
        raise InvalidRequest(f"At most {PRESENCE_IDS_MAX} ids can be asked for at once.")
    known = await acquainted(call.services.db, call.user_id, asked)
    visible = [each for each in asked if each in known or each == call.user_id]
    views = await call.services.sockets.presence_of(visible)
    seen = {view["userId"]: PresenceEntry(**view) for view in views}
    # A stranger looks like somebody who is never there.
    return PresenceList(presence=[seen.get(each) or PresenceEntry(userId=each) for each in asked])
