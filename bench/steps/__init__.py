"""How fast a bounty for which ten thousand people have applied is accepted, approved, cancelled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from bench.lists.large_market import USER_ID, empty_market, fill
from bench.server import serving, token

if TYPE_CHECKING:
    from bench.lists import Rows

APPLICATIONS = 10_000
ROUNDS = 30
WARM_UP = 3
P95_MS_GOAL = 50.0

DEPOSIT_CENTS = 1_000_000
PRICE_CENTS = 1_000
POSTER, HUNTER = range(2)

APPLIED = f"""
    insert into app.bounty_requests (id, bounty_id, hunter_id, status)
    select gen_random_uuid(), %s, {USER_ID.format("n")}, 'pending' from generate_series(1, %s) n
"""
LEFT = "select 1 from app.outbox where status in ('pending', 'leased') limit 1"


def run() -> Rows:
    """Serve a database with as many people, and take each step on a bounty of its own, by turns."""
    with empty_market() as dsn:
        fill(dsn, bounties=0, users=APPLICATIONS)
        with serving(DATABASE_URL=dsn) as server, psycopg.connect(dsn, autocommit=True) as session:
            session.execute("set search_path to app")
            market = _Market(server.url, session)
            for _ in range(WARM_UP + ROUNDS):
                market.play()
            market.close()
    rows: Rows = []
    for step, taken in market.times.items():
        times = sorted(taken[WARM_UP:])
        p95 = times[int(len(times) * 0.95)]
        rows.append((f"{step}, {APPLICATIONS:,} applications, p95", p95, "ms", P95_MS_GOAL))
        rows.append(("  p50", times[len(times) // 2], "ms", None))
    return rows


class _Market:
    """A poster with money, and a hunter."""

    def __init__(self, url: str, session: psycopg.Connection[Any]) -> None:
        self.times: dict[str, list[float]] = {}
        self._session = session
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self._tokens = [token(each) for each in (POSTER, HUNTER)]
        intent = self._ask(POSTER, "/payments/create-payment-intent", amountCents=DEPOSIT_CENTS)
        paid = {"paymentIntentId": intent["paymentIntentId"], "paymentMethodId": "pm_card_visa"}
        self._ask(POSTER, "/payments/confirm", **paid)
        self._ask(HUNTER, "/api/bounty-requests", bounty_id=self._bounty())

    def close(self) -> None:
        self._http.close()

    def play(self) -> None:
        """Accept and approve one bounty, and cancel another."""
        bounty_id = self._bounty()
        applied = self._ask(HUNTER, "/api/bounty-requests", bounty_id=bounty_id)
        self._crowd(bounty_id)
        self._timed("accept", POSTER, f"/api/bounty-requests/{applied['id']}/accept")
        done = self._ask(HUNTER, "/api/completions", bounty_id=bounty_id, message="It is done.")
        self._timed("approve", POSTER, f"/api/completions/{done['id']}/approve")
        bounty_id = self._bounty()
        self._crowd(bounty_id)
        self._timed("cancel", POSTER, f"/api/bounties/{bounty_id}/cancel", reason="It rains.")

    def _bounty(self) -> str:
        offer = {"title": f"Carry the sofa ({time.monotonic_ns()})", "amount_cents": PRICE_CENTS}
        offer["description"] = "It is heavy and must go upstairs."
        made: str = self._ask(POSTER, "/api/bounties", **offer)["id"]
        return made

    def _crowd(self, bounty_id: str) -> None:
        """Let people apply, once all that earlier steps have left is done."""
        while self._session.execute(LEFT).fetchone() is not None:
            time.sleep(0.02)
        self._session.execute(APPLIED, (bounty_id, APPLICATIONS))

    def _timed(self, step: str, who: int, path: str, **body: Any) -> None:
        began = time.perf_counter()
        self._ask(who, path, **body)
        self.times.setdefault(step, []).append((time.perf_counter() - began) * 1000)

    def _ask(self, who: int, path: str, **body: Any) -> Any:
        headers = {"authorization": f"Bearer {self._tokens[who]}"}
        response = self._http.post(path, json=body, headers=headers)
        if not response.is_success:
            raise AssertionError(f"{path}: {response.status_code} {response.text[:200]}")
        return response.json()
