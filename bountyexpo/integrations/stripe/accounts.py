"""Connected accounts: who is paid, what the provider asks of them, and where they are paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from bountyexpo.integrations.stripe.calls import LISTED_MAX, once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bountyexpo.integrations.stripe.calls import Calls

_T = TypeVar("_T")

CAPABILITIES: Final = ("card_payments", "transfers")


class Requirements(msgspec.Struct, frozen=True):
    """What the provider still asks for."""

    currently_due: list[str] | None = None
    pending_verification: list[str] | None = None
    disabled_reason: str | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the provider shows it."""

    id: str
    details_submitted: bool
    charges_enabled: bool
    payouts_enabled: bool
    requirements: Requirements | None = None

    @property
    def asks(self) -> Requirements:
        """What is asked for; of an account that says nothing, nothing is."""
        return self.requirements or Requirements()


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A way into the provider's pages; ``expires_at`` is in seconds of the epoch."""

    url: str
    expires_at: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What shows parts of the provider's pages in the app."""

    client_secret: str
    expires_at: int

    def __repr__(self) -> str:
        # Whoever holds the secret acts for the account: it stays out of logs.
        return f"Session(expires_at={self.expires_at})"


class Bank(msgspec.Struct, frozen=True, kw_only=True):
    """A bank account that is paid into."""

    id: str
    last4: str
    bank_name: str | None = None
    routing_number: str | None = None
    account_holder_name: str | None = None
    account_type: str | None = None
    default_for_currency: bool | None = None
    status: str | None = None


class DebitCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card that is paid to."""

    id: str
    last4: str
    exp_month: int
    exp_year: int
    brand: str | None = None
    available_payout_methods: list[str] | None = None

    @property
    def is_instant(self) -> bool:
        """Tell whether money gets there at once."""
        return "instant" in (self.available_payout_methods or ())


class Accounts:
    """The accounts of those who are paid."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sdk = calls.sdk

    async def create(self, *, user_id: str, idempotency_key: str) -> Account:
        """Create an account, whose owner the provider itself asks for the details.

        It is paid out only when we say so: then each payout is of one withdrawal.
        """
        params: Any = {
            "type": "express",
            "country": "US",
            "business_type": "individual",
            "capabilities": {name: {"requested": True} for name in CAPABILITIES},
            "metadata": {"user_id": user_id},
            "settings": {"payouts": {"schedule": {"interval": "manual"}}},
        }
        return await self._calls.ask(
            "accounts.create",
            lambda: self._sdk.accounts.create_async(params, once(idempotency_key)),
            _account_of,
        )

    async def retrieve(self, account_id: str) -> Account:
        """Return the account as it is now."""
        return await self._calls.ask(
            "accounts.retrieve", lambda: self._sdk.accounts.retrieve_async(account_id), _account_of
        )

    async def link(
        self, account_id: str, *, return_url: str, refresh_url: str, idempotency_key: str
    ) -> Link:
        """Return the address at which the owner gives their details; it is good once."""
        params: Any = {
            "account": account_id,
            "type": "account_onboarding",
            "return_url": return_url,
            "refresh_url": refresh_url,
        }
        return await self._calls.ask(
            "account_links.create",
            lambda: self._sdk.account_links.create_async(params, once(idempotency_key)),
            lambda found: msgspec.convert(found, Link),
        )

    async def session(
        self, account_id: str, *, components: Sequence[str], idempotency_key: str
    ) -> Session:
        """Return what shows these parts of the provider's pages in the app."""
        params: Any = {
            "account": account_id,
            "components": {name: {"enabled": True} for name in components},
        }
        return await self._calls.ask(
            "account_sessions.create",
            lambda: self._sdk.account_sessions.create_async(params, once(idempotency_key)),
            lambda found: msgspec.convert(found, Session),
        )

    async def login(self, account_id: str, *, idempotency_key: str) -> str:
        """Return the address at which the owner looks at their account.

        Raises:
            InvalidRequest: they have not given their details yet.
        """
        return await self._calls.ask(
            "login_links.create",
            lambda: self._sdk.accounts.login_links.create_async(
                account_id, {}, once(idempotency_key)
            ),
            lambda found: msgspec.convert(found, _Address).url,
        )

    async def banks(self, account_id: str) -> list[Bank]:
        """Return the bank accounts that are paid into."""
        return await self._external(
            account_id, "bank_account", lambda found: msgspec.convert(found, _Banks).data
        )

    async def cards(self, account_id: str) -> list[DebitCard]:
        """Return the debit cards that are paid to."""
        return await self._external(
            account_id, "card", lambda found: msgspec.convert(found, _Cards).data
        )

    async def _external(
        self, account_id: str, kind: str, read: Callable[[Mapping[str, Any]], _T]
    ) -> _T:
        params: Any = {"object": kind, "limit": LISTED_MAX}
        return await self._calls.ask(
            "external_accounts.list",
            lambda: self._sdk.accounts.external_accounts.list_async(account_id, params),
            read,
        )


class _Address(msgspec.Struct):
    url: str


class _Banks(msgspec.Struct):
    data: list[Bank]


class _Cards(msgspec.Struct):
    data: list[DebitCard]


def _account_of(found: Mapping[str, Any]) -> Account:
    return msgspec.convert(found, Account)
