"""How to ask for what belongs to the work (and its price), to reports, and to payouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.access import Caller
from bountyexpo.domain.ids import new_id

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


VOID = """
    insert into app.withdrawals (id, user_id, source, amount_cents, status, stripe_account_id)
    values (%s, %s, 'wallet', 1000, 'void', 'acct_1')
"""


def fill(stage: Stage) -> None:
    """Let the poster have money, and an account that it can be paid to."""
    intent = stage.post(Caller.POSTER, "/payments/create-payment-intent", {"amountCents": 20_000})
    card = {"paymentIntentId": intent["paymentIntentId"], "paymentMethodId": "pm_card_visa"}
    stage.post(Caller.POSTER, "/payments/confirm", card)
    account = stage.post(Caller.POSTER, "/connect/create-account-link", {})["accountId"]
    stage.product.sandbox.post(f"/sandbox/accounts/{account}/onboard")


def withdrawal(stage: Stage, path: str) -> Ask:
    fill(stage)
    return "POST", path, {"amount": 50}


def void_withdrawal(stage: Stage) -> str:
    """A withdrawal of the poster that came to nothing, and could be tried again."""
    fill(stage)
    withdrawal_id = new_id()
    poster = stage.people[Caller.POSTER]
    assert poster is not None
    stage.product.session.execute(VOID, (withdrawal_id, poster.id))
    return withdrawal_id


MONEY_OUT: dict[str, Callable[[Stage], Ask]] = {
    "connect.onboard": lambda _: ("POST", "/connect/create-account-link", {}),
    "connect.make_account": lambda _: ("POST", "/payments/create-connect-account", None),
    "connect.login": lambda _: ("POST", "/connect/login-link", None),
    "connect.status": lambda _: ("GET", "/connect/status", None),
    "payout_target.banks": lambda _: ("GET", "/connect/bank-accounts", None),
    "payout_target.cards": lambda _: ("GET", "/connect/debit-cards", None),
    "payout_target.add_bank": lambda _: ("POST", "/connect/bank-accounts", None),
    "payout_target.remove_bank": lambda _: ("DELETE", "/connect/bank-accounts/ba_1", None),
    "payout_target.default_bank": lambda _: ("POST", "/connect/bank-accounts/ba_1/default", None),
    "payout_target.add_card": lambda _: ("POST", "/connect/debit-cards", None),
    "payout_target.remove_card": lambda _: ("DELETE", "/connect/debit-cards/card_1", None),
    "withdrawal.request": lambda stage: withdrawal(stage, "/connect/transfer"),
    "withdrawal.instant": lambda stage: withdrawal(stage, "/connect/instant-payout"),
    "withdrawal.retry": lambda stage: (
        "POST",
        "/connect/retry-transfer",
        {"transactionId": void_withdrawal(stage)},
    ),
}
