"""Whether an old client may take a bounty by one word, as the policy of the service has it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.identity import Identity
from bountyexpo.errors import Conflict
from bountyexpo.operations.call import Call
from bountyexpo.operations.market.bounty.shortcuts import TakeBounty, accept_bounty

from tests.integration.actors.conftest import Market

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bountyexpo.persistence.pool import Pool


@asynccontextmanager
async def service(database: Pool, **policy: Any) -> AsyncIterator[Market]:
    async with trio.open_nursery() as nursery:
        market = Market(database, **policy)
        await nursery.start(market.run_pools)
        yield market
        nursery.cancel_scope.cancel()


def call(market: Market, user_id: str) -> Call:
    services: Any = SimpleNamespace(
        db=market.db, actors=market.actors, policy=market.policy, clock=market.clock
    )
    return Call(services, request_id="r", identity=Identity(user_id=user_id, expires_at=2**40))


async def take(market: Market, user_id: str, bounty_id: str) -> Any:
    return await accept_bounty(call(market, user_id), TakeBounty(bounty_id=bounty_id))


async def test_it_is_an_application_and_its_answer_where_that_is_allowed(database: Pool) -> None:
    async with service(database, takes_direct_accept=True) as market:
        poster, hunter = await market.person(cents=10_000), await market.person()
        bounty_id = await market.bounty(poster)

        applied = await take(market, hunter, bounty_id)
        waits = await market.stored(bounty_id)
        accepted = await take(market, poster, bounty_id)
        again = await take(market, poster, bounty_id)

        assert (applied.application.status, waits.status) == ("pending", "open")
        assert (accepted.newStatus, accepted.hunter_id) == ("in_progress", hunter)
        assert again == accepted


async def test_it_is_refused_and_leaves_nothing_where_applications_are_asked_for(
    database: Pool,
) -> None:
    async with service(database, takes_direct_accept=False) as market:
        poster, hunter = await market.person(cents=10_000), await market.person()
        bounty_id = await market.bounty(poster)
        other = await market.person()
        await market.apply(other, bounty_id)
        before = await market.stored(bounty_id)

        for user_id in (hunter, poster):
            with pytest.raises(Conflict) as refusal:
                await take(market, user_id, bounty_id)
            assert refusal.value.error_code == "USE_APPLICATION"
            assert refusal.value.fields["currentStatus"] == "open"

        assert await market.stored(bounty_id) == before
        rows = await market.db.fetch("select hunter_id, status from bounty_requests")
        assert [(row["hunter_id"], row["status"]) for row in rows] == [(other, "pending")]
