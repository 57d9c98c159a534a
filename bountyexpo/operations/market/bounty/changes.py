"""Bounties as their posters make them: posted and changed (contract rest-core §2.3, C3 to C5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.actors.market.bounty_messages import CreateBounty, Said, TakeStep
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import NOTES, Event
from bountyexpo.domain.market.bounty_ends import GONE
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import WRITE, operation
from bountyexpo.operations.idempotency.requests import mark_replayed, request_hash
from bountyexpo.operations.market.bounty.shortcuts import move_to
from bountyexpo.operations.market.bounty.terms import (
    ALIASED_FIELDS,
    BountyChanges,
    NewBounty,
    changed_terms,
    new_terms,
)
from bountyexpo.operations.market.bounty_views import BountyView, bounty_view
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.market import bounties

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

NOTHING_SAID: Final = "There is nothing to change: name a field of the bounty."
ALONE: Final = "The status is changed by itself, without other fields."


@operation(
    "bounty.create",
    http="POST /api/bounties",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliases=("POST /bounties", "POST /api/supabase/bounties"),
    aliased_fields={**ALIASED_FIELDS, "idempotencyKey": "idempotency_key"},
)
async def create_bounty(call: Call, request: NewBounty) -> BountyView:
    """Post a bounty; its price is locked in escrow in the same step.

    A repeat with the same idempotency key gets the first reply. Without a key, one of the same
    title within ten minutes, while the first is open, answers 200 with the first bounty. Both have
    ``Idempotent-Replayed: true``.
    """
    key = call.idempotency_key
    created = await call.services.actors.bounty(new_id()).ask(
        CreateBounty(
            poster_id=call.user_id,
            terms=new_terms(request, call.services.policy),
            idempotency_key=key,
            request_hash=request_hash(request),
        )
    )
    if created.replayed:
        mark_replayed(call, 201 if key else 200)
    return bounty_view(created.bounty, call.user_id)


@operation(
    "bounty.update",
    http="PATCH /api/bounties/{bounty_id}",
    rate=WRITE,
    aliases=("PATCH /bounties/{bounty_id}",),
    aliased_fields=ALIASED_FIELDS,
)
async def update_bounty(call: Call, request: BountyChanges) -> BountyView:
    """Change what a bounty offers; what is not said stays as it is.

    The terms change while the bounty is open and no application waits; another price is locked in
    the place of the old one. Attachments and the note may change while the work goes on, too. A
    ``status`` by itself does what ``PATCH …/status`` does.
    """
    bounty_id = parse_id(request.bounty_id, "bounty")
    found = await bounties.get(call.services.db, bounty_id)
    if found is None or not found.parties.may_see(found.status, call.user_id):
        raise GONE.raised(None)
    terms, fields = changed_terms(request, found, call.services.policy)
    if isinstance(request.status, str):
        if not fields:
            return await move_to(call, bounty_id, request.status)
        if request.status != found.status.value:
            raise InvalidRequest(ALONE, issues=[{"path": "status", "message": ALONE}])
    if not fields:
        raise InvalidRequest(NOTHING_SAID, issues=[{"path": "", "message": NOTHING_SAID}])
    taken = await call.services.actors.bounty(bounty_id).ask(
        TakeStep(
            event=Event.ATTACH if NOTES.issuperset(fields) else Event.EDIT_TERMS,
            actor_id=call.user_id,
            said=Said(terms=terms, fields=fields),
        )
    )
    return bounty_view(taken.bounty, call.user_id)
