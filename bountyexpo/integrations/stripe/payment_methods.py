"""Payment methods: the cards and bank accounts that the provider keeps for a payer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bountyexpo.integrations.stripe.calls import LISTED_MAX, once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.integrations.stripe.calls import Calls

MethodType = Literal["card", "us_bank_account"]


class Card(msgspec.Struct, frozen=True):
    """What may be shown of a card."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int


class BankAccount(msgspec.Struct, frozen=True):
    """What may be shown of a bank account."""

    bank_name: str | None = None
    last4: str | None = None
    account_type: str | None = None
    financial_connections_account: str | None = None


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A method as the provider shows it; ``customer`` is whose it is."""

    id: str
    type: str
    created: int
    customer: str | None = None
    card: Card | None = None
    us_bank_account: BankAccount | None = None


class PaymentMethods:
    """What payers pay with."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sdk = calls.sdk.payment_methods

    async def list_of(self, customer_id: str, kind: MethodType) -> list[PaymentMethod]:
        """Return the methods of one kind that a payer keeps, the newest first."""
        params: Any = {"customer": customer_id, "type": kind, "limit": LISTED_MAX}
        return await self._calls.ask(
            "payment_methods.list", lambda: self._sdk.list_async(params), _page_of
        )

    async def retrieve(self, method_id: str) -> PaymentMethod:
        """Return a method as it is now."""
        return await self._calls.ask(
            "payment_methods.retrieve", lambda: self._sdk.retrieve_async(method_id), _method_of
        )

    async def attach(
        self, method_id: str, customer_id: str, *, idempotency_key: str
    ) -> PaymentMethod:
        """Keep a method for a payer.

        Raises:
            CardRefused: its bank does not let it be kept.
        """
        return await self._calls.ask(
            "payment_methods.attach",
            lambda: self._sdk.attach_async(
                method_id, {"customer": customer_id}, once(idempotency_key)
            ),
            _method_of,
        )

    async def detach(self, method_id: str, *, idempotency_key: str) -> PaymentMethod:
        """Forget a method."""
        return await self._calls.ask(
            "payment_methods.detach",
            lambda: self._sdk.detach_async(method_id, {}, once(idempotency_key)),
            _method_of,
        )


class _Page(msgspec.Struct):
    data: list[PaymentMethod]


def _page_of(found: Mapping[str, Any]) -> list[PaymentMethod]:
    return msgspec.convert(found, _Page).data


def _method_of(found: Mapping[str, Any]) -> PaymentMethod:
    return msgspec.convert(found, PaymentMethod)
