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
}
