"""How to ask for what belongs to the work (ready, changes, ratings, its price), and to reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.access import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.stage import Ask, Stage


def _of_somebody(stage: Stage) -> dict[str, str]:
    somebody = stage.product.person("somebody")
    return {"content_type": "profile", "content_id": somebody.id, "reason": "spam"}


def _report(stage: Stage) -> str:
    made = stage.post(Caller.STRANGER, "/api/reports", _of_somebody(stage))
    return f"/api/reports/{made['id']}"


WORK: dict[str, Callable[[Stage], Ask]] = {
    "completion.mark_ready": lambda stage: (
        "POST",
        f"/api/bounties/{stage.work['bounty']['id']}/ready",
        None,
    ),
    "completion.get_ready": lambda stage: (
        "GET",
        f"/api/completions/{stage.ready_bounty}/ready",
        None,
    ),
    "completion.request_revision": lambda stage: (
        "POST",
        f"/api/completions/{stage.unreviewed}/request-revision",
        {"feedback": "The left arm is loose."},
    ),
    "rating.create": lambda stage: (
        "POST",
        "/api/ratings",
        {"bounty_id": stage.done_bounty, "rating": 5},
    ),
    "rating.list": lambda stage: (
        "GET",
        f"/api/ratings?user_id={stage.people[Caller.HUNTER].id}",
        None,
    ),
    "rating.check": lambda stage: (
        "GET",
        "/api/ratings/check?rater_id={}&user_id={}&bounty_id={}".format(
            *(stage.people[each].id for each in (Caller.POSTER, Caller.HUNTER)), stage.done_bounty
        ),
        None,
    ),
    "rating.stats": lambda stage: (
        "GET",
        f"/api/ratings/stats/{stage.people[Caller.HUNTER].id}",
        None,
    ),
}

REPORTS: dict[str, Callable[[Stage], Ask]] = {
    "report.create": lambda stage: ("POST", "/api/reports", _of_somebody(stage)),
    "report.list": lambda _: ("GET", "/api/reports", None),
    "report.update": lambda stage: ("PATCH", _report(stage), {"status": "resolved"}),
    "report.stats": lambda _: ("GET", "/api/reports/stats", None),
}

ESCROWS: dict[str, Callable[[Stage], Ask]] = {
    "apple_pay.create": lambda _: ("POST", "/apple-pay/payment-intent", {"amountCents": 500}),
    "apple_pay.confirm": lambda stage: (
        "POST",
        "/apple-pay/confirm",
        {"paymentIntentId": stage.money},
    ),
    "wallet.deposit": lambda stage: (
        "POST",
        "/wallet/deposit",
        {"paymentIntentId": stage.money, "amount": 500},
    ),
    "escrow.fund": lambda stage: (
        "POST",
        "/bounty-payments/create",
        {"bounty_id": stage.paid_bounty()},
    ),
    "escrow.release": lambda stage: (
        "POST",
        "/bounty-payments/release",
        {"bounty_id": stage.paid_work()},
    ),
    "escrow.refund": lambda stage: (
        "POST",
        "/bounty-payments/cancel",
        {"bounty_id": stage.paid_bounty(), "reason": "It rains."},
    ),
    "escrow.status": lambda stage: (
        "GET",
        f"/api/completion-release/{stage.paid_work()}/status",
        None,
    ),
    "wallet.hold": lambda stage: (
        "POST",
        "/wallet/escrow",
        {"bounty_id": stage.paid_bounty(), "amount": 1},
    ),
    "wallet.release": lambda stage: (
        "POST",
        "/wallet/release",
        {"bounty_id": stage.paid_work()},
    ),
    "wallet.refund": lambda stage: (
        "POST",
        "/wallet/refund",
        {"bounty_id": stage.paid_bounty(), "reason": "It rains."},
    ),
}
