"""How to ask for what becomes of the price of a bounty."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.stage import Ask, Stage

ESCROWS: dict[str, Callable[[Stage], Ask]] = {
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
