"""How to ask for what ends a bounty before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.access import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.stage import Ask, Stage

QUARRELS: dict[str, Callable[[Stage], Ask]] = {
    "cancellation.request": lambda stage: (
        "POST",
        f"/api/bounties/{stage.paid_job()}/cancellations",
        {"reason": "It rains.", "refund_percentage": 40},
    ),
    "cancellation.get": lambda stage: (
        "GET",
        f"/api/cancellations/{stage.cancellation(Caller.HUNTER)}",
        None,
    ),
    "cancellation.of_bounty": lambda stage: (
        "GET",
        f"/api/bounties/{stage.work['bounty']['id']}/cancellation",
        None,
    ),
    "cancellation.list": lambda _: ("GET", "/api/cancellations", None),
    "cancellation.accept": lambda stage: (
        "POST",
        f"/api/cancellations/{stage.cancellation(Caller.HUNTER)}/accept",
        {},
    ),
    "cancellation.reject": lambda stage: (
        "POST",
        f"/api/cancellations/{stage.cancellation(Caller.HUNTER)}/reject",
        {"response_message": "It has stopped."},
    ),
    "cancellation.withdraw": lambda stage: (
        "POST",
        f"/api/cancellations/{stage.cancellation(Caller.POSTER)}/withdraw",
        None,
    ),
    "dispute.open": lambda stage: (
        "POST",
        "/api/disputes",
        {"bounty_id": stage.honor_job(), "stage": "in_progress", "reason": "It is red."},
    ),
    "dispute.commit": lambda stage: ("POST", "/api/disputes/commit", stage.evidence()),
    "dispute.get": lambda stage: ("GET", f"/api/disputes/{stage.dispute()}", None),
    "dispute.list": lambda _: ("GET", "/api/disputes", None),
    "evidence.stage": lambda _: (
        "POST",
        "/api/disputes/evidence-stage",
        {"filename": "note.txt", "type": "text", "content": "It is green."},
    ),
    "dispute.add_evidence": lambda stage: (
        "POST",
        f"/api/disputes/{stage.dispute()}/evidence",
        {"type": "link", "content": "https://example.com/fence"},
    ),
    "dispute.comment": lambda stage: (
        "POST",
        f"/api/disputes/{stage.dispute()}/comments",
        {"comment": "It was to be red."},
    ),
    "dispute.withdraw": lambda stage: ("POST", f"/api/disputes/{stage.dispute()}/withdraw", None),
    "dispute.appeal": lambda stage: (
        "POST",
        f"/api/disputes/{stage.decided()}/appeals",
        {"reason": "Look again."},
    ),
    "dispute.queue": lambda _: ("GET", "/admin/disputes", None),
    "dispute.case": lambda stage: ("GET", f"/admin/disputes/{stage.dispute()}", None),
    "dispute.set_status": lambda stage: (
        "PATCH",
        f"/admin/disputes/{stage.dispute()}/status",
        {"status": "under_review", "reason": "I look at it."},
    ),
    "dispute.resolve": lambda stage: (
        "POST",
        f"/admin/disputes/{stage.dispute()}/resolve",
        {"outcome": "refund", "rationale": "It was to be green."},
    ),
    "dispute.escalate": lambda stage: (
        "POST",
        f"/admin/disputes/{stage.dispute()}/escalate",
        {"reason": "They threaten each other."},
    ),
    "appeal.answer": lambda stage: (
        "PATCH",
        f"/admin/appeals/{stage.appeal()}",
        {"status": "rejected", "notes": "Nothing new was said."},
    ),
}
