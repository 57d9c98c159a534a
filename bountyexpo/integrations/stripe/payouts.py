"""Payouts: money from a connected account to a bank, or to a debit card at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bountyexpo.integrations.stripe.calls import LISTED_MAX, once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.integrations.stripe.calls import Calls

PayoutMethod = Literal["standard", "instant"]


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """A payout as the provider shows it."""

    id: str
    amount: int
    status: str
    method: str
    failure_code: str | None = None
    failure_message: str | None = None
    metadata: dict[str, str] | None = None


class Payouts:
    """What connected accounts pay out, and what they have for it."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sdk = calls.sdk.payouts
        self._balance = calls.sdk.balance

    async def create(
        self,
        account_id: str,
        *,
        amount_cents: int,
        method: PayoutMethod,
        destination_id: str | None,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> Payout:
        """Pay out, to what is named or else to the account's first choice.

        Raises:
            InvalidRequest: the account, or what is named, cannot be paid in this way.
            Unavailable: with the code ``balance_insufficient`` where the account has not as much.
        """
        params: Any = {
            "amount": amount_cents,
            "currency": "usd",
            "method": method,
            "metadata": dict(metadata),
        }
        if destination_id is not None:
            params["destination"] = destination_id
        return await self._calls.ask(
            "payouts.create",
            lambda: self._sdk.create_async(params, once(idempotency_key) | _on(account_id)),
            _payout_of,
        )

    async def retrieve(self, account_id: str, payout_id: str) -> Payout:
        """Return the payout as it is now."""
        return await self._calls.ask(
            "payouts.retrieve",
            lambda: self._sdk.retrieve_async(payout_id, {}, _on(account_id)),
            _payout_of,
        )

    async def list_of(self, account_id: str) -> list[Payout]:
        """Return the latest payouts of an account, the newest first."""
        params: Any = {"limit": LISTED_MAX}
        return await self._calls.ask(
            "payouts.list",
            lambda: self._sdk.list_async(params, _on(account_id)),
            lambda found: msgspec.convert(found, _Page).data,
        )

    async def instant_cents(self, account_id: str) -> int:
        """Return how many US cents an account could pay out at once."""
        return await self._calls.ask(
            "balance.retrieve",
            lambda: self._balance.retrieve_async({}, _on(account_id)),
            _instant_of,
        )


class _Page(msgspec.Struct):
    data: list[Payout]


class _Money(msgspec.Struct):
    amount: int
    currency: str


class _Balance(msgspec.Struct):
    available: list[_Money]
    instant_available: list[_Money] | None = None


def _payout_of(found: Mapping[str, Any]) -> Payout:
    return msgspec.convert(found, Payout)


def _instant_of(found: Mapping[str, Any]) -> int:
    parts = msgspec.convert(found, _Balance).instant_available or []
    return sum(each.amount for each in parts if each.currency == "usd")


def _on(account_id: str) -> Any:
    """Return the options of a call on behalf of a connected account."""
    return {"stripe_account": account_id}
