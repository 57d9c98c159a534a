"""Transfers: money from the platform to a connected account, and their reversals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.integrations.stripe.calls import LISTED_MAX, once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.integrations.stripe.calls import Calls


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as the provider shows it."""

    id: str
    amount: int
    destination: str
    amount_reversed: int = 0
    metadata: dict[str, str] | None = None


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """What came back of a transfer."""

    id: str
    amount: int
    transfer: str


class Transfers:
    """What the platform sends to connected accounts."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sdk = calls.sdk.transfers

    async def create(
        self,
        *,
        amount_cents: int,
        account_id: str,
        group: str,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> Transfer:
        """Send money; ``group`` is by what it is found again.

        Raises:
            Unavailable: with the code ``balance_insufficient`` where the platform has not as much.
            InvalidRequest: the account cannot be sent money.
        """
        params: Any = {
            "amount": amount_cents,
            "currency": "usd",
            "destination": account_id,
            "metadata": dict(metadata),
            "transfer_group": group,
        }
        return await self._calls.ask(
            "transfers.create",
            lambda: self._sdk.create_async(params, once(idempotency_key)),
            _transfer_of,
        )

    async def retrieve(self, transfer_id: str) -> Transfer:
        """Return the transfer as it is now."""
        return await self._calls.ask(
            "transfers.retrieve", lambda: self._sdk.retrieve_async(transfer_id), _transfer_of
        )

    async def of_group(self, group: str) -> list[Transfer]:
        """Return the transfers of a group, the newest first."""
        params: Any = {"transfer_group": group, "limit": LISTED_MAX}
        return await self._calls.ask(
            "transfers.list",
            lambda: self._sdk.list_async(params),
            lambda found: msgspec.convert(found, _Page).data,
        )

    async def reverse(
        self, transfer_id: str, *, amount_cents: int, idempotency_key: str
    ) -> Reversal:
        """Take money back.

        Raises:
            Unavailable: with the code ``balance_insufficient`` where the account has paid it out.
            AlreadyMoved: it has come back before.
        """
        params: Any = {"amount": amount_cents}
        return await self._calls.ask(
            "transfer_reversals.create",
            lambda: self._sdk.reversals.create_async(transfer_id, params, once(idempotency_key)),
            lambda found: msgspec.convert(found, Reversal),
        )

    async def reversals(self, transfer_id: str) -> list[Reversal]:
        """Return what has come back, the newest first."""
        params: Any = {"limit": LISTED_MAX}
        return await self._calls.ask(
            "transfer_reversals.list",
            lambda: self._sdk.reversals.list_async(transfer_id, params),
            lambda found: msgspec.convert(found, _Reversals).data,
        )


class _Page(msgspec.Struct):
    data: list[Transfer]


class _Reversals(msgspec.Struct):
    data: list[Reversal]


def _transfer_of(found: Mapping[str, Any]) -> Transfer:
    return msgspec.convert(found, Transfer)
