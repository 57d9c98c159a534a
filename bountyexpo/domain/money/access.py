"""Who may do what with deposits and wallets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.access import AccessLevel, Caller, grant_to, own, rows, step
from bountyexpo.domain.machine import Role
from bountyexpo.domain.money import payment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.access import Grant

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
    own("wallet.balance", "It shows the caller's own wallet."),
    grant_to(AccessLevel.ADMIN, "finding.list", "Operators look after what no rule can decide."),
    grant_to(AccessLevel.ADMIN, "webhook.replay", "Operators try again what has failed."),
)
