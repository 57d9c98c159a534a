"""However large the market is, a search looks at a part of it: no plan reads all bounties."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.market.search.document import document
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.persistence.market.search import finding, index
from bountyexpo.persistence.market.search.finding import Near, Search
from bountyexpo.persistence.pool import Pool

from tests.commits import nobody
from tests.integration.persistence.market.search.offers import person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOUNTIES = 20_000
RARE_EVERY = 500

FILL = """
    insert into bounties (id, poster_id, title, description, amount_cents, platform_fee_bps,
                          policy_version, is_for_honor, status, created_at, latitude, longitude,
                          search, search_place, search_skills, is_search_old)
    select gen_random_uuid(), %(poster)s, 'Carry a sofa', 'Up the stairs.', 100 + n, 500, 1, false,
           case when n %% 3 = 0 then 'archived' else 'open' end, now() - n * interval '1 minute',
           (n * 37 %% 18000) / 100.0 - 90, (n * 91 %% 36000) / 100.0 - 180,
           (case when n %% %(every)s = 0 then %(rare)s else %(usual)s end)::tsvector,
           'berlin', 'lifting', false
    from generate_series(1, %(bounties)s) n
"""

OTHER_WORDS = "insert into search_words (word) select md5(n::text) from generate_series(1, %s) n"
OTHER_FORMS = """
    insert into search_forms (form, word) select word, word from search_words
    where length(word) = 32
"""

NEAR = Near(latitude=48.2, longitude=16.4, radius_km=30)

SHAPES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a frequent word": {"terms": ("sofa",)},
    "a rare word": {"terms": ("harpsichord",)},
    "a word with a mistake": {"terms": ("harpsicord",)},
    "a beginning": {"terms": ("har",)},
    "two words": {"terms": ("sofa", "harpsichord")},
    "a place": {"place": "erlin"},
    "skills": {"skills": ("lifting", "music")},
    "a price": {"cents_min": 5_000, "cents_max": 6_000},
    "a kind of work": {"work_type": "online", "is_for_honor": False},
    "a category": {"category": "design"},
    "two statuses": {"terms": ("sofa",), "statuses": ("open", "archived")},
}


@pytest.fixture(scope="module")
def market(module_dsn: str) -> str:
    """The address of a database with many bounties, of which few have a rare word."""
    trio.run(fill, module_dsn)
    return module_dsn


@pytest.fixture
async def filled(market: str) -> AsyncIterator[Pool]:
    async with trio.open_nursery() as nursery:
        pool = Pool(market, nobody)
        await nursery.start(pool.run)
        await pool.wait_ready()
        yield pool
        nursery.cancel_scope.cancel()


async def fill(dsn: str) -> None:
    usual, rare = (
        document(
            Terms(
                title=title,
                description="Up the stairs.",
                amount_cents=100,
                location_text="Berlin",
                skills_required="lifting",
            )
        )
        for title in ("Carry a sofa", "Carry a harpsichord")
    )
    async with trio.open_nursery() as nursery:
        pool = Pool(dsn, nobody)
        await nursery.start(pool.run)
        await pool.wait_ready()
        values = {"poster": await person(pool), "every": RARE_EVERY, "bounties": BOUNTIES}
        await pool.execute(FILL, values | {"rare": rare.vector, "usual": usual.vector})
        async with pool.transaction() as tx:
            for _ in range(3):
                await index.learn(tx, usual)
            await index.learn(tx, rare)
            await index.add_up(tx, 10)
        for word, bounties in (("sofa", BOUNTIES), ("harpsichord", BOUNTIES // RARE_EVERY)):
            counted = "update search_words set bounties = %s where word = %s"
            await pool.execute(counted, (bounties, word))
        await pool.execute(OTHER_WORDS, (BOUNTIES,))
        await pool.execute(OTHER_FORMS)
        await pool.execute("analyze")
        nursery.cancel_scope.cancel()


class Explaining:
    """Runs statements, and notes which tables their plans read as a whole."""

    def __init__(self, db: Pool) -> None:
        self.db = db
        self.scanned: list[str] = []
        self.searches = 0

    async def fetch(self, sql: str, params: Any) -> list[dict[str, Any]]:
        [row] = await self.db.fetch(f"explain (format json) {sql}", params)
        waiting = [row["QUERY PLAN"][0]["Plan"]]
        while waiting:
            node = waiting.pop()
            waiting += node.get("Plans", [])
            if node["Node Type"] == "Seq Scan":
                self.scanned.append(node["Relation Name"])
        self.searches += "bounties b" in sql
        return await self.db.fetch(sql, params)


@pytest.mark.parametrize("sort", [None, *finding.ORDERS])
@pytest.mark.parametrize("shape", SHAPES)
async def test_no_search_reads_all_bounties(filled: Pool, shape: str, sort: str | None) -> None:
    await explained(filled, sort=sort, filters=Filters(**SHAPES[shape]))


@pytest.mark.parametrize("shape", SHAPES)
async def test_no_search_nearby_reads_all_bounties(filled: Pool, shape: str) -> None:
    await explained(filled, sort="distance_asc", near=NEAR, filters=Filters(**SHAPES[shape]))


async def explained(db: Pool, **wanted: Any) -> None:
    explaining = Explaining(db)

    await finding.search(
        explaining,  # type: ignore[arg-type]
        Search(viewer_id=None, now=datetime.now(UTC), **wanted),
    )

    assert explaining.searches
    assert not {"bounties", "search_words", "search_forms"} & {*explaining.scanned}
