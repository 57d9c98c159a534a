"""Bounties for the effects to happen to."""

from __future__ import annotations

import pytest

from tests.integration.actors.market.effects.steps import Job, a_job


@pytest.fixture
async def job(market) -> Job:
    """An open bounty of $100.00."""
    return await a_job(market)


@pytest.fixture
async def honor(market) -> Job:
    """An open bounty for honor."""
    return await a_job(market, cents=0)


@pytest.fixture
async def running(job) -> Job:
    """A bounty of $100.00 with a hunter at work."""
    await job.begin()
    return job
