"""Lists of bounties: every filter, every order, page by page, and none reads the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import Status
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.persistence.market import bounties, bounty_lists
from bountyexpo.persistence.market.bounty_lists import (
    COUNTED_MAX,
    NO_END,
    OFFSET_MAX,
    After,
    Wanted,
)
from bountyexpo.persistence.market.search import index
from bountyexpo.persistence.market.search.terms import frequency, query_of
from bountyexpo.persistence.pool import Pool

from tests.commits import nobody
from tests.integration.persistence.market.market_of_many import (
    ORDERS,
    Explaining,
    fill,
    person,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOUNTIES = 600
# Enough for the planner to mind which way it takes.
MANY = 30_000

OPEN = [Status.OPEN.value]
ALL = [status.value for status in Status]

FILTERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "every status": {"statuses": ALL},
    "two statuses": {"statuses": ["archived", "deleted"]},
    "a poster": {"poster_id": 0, "statuses": ALL},
    "their own": {"poster_id": 2, "is_own": True, "statuses": ALL},
    "a hunter": {"hunter_id": 5, "statuses": ALL},
    "a category": {"category": "design"},
    "a kind of work": {"work_type": "in_person"},
    "a lowest price": {"cents_min": 300},
    "a range of prices": {"cents_min": 200, "cents_max": 400},
    "for honour": {"is_for_honor": True},
    "paid": {"is_for_honor": False, "work_type": "online", "category": "tech"},
}

INSERT_COPY = """
    insert into bounties (id, poster_id, title, description, amount_cents, is_for_honor,
                          platform_fee_bps, policy_version, status, end_date, created_at)
    select gen_random_uuid(), poster_id, title, description, amount_cents, is_for_honor,
           platform_fee_bps, policy_version, status, end_date, created_at
    from bounties where id = any(%s::uuid[])
"""


class Market:
    """A pool, and the people in it."""

    def __init__(self, db: Pool, people: list[str]) -> None:
        self.db = db
        self.people = people

    def wanted(self, **said: Any) -> Wanted:
        """What is asked for; people are named by their number."""
        for field in ("poster_id", "hunter_id", "viewer_id"):
            if field in said:
                said[field] = self.people[said[field]]
        return Wanted(**{"statuses": OPEN, **said})


@pytest.fixture
async def market(database: Pool) -> Market:
    return Market(database, await fill(database, BOUNTIES, is_indexed=True))


async def paged(market: Market, wanted: Wanted, between: Any = None) -> list[str]:
    """Read page after page, each after the last row of the one before."""
    found: list[str] = []
    while rows := await bounty_lists.page(market.db, wanted):
        assert len(rows) <= wanted.limit
        found += [row.id for row in rows]
        after = bounty_lists.after_of(rows[-1], wanted.sort)
        wanted = msgspec.structs.replace(wanted, after=after)
        if between is not None:
            await between(found)
    return found


@pytest.mark.parametrize(("sort", "is_ascending"), ORDERS)
async def test_pages_hold_all_that_fits_in_its_order(
    market: Market, sort: str, *, is_ascending: bool
) -> None:
    for said in FILTERS.values():
        wanted = market.wanted(sort=sort, is_ascending=is_ascending, limit=37, **said)
        expected = await truth(market.db, wanted)

        assert await paged(market, wanted) == expected
        assert await bounty_lists.count(market.db, wanted) == len(expected) > 0


@pytest.mark.parametrize(("sort", "is_ascending"), ORDERS)
async def test_no_row_is_lost_or_doubled_while_others_come(
    market: Market, sort: str, *, is_ascending: bool
) -> None:
    wanted = market.wanted(sort=sort, is_ascending=is_ascending, limit=23)
    before = await truth(market.db, wanted)

    async def twins(found: list[str]) -> None:
        # Of the rows at the end of the page and of those to come, with the same sort keys.
        await market.db.execute(INSERT_COPY, (found[-2:] + before[-2:],))

    found = await paged(market, msgspec.structs.replace(wanted, limit=50), twins)

    assert len(found) == len(set(found))
    assert [row for row in found if row in set(before)] == before


async def test_an_offset_skips_and_ends(market: Market) -> None:
    wanted = market.wanted(statuses=ALL, limit=10, offset=95)

    rows = await bounty_lists.page(market.db, wanted)

    assert [row.id for row in rows] == (await truth(market.db, wanted))[95:105]
    wanted.offset = OFFSET_MAX
    assert await bounty_lists.page(market.db, wanted) == []


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({"place": "york"}, lambda row: "York" in (row.location_text or "")),
        ({"place": "k_s"}, lambda row: row.location_text == "York_shire"),
        ({"place": "k"}, lambda row: "york" in (row.location_text or "").lower()),
        ({"place": "%"}, lambda _row: False),
        ({"terms": ("the", "sof")}, lambda row: row.title == "Carry the Sofa"),
        ({"terms": ("100", "of")}, lambda row: row.title == "Mend 100% of a roof"),
        ({"terms": ("number", "42")}, lambda row: "number 42" in row.description),
        ({"terms": ("ofa",)}, lambda _row: False),
        ({"skills": ("driving", "nothing")}, lambda row: "Driving" in row.skills_required),
        ({"skills": ("c++", "lift")}, lambda row: row.skills_required != ""),
        ({"skills": ("c+",)}, lambda row: row.skills_required == "c++"),
        ({"skills": ("nothing",)}, lambda _row: False),
    ],
)
async def test_texts_are_found_by_their_parts(
    market: Market, said: dict[str, Any], fits: Any
) -> None:
    wanted = market.wanted(statuses=ALL, limit=BOUNTIES, is_own=True)
    everything = await bounty_lists.page(market.db, wanted)

    texts = Filters(**said)
    wanted.query, wanted.place = query_of(texts), texts.place or None
    wanted.skills = list(texts.skills) or None
    expected = [row.id for row in everything if fits(row)]
    for wanted.is_frequent in (False, True):
        found = await bounty_lists.page(market.db, wanted)

        assert [row.id for row in found] == expected
    async with market.db.transaction() as tx:
        await index.add_up(tx, BOUNTIES)
    assert await frequency(market.db, texts) >= len(expected) * (wanted.query is not None)


async def test_what_is_hidden_or_blocked_is_not_listed(market: Market) -> None:
    db, (me, other, _, third, *_) = market.db, market.people
    [hidden, *_] = await truth(db, market.wanted(poster_id=0))
    await db.execute("insert into bounty_hidden (bounty_id, user_id) values (%s, %s)", (hidden, me))
    block = "insert into user_blocks (blocker_id, blocked_id) values (%s, %s)"
    await db.execute(block, (me, other))
    await db.execute(block, (third, me))

    mine = await bounty_lists.page(
        db, market.wanted(poster_id=0, viewer_id=0, is_own=True, limit=99)
    )
    feed = await bounty_lists.page(db, market.wanted(viewer_id=0, limit=BOUNTIES))
    strangers = await bounty_lists.page(db, market.wanted(limit=BOUNTIES))

    assert mine
    assert hidden not in {row.id for row in mine}
    assert {other, third} & {row.poster_id for row in strangers} == {other, third}
    assert not {other, third} & {row.poster_id for row in feed}
    assert hidden in {row.id for row in strangers}


async def test_a_row_tells_how_its_poster_is_rated_and_what_paid_for_it(market: Market) -> None:
    db, poster = market.db, market.people[0]
    [bounty_id, *_] = await truth(db, market.wanted(poster_id=0))
    await db.execute(
        "insert into user_stats (user_id, rating_sum_tenths, rating_count) values (%s, 90, 2)",
        (poster,),
    )
    for number in (1, 2):
        await db.execute(
            """insert into escrows (bounty_id, round, poster_id, source, amount_cents,
                                    policy_version, platform_fee_bps, state, settlement_round,
                                    intent_id)
               values (%s, %s, %s, 'card', 500, 1, 500, 'held', %s, %s)""",
            (bounty_id, number, poster, number, f"pi_{number}"),
        )

    [listed, *_] = await bounty_lists.page(db, market.wanted(poster_id=0))
    read = await bounties.get(db, bounty_id)

    assert listed == read
    assert listed.poster_rated.average == 4.5
    assert (listed.poster_rated.count, listed.payment_intent_id) == (2, "pi_2")


async def test_totals_are_counted_to_a_bound(database: Pool) -> None:
    await fill(database, 3 * COUNTED_MAX)

    assert await bounty_lists.count(database, Wanted(statuses=ALL, is_own=True)) == COUNTED_MAX
    assert await bounty_lists.count(database, Wanted(statuses=[])) == 0


@pytest.fixture(scope="module")
def crowded(module_dsn: str) -> tuple[str, list[str]]:
    """The address of a database with many bounties, and the people in it."""
    people: list[str] = []

    async def prepare() -> None:
        async with trio.open_nursery() as nursery:
            pool = Pool(module_dsn, nobody)
            await nursery.start(pool.run)
            await pool.wait_ready()
            people.extend(await fill(pool, MANY))
            # As in a large market, each has few of all these.
            one = await person(pool)
            people.append(one)
            await pool.execute(
                "update bounties set poster_id = %s where id in (select id from bounties limit 50)",
                (one,),
            )
            await pool.execute("vacuum analyze bounties")
            await pool.execute("analyze")
            nursery.cancel_scope.cancel()

    trio.run(prepare)
    return module_dsn, people


@pytest.fixture
async def many(crowded: tuple[str, list[str]]) -> AsyncIterator[Market]:
    dsn, people = crowded
    async with trio.open_nursery() as nursery:
        pool = Pool(dsn, nobody)
        await nursery.start(pool.run)
        await pool.wait_ready()
        yield Market(pool, people)
        nursery.cancel_scope.cancel()


SHAPES: dict[str, dict[str, Any]] = {
    **FILTERS,
    "a viewer": {"viewer_id": 0},
    "one of few": {"poster_id": -1, "statuses": ALL},
    "a place": {"place": "york", "query": "'l:yor'"},
    "words": {"query": "'sofa':*"},
    "frequent words": {"query": "'sofa':*", "is_frequent": True},
    "skills": {"skills": ["driving"], "query": "'s:dri'"},
}


@pytest.mark.parametrize(("sort", "is_ascending"), ORDERS)
async def test_no_list_reads_all_bounties(many: Market, sort: str, *, is_ascending: bool) -> None:
    value = {"amount": 500, "due_date": NO_END}.get(sort)
    for shape, said in SHAPES.items():
        explaining = Explaining(many.db)
        wanted = many.wanted(sort=sort, is_ascending=is_ascending, **said)
        later = msgspec.structs.replace(wanted, after=After(value, NO_END, new_id()))

        await bounty_lists.page(explaining, wanted)
        await bounty_lists.page(explaining, later)
        await bounty_lists.count(explaining, wanted)

        assert explaining.asked == 3
        assert "bounties" not in explaining.scanned, shape
