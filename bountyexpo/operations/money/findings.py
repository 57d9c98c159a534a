"""What people must look at, and webhooks that did not do their work (contract money §4, §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from bountyexpo.domain.field_types import Moment
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.require import require
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import findings

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

# What the subject of a finding about a webhook is called.
WEBHOOK = "webhook_event"


class ListFindings(msgspec.Struct, kw_only=True):
    """Which findings to list; those that were found last come first."""

    status: Literal["open", "acknowledged"] = "open"
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class FindingView(msgspec.Struct, kw_only=True):
    """Something that no rule can put right; ``times`` is how often it was found while open."""

    id: int
    type: str
    subjectType: str
    subjectId: str
    details: dict[str, Any]
    status: str
    times: int
    createdAt: Moment
    foundAt: Moment


class FindingsView(msgspec.Struct, kw_only=True):
    """Findings, and how many webhooks wait for a later version or for a replay."""

    findings: list[FindingView]
    deferredWebhooks: int
    deadWebhooks: int


class WebhookById(msgspec.Struct, kw_only=True):
    """One webhook, by the id that the provider gave its event."""

    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ReplayView(msgspec.Struct, kw_only=True):
    """Whether the event is tried again; one that did its work, or is about to, is not."""

    success: bool
    replayed: bool


@operation("finding.list", http="GET /admin/findings", rate=READ)
async def list_findings(call: Call, request: ListFindings) -> FindingsView:
    """List what people must look at."""
    db = call.services.db
    waiting = await inbox.waiting(db)
    rows = await findings.page(db, request.status, request.limit)
    return FindingsView(
        findings=[_view(row) for row in rows],
        deferredWebhooks=waiting.get("deferred", 0),
        deadWebhooks=waiting.get("dead", 0),
    )


@operation("webhook.replay", http="POST /admin/webhooks/{event_id}/replay", rate=WRITE)
async def replay_webhook(call: Call, request: WebhookById) -> ReplayView:
    """Try a webhook again that did not do its work, for another day; its findings are closed."""
    event_id = request.event_id
    async with call.services.db.transaction() as tx:
        require(await inbox.status_of(tx, event_id), "webhook")
        is_replayed = await inbox.replay(tx, event_id)
        if is_replayed:
            await findings.acknowledge(
                tx, (WEBHOOK, event_id), by=call.user_id, resolution="replayed"
            )
            tx.audit(
                category="payment",
                action="webhook.replay",
                actor_id=call.user_id,
                target=(WEBHOOK, event_id),
            )
    return ReplayView(success=True, replayed=is_replayed)


def _view(row: findings.FoundRow) -> FindingView:
    return FindingView(
        id=row.id,
        type=row.type,
        subjectType=row.subject_type,
        subjectId=row.subject_id,
        details=row.details,
        status=row.status,
        times=row.times,
        createdAt=row.created_at,
        foundAt=row.found_at,
    )
