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
    own("wallet.balance", "It shows the caller's own wallet."),
    grant_to(AccessLevel.ADMIN, "finding.list", "Operators look after what no rule can decide."),
    grant_to(AccessLevel.ADMIN, "webhook.replay", "Operators try again what has failed."),
)
