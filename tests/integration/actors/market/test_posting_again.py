"""The same offer twice: a retry while the first waits, a new offer once it has gone on or ended."""

from __future__ import annotations

import pytest
from bountyexpo.actors.market.bounty_messages import CreateBounty
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import POSTED_AGAIN, Status
from bountyexpo.persistence.market.bounties import Terms

TERMS = Terms(title="Paint the fence", description="Two coats of green.", amount_cents=5_000)
SET_STATUS = "update bounties set status = %s, hunter_id = %s where id = %s"


async def post(market, poster):
    return await market.actors.bounty(new_id()).ask(CreateBounty(poster_id=poster, terms=TERMS))


async def bring(market, bounty_id, status):
    hunter = None if status is Status.OPEN else await market.person()
    await market.db.execute(SET_STATUS, (status.value, hunter, bounty_id))


@pytest.mark.parametrize("status", Status)
async def test_only_a_bounty_that_is_still_as_posted_is_a_retry(market, status):
    poster = await market.person(cents=10_000)
    first = await post(market, poster)
    await bring(market, first.bounty.id, status)

    again = await post(market, poster)

    is_retry = again.bounty.id == first.bounty.id
    assert (is_retry, again.replayed) == (status in POSTED_AGAIN,) * 2
    assert await market.available(poster) == (5_000 if is_retry else 0)


async def test_a_retry_after_a_second_offer_finds_the_second(market):
    poster = await market.person(cents=10_000)
    first = await post(market, poster)
    await bring(market, first.bounty.id, Status.COMPLETED)
    second = await post(market, poster)

    again = await post(market, poster)

    assert again.bounty.id == second.bounty.id != first.bounty.id
