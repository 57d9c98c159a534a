"""Payers, as the provider knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.integrations.stripe.calls import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.integrations.stripe.calls import Calls


class Customers:
    """The payers' records."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sdk = calls.sdk.customers

    async def create(self, *, user_id: str, email: str | None, idempotency_key: str) -> str:
        """Create a payer's record and return its id."""
        params: Any = {"metadata": {"user_id": user_id}}
        if email:
            params["email"] = email
        return await self._calls.ask(
            "customers.create",
            lambda: self._sdk.create_async(params, once(idempotency_key)),
            _id_of,
        )


class _Answer(msgspec.Struct):
    id: str


def _id_of(found: Mapping[str, Any]) -> str:
    return msgspec.convert(found, _Answer).id
