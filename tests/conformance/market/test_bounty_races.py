"""Twenty at once ask for the same step: it is taken once, and the money is right to the cent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from bountyexpo.integrations.tls import trusted

from tests.integration.product.market.offers import WALLET_CENTS, Offer
from tests.integration.product.product import Product, standing_product
from tests.integration.product.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 60.0
CROWD = 20

# The step, what was done before it, the status after it, and what poster and hunter have then.
RACES: dict[str, tuple[tuple[str, str, Any], str, str, int, int]] = {
    "archive": (("POST", "/archive", None), "", "archived", WALLET_CENTS, 0),
    "delete": (("DELETE", "", None), "", "deleted", WALLET_CENTS, 0),
    "price": (("PATCH", "", {"amount": 70}), "", "open", WALLET_CENTS - 7_000, 0),
    "status": (("PATCH", "/status", {"status": "cancelled"}), "", "cancelled", WALLET_CENTS, 0),
    "accept": (("POST", "/accept", None), "applied", "in_progress", 15_000, 0),
    "complete": (("POST", "/complete", {"rating": 4}), "handed in", "completed", 15_000, 4_750),
}


@pytest.fixture(scope="module")
def scene(module_dsn: str) -> Iterator[Scene]:
    with standing_product(module_dsn, RATE_LIMITS="off") as product:
        yield Scene(product)


def prepared(scene: Scene, before: str) -> Offer:
    """A bounty of $50.00 to which this has happened."""
    offer = Offer(scene)
    if before == "applied":
        offer.apply()
    elif before == "handed in":
        offer.begin()
        offer.hand_in()
    return offer


async def crowd(product: Product, offer: Offer, step: tuple[str, str, Any]) -> Counter[int]:
    """Let all of them ask at once; return how many heard what."""
    method, rest, body = step
    headers = {"authorization": f"Bearer {offer.poster.token}"}
    path, heard = f"/api/bounties/{offer.id}{rest}", Counter[int]()
    async with httpx.AsyncClient(
        verify=trusted(), base_url=product.url, trust_env=False, timeout=30
    ) as client:

        async def ask() -> None:
            answer = await client.request(method, path, json=body, headers=headers)
            heard[answer.status_code] += 1

        async with trio.open_nursery() as nursery:
            for _ in range(CROWD):
                nursery.start_soon(ask)
    return heard


@pytest.mark.parametrize("name", RACES)
async def test_it_is_taken_once(scene: Scene, name: str) -> None:
    step, before, status, poster_cents, hunter_cents = RACES[name]
    offer = await trio.to_thread.run_sync(prepared, scene, before)
    version = offer.row["version"]

    with trio.fail_after(LIMIT_S):
        heard = await crowd(scene.product, offer, step)

    assert heard[200] >= 1
    assert set(heard) <= {200, 409}, heard
    assert (offer.row["status"], offer.row["version"]) == (status, version + 1)
    assert offer.left_cents == poster_cents
    assert scene.product.balance(offer.hunter)["balanceCents"] == hunter_cents
    assert scene.product.books_balance()
