"""Setup intents: each is one attempt to keep one payment method, finished on the payer's device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.integrations.stripe.calls import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.integrations.stripe.calls import Calls
    from bountyexpo.integrations.stripe.payment_methods import MethodType


class SetupIntent(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as the provider shows it."""

    id: str
    client_secret: str

    def __repr__(self) -> str:
        # Whoever holds the client secret can finish it: it stays out of logs.
        return f"SetupIntent(id={self.id!r})"


class SetupIntents:
    """The attempts to keep a method."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sdk = calls.sdk.setup_intents

    async def create(
        self,
        *,
        customer_id: str,
        user_id: str,
        kind: MethodType,
        usage: str,
        idempotency_key: str,
    ) -> SetupIntent:
        """Create an attempt that the app's own SDK completes."""
        params: Any = {
            "customer": customer_id,
            "metadata": {"user_id": user_id},
            "payment_method_types": [kind],
            "usage": usage,
        }
        return await self._calls.ask(
            "setup_intents.create",
            lambda: self._sdk.create_async(params, once(idempotency_key)),
            _intent_of,
        )


def _intent_of(found: Mapping[str, Any]) -> SetupIntent:
    return msgspec.convert(found, SetupIntent)
