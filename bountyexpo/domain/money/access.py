"""Who may do what with deposits and wallets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.access import POSTER, AccessLevel, Caller, Grant, grant_to, own, rows, step
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money import payment

if TYPE_CHECKING:
    from collections.abc import Mapping


# What each caller is to the rules of a deposit.
ROLES: Final[Mapping[Caller, Role]] = {
    Caller.STRANGER: Role.OTHER,
    Caller.POSTER: Role.OWNER,
    Caller.HUNTER: Role.OTHER,
    Caller.ADMIN: Role.OTHER,
}

GRANTS: Final[Mapping[str, Grant]] = rows(
    own("payment.create_intent", "The money goes into the caller's wallet."),
    step(
        "payment.confirm",
        payment.MACHINE,
        payment.Event.CONFIRM,
        "Who pays in confirms it.",
        roles=ROLES,
    ),
    step(
        "payment.cancel",
        payment.MACHINE,
        payment.Event.CANCEL,
        "Who wanted to pay in may think better of it.",
        roles=ROLES,
    ),
    own("apple_pay.create", "The money goes into the caller's wallet."),
    *(
        Grant(
            operation=name,
            level=AccessLevel.USER,
            allowed=POSTER,
            why="It shows how the caller's own deposit stands, and what finishes it.",
            says="This deposit does not exist.",
            hides=True,
        )
        for name in ("payment.status", "apple_pay.confirm", "wallet.deposit")
    ),
    own("payment_method.list", "It shows what the caller pays with."),
    own("payment_method.add", "It is kept for the caller."),
    own("payment_method.remove", "The payer says that it is not the caller's."),
    own("payment_method.setup", "What is entered is kept for the caller."),
    own("payment_method.add_bank", "Everybody is told where banks are linked now."),
    own("connect.onboard", "The account is the caller's own."),
    own("connect.make_account", "The account is the caller's own."),
    own("connect.login", "It opens the caller's own account."),
    own("connect.status", "It shows the caller's own account."),
    own("payout_target.banks", "It shows where the caller is paid."),
    own("payout_target.cards", "It shows where the caller is paid."),
    own("payout_target.add_bank", "Everybody is told where banks are added now."),
    own("payout_target.remove_bank", "Everybody is told where banks are removed now."),
    own("payout_target.default_bank", "Everybody is told where the default is chosen now."),
    own("payout_target.add_card", "Everybody is told where cards are added now."),
    own("payout_target.remove_card", "Everybody is told where cards are removed now."),
    own("withdrawal.request", "It is the caller's own money."),
    own("withdrawal.instant", "It is the caller's own money."),
    Grant(
        operation="withdrawal.retry",
        level=AccessLevel.USER,
        allowed=POSTER,
        why="Whoever has asked for a withdrawal may try it again.",
        says="This withdrawal does not exist.",
        hides=True,
    ),
    own("wallet.balance", "It shows the caller's own wallet."),
    grant_to(AccessLevel.ADMIN, "finding.list", "Operators look after what no rule can decide."),
    grant_to(AccessLevel.ADMIN, "webhook.replay", "Operators try again what has failed."),
)
