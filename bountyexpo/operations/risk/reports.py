"""Reports of bounties, profiles and messages, and what admins make of them (rest-core §2.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from bountyexpo.domain import limits
from bountyexpo.domain.field_types import Id, Moment, text
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.notices import Audience, Notice
from bountyexpo.domain.risk.reports import (
    PRESSING,
    URGENCIES,
    Content,
    Reason,
    Status,
    priority,
)
from bountyexpo.domain.users.standing import DELETED
from bountyexpo.errors import Conflict, InvalidRequest, NotFound
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.market import bounties
from bountyexpo.persistence.risk import reports
from bountyexpo.persistence.risk.reports import NewReport, Page, Report, Reported
from bountyexpo.persistence.users import users

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.transaction import Transaction

Words = Annotated[str, text(0, limits.REPORT_CHARS_MAX)]


class NewReportRequest(msgspec.Struct, kw_only=True):
    """What should not be here, and why; who reports is always the caller."""

    content_type: Content
    content_id: Id
    reason: Reason
    details: Words | None = None


class ListReports(msgspec.Struct, kw_only=True):
    """Which reports to list; newest first."""

    status: Status | None = None
    content_type: Content | None = None
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 100


class ReportDecision(msgspec.Struct, kw_only=True):
    """What has become of a report; notes that are left out stay as they are."""

    report_id: Id
    status: Status
    resolution_notes: Words | None = None


class ReportedAuthor(msgspec.Struct, kw_only=True):
    """Whose content was reported."""

    id: str
    username: str
    avatar: str | None


class ReportView(msgspec.Struct, kw_only=True):
    """A report; its priority grows while it waits."""

    id: str
    user_id: str
    reporter_id: str
    content_type: str
    content_id: str
    bounty_id: str | None
    reason: str
    details: str | None
    status: str
    priority: str
    created_at: Moment
    reviewed_at: Moment | None
    resolution_notes: str | None


class AdminReportView(ReportView, kw_only=True):
    """A report as admins see it: with who made it, whose content it is, and who has decided."""

    reporter_username: str
    reported_user_id: str
    author: ReportedAuthor
    reviewed_by: str | None


class ReportStats(msgspec.Struct, kw_only=True):
    """How many reports there are of each status, and how many of those that wait are urgent."""

    pending: int
    reviewed: int
    resolved: int
    dismissed: int
    highPriority: int


@operation(
    "report.create",
    http="POST /api/reports",
    rate=WRITE,
    status=201,
    aliased_fields={"contentType": "content_type", "contentId": "content_id"},
)
async def create_report(call: Call, request: NewReportRequest) -> ReportView:
    """Report a bounty, a profile or a message that the caller can see.

    One that waits is refused with 409 when it comes again, and carried as ``report``.
    """
    content_id = parse_id(request.content_id, request.content_type)
    about = await _reported(call, request.content_type, content_id)
    if about.author_id == call.user_id:
        message = "You cannot report what is your own."
        raise InvalidRequest(message, issues=[{"path": "content_id", "message": message}])
    new = NewReport(
        id=new_id(),
        reporter_id=call.user_id,
        content_type=request.content_type,
        content_id=content_id,
        reason=request.reason,
        details=limits.optional_text(request.details, "details", limits.REPORT_CHARS_MAX),
    )
    async with call.services.db.transaction() as tx:
        is_new = await reports.insert(tx, new, about)
        found = await reports.waiting(tx, call.user_id, request.content_type, content_id)
        if is_new:
            _tell(tx, new)
    if found is None:
        raise Conflict("This report was decided at the same moment. Please try again.")
    if not is_new and not call.is_repeat:
        view = _view(call, found)
        raise Conflict("You have already reported this.", code="ALREADY_REPORTED", report=view)
    return _view(call, found)


@operation("report.list", http="GET /api/reports", rate=READ)
async def list_reports(call: Call, request: ListReports) -> list[AdminReportView]:
    """List reports, newest first."""
    wanted = Page(
        status=request.status,
        content_type=request.content_type,
        limit=request.limit,
        offset=(request.page - 1) * request.limit,
    )
    return [_admin_view(call, row) for row in await reports.page(call.services.db, wanted)]


@operation("report.update", http="PATCH /api/reports/{report_id}", rate=WRITE)
async def update_report(call: Call, request: ReportDecision) -> AdminReportView:
    """Say what has become of a report; who decided, and when, is kept."""
    report_id = parse_id(request.report_id, "report")
    notes = limits.optional_text(
        request.resolution_notes, "resolution_notes", limits.REPORT_CHARS_MAX
    )
    async with call.services.db.transaction() as tx:
        if await reports.decide(tx, report_id, request.status, by=call.user_id, notes=notes):
            tx.audit(
                category="moderation",
                action="report.update",
                actor_id=call.user_id,
                actor_role="admin",
                target=("report", report_id),
                reason=notes,
                status=request.status.value,
            )
        row = await reports.get(tx, report_id)
    return _admin_view(call, require(row, "report"))


@operation(
    "report.stats",
    http="GET /api/reports/stats",
    rate=READ,
    aliases=("GET /admin/reports/stats",),
)
async def report_stats(call: Call) -> ReportStats:
    """Count the reports."""
    db = call.services.db
    found = await reports.count(db)
    hours = {
        reason: urgency.hours_to_high
        for reason, urgency in URGENCIES.items()
        if urgency.hours_to_high is not None
    }
    return ReportStats(
        **{status.value: found.get(status, 0) for status in Status},
        highPriority=await reports.count_pressing(db, hours),
    )


async def _reported(call: Call, content_type: Content, content_id: str) -> Reported:
    """Return whose content it is, if the caller can know of it.

    A block hides nobody from a report: who has barred somebody may have done wrong before.
    """
    db, found = call.services.db, None
    if content_type is Content.BOUNTY:
        bounty = await bounties.get(db, content_id)
        if bounty is not None and bounty.parties.may_see(bounty.status, call.user_id):
            found = Reported(bounty.poster_id, bounty.id)
    elif content_type is Content.PROFILE:
        user = await users.get(db, content_id)
        if user is not None and user.account_status != DELETED:
            found = Reported(user.id)
    else:
        found = await reports.author_of_message(db, content_id, call.user_id)
    if found is None:
        raise NotFound(f"This {content_type.value} does not exist.")
    return found


def _tell(tx: Transaction, new: NewReport) -> None:
    """Tell the admins, and leave a record."""
    tx.notify(
        Notice.REPORT,
        Audience.ADMINS,
        {
            "reportId": new.id,
            "contentType": new.content_type.value,
            "contentId": new.content_id,
            "priority": "high" if URGENCIES[new.reason].first in PRESSING else "normal",
        },
        dedupe_key=f"rep:{new.id}",
    )
    tx.audit(
        category="moderation",
        action="report.create",
        actor_id=new.reporter_id,
        target=(new.content_type.value, new.content_id),
        report_id=new.id,
    )


def _view(call: Call, row: Report) -> ReportView:
    return ReportView(
        id=row.id,
        user_id=row.reporter_id,
        reporter_id=row.reporter_id,
        content_type=row.content_type,
        content_id=row.content_id,
        bounty_id=row.bounty_id,
        reason=row.reason,
        details=row.details,
        status=row.status,
        priority=priority(Reason(row.reason), row.created_at, call.services.clock.now()),
        created_at=row.created_at,
        reviewed_at=row.reviewed_at,
        resolution_notes=row.resolution_notes,
    )


def _admin_view(call: Call, row: Report) -> AdminReportView:
    return AdminReportView(
        **msgspec.structs.asdict(_view(call, row)),
        reporter_username=row.reporter_username,
        reported_user_id=row.reported_user_id,
        author=ReportedAuthor(
            id=row.reported_user_id, username=row.author_username, avatar=row.author_avatar
        ),
        reviewed_by=row.reviewed_by,
    )
