"""A hunter who is paid out, over the real SDK against the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from bountyexpo.actors.money.payee_messages import LookAtAccount, OpenLink, RequestWithdrawal
from bountyexpo.jobs.branch import effect_handlers
from bountyexpo.jobs.money.dead_letters import tell_dead_letter
from bountyexpo.persistence.after_commit import Bell
from bountyexpo.persistence.money import ledger, withdrawals
from bountyexpo.persistence.outbox import Relay

if TYPE_CHECKING:
    import httpx

    from tests.integration.actors.conftest import Market

KEY = "sk_test_sandbox"
CENTS = 10_000


class Payee:
    """A hunter with $100.00, a payout account at the emulator, and a platform that has money."""

    def __init__(self, market: Market, url: str, http: httpx.AsyncClient) -> None:
        self.market, self.url, self.http = market, url, http
        self.id = ""

    @property
    def db(self) -> Any:
        return self.market.db

    async def ask(self, message: Any) -> Any:
        with trio.fail_after(60):
            return await self.market.actors.payee(self.id).ask(message, timeout_s=60)

    async def withdraw(self, cents: int = 9_500, key: str | None = None, **more: Any) -> Any:
        message = RequestWithdrawal(
            amount_cents=cents,
            is_instant=more.get("is_instant", False),
            destination_id=more.get("destination_id"),
            idempotency_key=key,
            request_hash=f"{cents}",
        )
        return (await self.ask(message)).withdrawal

    async def press(self, path: str) -> Any:
        answer = await self.http.post(f"{self.url}/sandbox{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def bank(self, found: Any, outcome: str = "") -> None:
        path = f"/accounts/{found.stripe_account_id}/payouts/{found.payout_id}/settle"
        await self.press(f"{path}{outcome}")

    async def fault(self, **fault: Any) -> None:
        done = await self.http.post(f"{self.url}/sandbox/faults", json=fault)
        assert done.status_code == 200

    async def fund(self, cents: int = CENTS) -> None:
        """Let the platform have this much at the provider."""
        card = {"amount": str(cents), "currency": "usd", "payment_method": "pm_card_visa"}
        made = await self.http.post(
            f"{self.url}/v1/payment_intents",
            data=card | {"confirm": "true"},
            headers={"Authorization": f"Bearer {KEY}"},
        )
        assert made.status_code == 200, made.text

    async def onboard(self) -> Any:
        urls = {"return_url": "https://a.test/1", "refresh_url": "https://a.test/2"}
        opened = await self.ask(OpenLink(**urls))
        await self.press(f"/accounts/{opened.account_id}/onboard")
        return await self.ask(LookAtAccount())

    async def relay(self) -> None:
        """Carry out everything that is due in the outbox."""
        handlers = effect_handlers(self.market.actors, self.db)
        relay = Relay(self.db, handlers, Bell(), tell_dead_letter)
        with trio.fail_after(60):
            while await relay.run_once():
                pass

    async def stored(self, withdrawal_id: str) -> Any:
        return await withdrawals.get(self.db, withdrawal_id)

    async def available(self) -> int:
        assert await ledger.imbalance_cents(self.db) == 0
        return (await ledger.wallet(self.db, self.id)).available_cents

    async def sent(self) -> int:
        """How much the emulator has moved to accounts, less what came back."""
        rows = await self.db.fetch(
            """select sum((object->>'amount')::int - (object->>'amount_reversed')::int)::int
                   as cents
               from sandbox.stripe_objects where kind = 'transfer'"""
        )
        return rows[0]["cents"] or 0

    async def payouts(self) -> list[str]:
        rows = await self.db.fetch(
            """select object->>'status' as status from sandbox.stripe_objects
               where kind = 'payout' order by number"""
        )
        return [row["status"] for row in rows]
