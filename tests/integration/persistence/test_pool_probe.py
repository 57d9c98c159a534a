"""Idle sessions are probed beside the watch: a peer that vanished holds up nobody."""

from __future__ import annotations

import pytest
import trio
from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.persistence.pool import Pool

from tests.commits import UNHEARD
from tests.integration.persistence.silent_proxy import silent_proxy
from tests.integration.persistence.test_database_pool import running
from tests.patience import PATIENCE_S

POOL = "bountyexpo.persistence.pool."


@pytest.fixture
def soon(monkeypatch):
    """Probe a session as soon as the watch sees that it is idle."""
    monkeypatch.setattr(f"{POOL}PROBE_AFTER_S", 0.0)


async def test_callers_are_refused_in_time_while_a_probe_waits(dsn, soon, monkeypatch):
    monkeypatch.setattr(f"{POOL}PROBE_TIMEOUT_S", 60.0)
    async with silent_proxy(dsn) as proxy:
        pool = Pool(proxy.dsn, UNHEARD, size_min=1, size_max=1, acquire_timeout_s=0.3)
        async with running(pool):
            proxy.vanish()
            with trio.fail_after(PATIENCE_S):
                await proxy.was_asked.wait()

                with pytest.raises(DatabaseUnavailable):
                    await pool.fetch("select 1")


async def test_a_session_that_leaves_its_probe_unanswered_is_replaced(dsn, soon, monkeypatch):
    monkeypatch.setattr(f"{POOL}PROBE_TIMEOUT_S", 0.3)
    async with silent_proxy(dsn) as proxy:
        pool = Pool(proxy.dsn, UNHEARD, size_min=1, size_max=1, acquire_timeout_s=5)
        async with running(pool):
            proxy.vanish()
            with trio.fail_after(PATIENCE_S):
                await proxy.was_asked.wait()

                assert await pool.fetch_one("select 1 as one") == {"one": 1}

            assert pool.statistics()["size"] == 1


async def test_a_pool_may_stop_in_the_middle_of_a_probe(dsn, soon, monkeypatch):
    monkeypatch.setattr(f"{POOL}PROBE_TIMEOUT_S", 60.0)
    async with silent_proxy(dsn) as proxy:
        pool = Pool(proxy.dsn, UNHEARD, size_min=1, size_max=1)
        with trio.fail_after(PATIENCE_S):
            async with running(pool):
                proxy.vanish()
                await proxy.was_asked.wait()

        assert pool.statistics()["size"] == 0
