"""What each effect of a payout account's machine does: one handler for every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.money.connect_account import Effect
from bountyexpo.domain.money.events import ConnectUpdated
from bountyexpo.domain.notices import Notice
from bountyexpo.persistence.money import connect_accounts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from bountyexpo.domain.machine import Decision
    from bountyexpo.domain.money.connect_account import Facts, State
    from bountyexpo.persistence.money.connect_accounts import ConnectAccount
    from bountyexpo.persistence.transaction import Transaction


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider says that an account is like, and when it was asked."""

    stripe_account_id: str
    are_details_submitted: bool = False
    are_charges_enabled: bool = False
    are_payouts_enabled: bool = False
    disabled_reason: str | None = None
    requirements: list[str] = msgspec.field(default_factory=list)


class Step:
    """A payout account on its way to its next version."""

    __slots__ = ("account", "now", "told")

    def __init__(
        self,
        before: ConnectAccount,
        decision: Decision[State, Facts],
        told: Told | None,
        now: datetime,
    ) -> None:
        self.told, self.now = told, now
        self.account = msgspec.structs.replace(
            before, state=decision.state, version=before.version + 1
        )
        if told is not None:
            self.change(**msgspec.structs.asdict(told), told_at=now)

    def change(self, **columns: Any) -> None:
        """Let columns of the account have other values from here on."""
        self.account = msgspec.structs.replace(self.account, **columns)


async def carry_out(
    tx: Transaction,
    account: ConnectAccount,
    decision: Decision[State, Facts],
    *,
    told: Told | None = None,
    now: datetime,
) -> ConnectAccount:
    """Do what was decided of a payout account, write it, and return it as it is now.

    Raises:
        StaleVersion: the row is not at the version that was decided on.
    """
    step = Step(account, decision, told, now)
    for effect in decision.effects:
        await HANDLERS[effect](tx, step)
    await connect_accounts.save(tx, step.account)
    return step.account


async def _create_account(tx: Transaction, step: Step) -> None:
    """Ask for an account; the key is the user's, so that two calls at once make one."""
    account = step.account
    tx.effect(
        "connect.create_account",
        ("connect_account", account.user_id),
        account.version,
        {"key": f"connect_acct_{account.user_id}_{account.version}", "userId": account.user_id},
    )


async def _stamp_onboarded(_tx: Transaction, step: Step) -> None:
    step.change(onboarded_at=step.now)


async def _clear_link(_tx: Transaction, step: Step) -> None:
    """Forget the account; withdrawals that are on their way to it stay open."""
    step.change(
        stripe_account_id=None,
        are_details_submitted=False,
        are_charges_enabled=False,
        are_payouts_enabled=False,
        requirements=[],
    )


async def _notify_owner(tx: Transaction, step: Step) -> None:
    account = step.account
    event = ConnectUpdated(
        account_id=account.stripe_account_id,
        status=account.state.value,
        are_payouts_enabled=account.are_payouts_enabled,
        reason=account.disabled_reason,
    )
    tx.event(event, of=account.user_id, users=(account.user_id,))
    tx.notify(
        Notice.CONNECT,
        [account.user_id],
        {"state": account.state.value, "reason": account.disabled_reason},
        dedupe_key=f"conn:{account.user_id}:{account.version}",
    )


HANDLERS: Final[Mapping[Any, Callable[[Transaction, Step], Awaitable[None]]]] = {
    Effect.CREATE_ACCOUNT: _create_account,
    Effect.STAMP_ONBOARDED: _stamp_onboarded,
    Effect.CLEAR_LINK: _clear_link,
    Effect.NOTIFY_OWNER: _notify_owner,
}
