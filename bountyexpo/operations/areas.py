"""The areas of the catalogue: who may do what in each, and the modules that declare it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from bountyexpo.domain.access import rows
from bountyexpo.domain.chat.access import GRANTS as CHAT
from bountyexpo.domain.market.access import GRANTS as MARKET
from bountyexpo.domain.money.access import GRANTS as MONEY
from bountyexpo.domain.risk.access import GRANTS as RISK
from bountyexpo.domain.users.access import GRANTS as USERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.access import Grant

GRANTS: Final[Mapping[str, Grant]] = rows(
    *USERS.values(),
    *MONEY.values(),
    *CHAT.values(),
    *MARKET.values(),
    *RISK.values(),
)

# Importing one declares its operations; the reference pages show them in this order.
MODULES: Final = (
    "users.auth",
    "money.own_profile",
    "market.bounties",
    "market.search.bounties",
    "market.search.trending",
    "market.search.suggestions",
    "market.search.saved",
    "users.people",
    "market.bounty.changes",
    "market.bounty.ends",
    "market.bounty.shortcuts",
    "market.bounty.stale",
    "market.bounty.updates",
    "market.requests",
    "market.applications",
    "market.completions",
    "market.ready",
    "market.ratings",
    "market.escrows.bounty_payments",
    "market.escrows.wallet",
    "market.cancellations",
    "market.disputes.opening",
    "market.disputes.answers",
    "market.disputes.judging",
    "chat.conversations",
    "chat.messages",
    "chat.message_lists",
    "chat.message_changes",
    "chat.receipts",
    "chat.blocks",
    "users.e2e_keys",
    "money.payments",
    "money.old_payments",
    "money.payment_methods",
    "money.connect",
    "money.payout_targets",
    "money.withdrawals",
    "money.wallet",
    "money.findings",
    "chat.sockets",
    "risk.reports",
)


def declare() -> None:
    """Declare every operation of the service; repeating it changes nothing."""
    for module in MODULES:
        import_module(f"bountyexpo.operations.{module}")
