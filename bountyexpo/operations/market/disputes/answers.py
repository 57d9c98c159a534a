"""What is said and shown in a dispute (rest-core §2.6, F6 and F10).

Files are not taken yet: a text or a link is evidence as it is, and a picture or a document is shown
by the address of one that lies in our storage.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import msgspec

from bountyexpo.actors.market.bounty_messages import Said
from bountyexpo.domain import limits
from bountyexpo.domain.field_types import WHOLE_MAX, Id, Moment, text
from bountyexpo.domain.market.dispute import Event
from bountyexpo.errors import Conflict, InvalidRequest, UnsupportedMediaType
from bountyexpo.operations.catalogue import WRITE, operation
from bountyexpo.operations.chat.messages import check_media
from bountyexpo.operations.idempotency.requests import id_of_call
from bountyexpo.operations.market.disputes.opening import find, judge
from bountyexpo.operations.market.disputes.views import (
    CommentView,
    EvidenceView,
    comment_view,
    evidence_view,
)
from bountyexpo.operations.require import require
from bountyexpo.persistence.market import dispute_answers
from bountyexpo.persistence.market.dispute_answers import Evidence, Kind

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

FILES = frozenset({"image", "document"})
LINK = re.compile(r"https?://[^\s/?#]+[^\s]*")

# How long what is staged waits for its dispute, and how much of one person may.
STAGED_S = 600.0
STAGED_MAX = 20

Content = Annotated[str, text(*limits.EVIDENCE_CHARS)]
Note = Annotated[str, text(0, limits.EVIDENCE_NOTE_CHARS_MAX)]


class StagedEvidence(msgspec.Struct, kw_only=True):
    """Evidence for a dispute that is about to be opened.

    Of a text or a link ``content`` is what is shown, or else ``description``.
    """

    filename: Annotated[str, text(1, 255)]
    type: Kind
    contentType: Annotated[str, text(0, 255)] | None = None
    fileSize: Annotated[int, msgspec.Meta(ge=0, le=WHOLE_MAX)] | None = None
    content: Content | None = None
    description: Content | None = None


class StagedView(msgspec.Struct, kw_only=True):
    """Where to upload it, and until when; null where there is nothing to upload."""

    evidenceId: str
    uploadUrl: str | None
    expiresAt: Moment


class NewEvidence(msgspec.Struct, kw_only=True):
    """Evidence for an open dispute: a text, a link, or the address of a file."""

    dispute_id: Id
    type: Kind
    content: Content
    description: Note | None = None


class NewComment(msgspec.Struct, kw_only=True):
    """What is said; ``isInternal`` is for admins among themselves."""

    dispute_id: Id
    comment: Annotated[str, text(*limits.DISPUTE_TEXT_CHARS)]
    isInternal: bool = False


@operation(
    "evidence.stage",
    http="POST /api/disputes/evidence-stage",
    rate=WRITE,
    aliased_fields={"content_type": "contentType", "file_size": "fileSize", "body": "content"},
)
async def stage_evidence(call: Call, request: StagedEvidence) -> StagedView:
    """Stage a text or a link for ten minutes, to be shown with the dispute that is opened."""
    if request.type in FILES:
        raise UnsupportedMediaType(
            "This service does not take files yet. Please send a text or a link.",
            code="UPLOADS_UNAVAILABLE",
        )
    content = request.content or request.description
    if content is None:
        message = "content must be given."
        raise InvalidRequest(message, issues=[{"path": "content", "message": message}])
    evidence = Evidence(
        type=request.type,
        body=_content(call, request.type, content),
        description=limits.optional_text(request.filename, "filename", 255),
    )
    row = await dispute_answers.stage(
        call.services.db,
        id_of_call(call, "evidence.stage"),
        call.user_id,
        evidence,
        ttl_s=STAGED_S,
        most=STAGED_MAX,
    )
    if row is None:
        raise Conflict("Please show what you have staged before you stage more.", code="STAGE_FULL")
    assert row.expires_at is not None
    return StagedView(evidenceId=row.id, uploadUrl=None, expiresAt=row.expires_at)


@operation(
    "dispute.add_evidence",
    http="POST /api/disputes/{dispute_id}/evidence",
    rate=WRITE,
    status=201,
    aliased_fields={"body": "content"},
)
async def add_evidence(call: Call, request: NewEvidence) -> EvidenceView:
    """Show something in an open dispute; the other side is told."""
    found = await find(call, request.dispute_id)
    most = limits.EVIDENCE_NOTE_CHARS_MAX
    evidence = Evidence(
        type=request.type,
        body=_content(call, request.type, request.content),
        description=limits.optional_text(request.description, "description", most),
    )
    evidence_id = id_of_call(call, "dispute.add_evidence")
    await judge(call, found, Event.ANSWER, Said(answer_id=evidence_id, evidence=evidence))
    [row] = await dispute_answers.staged(call.services.db, [evidence_id])
    return evidence_view(row)


@operation(
    "dispute.comment",
    http="POST /api/disputes/{dispute_id}/comments",
    rate=WRITE,
    status=201,
    aliases=("POST /disputes/{dispute_id}/comments",),
    aliased_fields={"is_internal": "isInternal"},
)
async def comment(call: Call, request: NewComment) -> CommentView:
    """Say something in an open dispute; what is internal is never shown to its sides."""
    found = await find(call, request.dispute_id)
    words = limits.text(request.comment, "comment", *limits.DISPUTE_TEXT_CHARS)
    comment_id = id_of_call(call, "dispute.comment")
    event = Event.NOTE if request.isInternal else Event.ANSWER
    await judge(call, found, event, Said(answer_id=comment_id, text=words))
    row = await dispute_answers.comment(call.services.db, comment_id)
    return comment_view(require(row, "comment"))


def _content(call: Call, kind: Kind, value: str) -> str:
    content = limits.text(value, "content", *limits.EVIDENCE_CHARS)
    if kind in FILES:
        check_media(call, content)
    elif kind == "link" and LINK.fullmatch(content) is None:
        message = "content must be the address of a page."
        raise InvalidRequest(message, issues=[{"path": "content", "message": message}])
    return content
