"""The hunter is ready: at the place, or done (contract rest-core §2.5, E3, E6 to E8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bountyexpo.actors.market.bounty_messages import TakeStep
from bountyexpo.domain.access import caller_of
from bountyexpo.domain.field_types import Id, Moment
from bountyexpo.domain.market.access import GRANTS
from bountyexpo.domain.market.bounty import Event
from bountyexpo.errors import NotAllowed, NotFound
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.market import old_forms
from bountyexpo.operations.require import parse_id, require
from bountyexpo.operations.routes import Alias
from bountyexpo.persistence.market import bounties, overlays, submissions

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.submissions import Submission

NOT_READY = "NOT_READY"


class MarkReady(msgspec.Struct, kw_only=True):
    """The bounty on which the caller works; ``hunter_id`` can only name the caller."""

    bounty_id: Id
    hunter_id: Id | None = None


class ReadyOfBounty(msgspec.Struct, kw_only=True):
    """The bounty whose hunter may be ready."""

    bounty_id: Id


class ReadyView(msgspec.Struct, kw_only=True):
    """Since when the hunter is ready."""

    bounty_id: str
    hunter_id: str
    ready_at: Moment


class ReadyMarked(ReadyView, kw_only=True):
    """The same under the names of each client."""

    message: str
    bountyId: str
    data: ReadyView


@operation(
    "completion.mark_ready",
    http="POST /api/bounties/{bounty_id}/ready",
    rate=WRITE,
    aliases=("POST /bounties/{bounty_id}/ready", "POST /completion/ready"),
    aliased_fields={"bountyId": "bounty_id", "hunterId": "hunter_id"},
)
async def mark_ready(call: Call, request: MarkReady) -> ReadyMarked:
    """Say to be ready, as the hunter of a bounty in progress; repeating it changes nothing."""
    if request.hunter_id is not None and request.hunter_id.lower() != call.user_id:
        raise NotAllowed("You can only say for yourself that you are ready.")
    bounty_id = parse_id(request.bounty_id, "bounty")
    taken = await call.services.actors.bounty(bounty_id).ask(
        TakeStep(event=Event.READY, actor_id=call.user_id)
    )
    since = _since(call.user_id, taken.ready_at, taken.submission)
    assert since is not None
    return ReadyMarked(
        message="You are marked as ready.",
        bountyId=bounty_id,
        bounty_id=bounty_id,
        hunter_id=call.user_id,
        ready_at=since,
        data=ReadyView(bounty_id=bounty_id, hunter_id=call.user_id, ready_at=since),
    )


@operation(
    "completion.get_ready",
    http="GET /api/completions/{bounty_id}/ready",
    rate=READ,
    aliases=(Alias("GET /completion/ready", refusal=old_forms.nothing_while(NOT_READY)),),
    aliased_fields={"bountyId": "bounty_id"},
)
async def get_ready(call: Call, request: ReadyOfBounty) -> ReadyView:
    """Read since when the hunter is ready; only the two parties may."""
    db, bounty_id = call.services.db, parse_id(request.bounty_id, "bounty")
    bounty = require(await bounties.get(db, bounty_id), "bounty")
    caller = caller_of(call.identity, poster_id=bounty.poster_id, hunter_id=bounty.hunter_id)
    GRANTS["completion.get_ready"].check(caller)
    said = (await overlays.of_bounty(db, bounty_id)).ready_at
    since = _since(bounty.hunter_id, said, await submissions.newest(db, bounty_id))
    if since is None or bounty.hunter_id is None:
        raise NotFound("The hunter has not said to be ready.", code=NOT_READY)
    return ReadyView(bounty_id=bounty_id, hunter_id=bounty.hunter_id, ready_at=since)


def _since(
    hunter_id: str | None, said: datetime | None, handed_in: Submission | None
) -> datetime | None:
    """Return since when this hunter is ready: who has handed in without a word was so by then."""
    if said is None and handed_in is not None and handed_in.hunter_id == hunter_id:
        return handed_in.submitted_at
    return said
