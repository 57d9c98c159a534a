"""Lists of applications: whose they are, page by page, and never more read than is shown."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.application import Status
from bountyexpo.persistence.market import request_lists, requests
from bountyexpo.persistence.market.bounty_lists import COUNTED_MAX, OFFSET_MAX
from bountyexpo.persistence.market.request_lists import Page

from tests.integration.persistence.market.market_of_many import Explaining

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

CROWD = 1_500

PEOPLE = """
    with made as (insert into users (id, username)
                  select gen_random_uuid(), 'crowd-' || n from generate_series(1, %s) n
                  returning id)
    insert into user_profiles (user_id) select id from made
"""
BOUNTY = """
    insert into bounties (id, poster_id, title, description, amount_cents, platform_fee_bps,
                          policy_version, is_for_honor, status)
    values (%s, %s, 'Carry a sofa', 'It is heavy and goes up the stairs.', 0, 500, 1, true, 'open')
"""
# Everybody but those who are named applies; of each status there are some.
APPLY = """
    insert into bounty_requests (id, bounty_id, hunter_id, status, created_at)
    select gen_random_uuid(), %s, id,
           case when row_number() over () %% 3 = 0 then 'withdrawn'
                when row_number() over () %% 3 = 1 then 'rejected' else 'pending' end,
           now() - row_number() over () * interval '1 second'
    from users where username like 'crowd-%%'
"""


async def person(db: Pool) -> str:
    user_id = new_id()
    await db.execute("insert into users (id, username) values (%s, %s)", (user_id, user_id[:20]))
    await db.execute("insert into user_profiles (user_id) values (%s)", (user_id,))
    return user_id


class Fair:
    """Two posters with two bounties each, and a crowd that has applied to all of them."""

    def __init__(self, db: Pool) -> None:
        self.db = db
        self.posters: list[str] = []
        self.bounties: dict[str, list[str]] = {}
        self.idle = ""
        self.one = ""

    async def begin(self) -> None:
        db = self.db
        await db.execute(PEOPLE, (CROWD,))
        self.idle = await person(db)
        for _ in range(2):
            poster = await person(db)
            self.posters.append(poster)
            self.bounties[poster] = [new_id(), new_id()]
            for bounty_id in self.bounties[poster]:
                await db.execute(BOUNTY, (bounty_id, poster))
                await db.execute(APPLY, (bounty_id,))
        row = await db.fetch_one("select id from users where username = 'crowd-7'")
        assert row is not None
        self.one = row["id"]
        await db.execute("analyze bounty_requests")

    async def truth(self, viewer: str, wanted: Page) -> list[str]:
        """The ids of all that the viewer may see, by a statement that is slow and plain."""
        rows = await self.db.fetch(
            """select r.id from bounty_requests r join bounties b on b.id = r.bounty_id
               where %(viewer)s in (r.hunter_id, b.poster_id)
                 and (%(bounty_ids)s::uuid[] is null or r.bounty_id = any(%(bounty_ids)s))
                 and (%(hunter_id)s::uuid is null or r.hunter_id = %(hunter_id)s)
                 and r.status = any(%(statuses)s)
               order by r.created_at desc, r.id desc""",
            msgspec.structs.asdict(wanted) | {"viewer": viewer},
        )
        return [row["id"] for row in rows]

    async def rows_read(self, viewer: str, wanted: Page) -> int:
        """How many applications the statement of a page looks at."""
        seen: list[tuple[str, Any]] = []

        class Heard:
            async def fetch(self, sql: str, params: Any) -> list[Any]:
                seen.append((sql, params))
                return []

        await request_lists.page(Heard(), viewer, wanted)  # type: ignore[arg-type]
        [(sql, params)] = seen
        [row] = await self.db.fetch(f"explain (analyze, format json) {sql}", params)
        return sum(_rows(row["QUERY PLAN"][0]["Plan"]))


def _rows(plan: dict[str, Any]) -> Any:
    if plan.get("Relation Name") == "bounty_requests":
        read = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield read * plan["Actual Loops"]
    for each in plan.get("Plans", ()):
        yield from _rows(each)


@pytest.fixture
async def fair(database: Pool) -> Fair:
    found = Fair(database)
    await found.begin()
    return found


def one(value: str | None) -> list[str] | None:
    return None if value is None else [value]


async def paged(fair: Fair, viewer: str, wanted: Page) -> list[str]:
    """Read page after page by the cursor."""
    found: list[str] = []
    while rows := await request_lists.page(fair.db, viewer, wanted):
        assert len(rows) <= wanted.limit
        found += [row.id for row in rows]
        last = rows[-1]
        wanted = msgspec.structs.replace(wanted, before=last.created_at, before_id=last.id)
    return found


async def test_pages_hold_all_that_one_may_see_and_nothing_else(fair: Fair) -> None:
    [poster, other] = fair.posters
    mine, foreign = fair.bounties[poster][0], fair.bounties[other][0]
    for viewer, bounty_id, hunter_id, status in itertools.product(
        (poster, fair.one, fair.idle),
        (None, mine, foreign),
        (None, fair.one),
        (None, *Status),
    ):
        wanted = Page(bounty_ids=one(bounty_id), hunter_id=hunter_id, limit=200)
        wanted.statuses = one(status) or wanted.statuses
        assert await paged(fair, viewer, wanted) == await fair.truth(viewer, wanted)


async def test_each_direction_is_a_part_and_is_counted(fair: Fair) -> None:
    [poster, other] = fair.posters
    await fair.db.execute(
        "insert into bounty_requests (id, bounty_id, hunter_id, poster_id) values (%s, %s, %s, %s)",
        (new_id(), fair.bounties[other][0], poster, other),
    )
    everything = await fair.truth(poster, Page())

    sent = await paged(fair, poster, Page(direction="sent"))
    received = await paged(fair, poster, Page(direction="received", limit=200))

    assert len(sent) == 1
    assert [row for row in everything if row not in sent] == received
    assert await request_lists.count(fair.db, poster, Page(direction="sent")) == 1
    assert await request_lists.count(fair.db, poster, Page()) == COUNTED_MAX < len(everything)


async def test_a_page_by_its_number_is_a_stretch_of_all(fair: Fair) -> None:
    poster = fair.posters[0]
    wanted = Page(limit=50, offset=100, bounty_ids=fair.bounties[poster])

    rows = await request_lists.page(fair.db, poster, wanted)

    assert [row.id for row in rows] == (await fair.truth(poster, wanted))[100:150]
    assert {row.bounty.id == row.bounty_id for row in rows} == {True}
    wanted.offset = OFFSET_MAX
    assert await request_lists.page(fair.db, poster, wanted) == []


async def test_no_page_reads_all_applications(fair: Fair) -> None:
    bounty_ids = fair.bounties[fair.posters[0]]
    for viewer, wanted in itertools.product(
        (fair.posters[0], fair.one, fair.idle),
        (
            Page(),
            Page(direction="sent"),
            Page(direction="received", bounty_ids=bounty_ids[:1]),
            Page(bounty_ids=bounty_ids),
            Page(hunter_id=fair.one),
            Page(statuses=["pending"], before=datetime.now(UTC), before_id=new_id()),
        ),
    ):
        explaining = Explaining(fair.db)

        await request_lists.page(explaining, viewer, wanted)
        await request_lists.count(explaining, viewer, wanted)

        assert explaining.asked == 2
        assert "bounty_requests" not in explaining.scanned


async def test_no_more_is_read_than_is_shown(fair: Fair) -> None:
    poster = fair.posters[0]
    mine = fair.bounties[poster][0]
    for viewer, bounty_id, status in itertools.product(
        (poster, fair.one, fair.idle), (None, mine), (None, Status.PENDING)
    ):
        wanted = Page(bounty_ids=one(bounty_id), limit=20)
        wanted.statuses = one(status) or wanted.statuses
        # Of either side, of each status, a page.
        assert await fair.rows_read(viewer, wanted) <= 2 * len(Status) * wanted.limit


async def test_what_a_command_wants_to_know_is_looked_up(fair: Fair) -> None:
    db, [bounty_id, _] = fair.db, fair.bounties[fair.posters[0]]

    mine = await requests.of_hunter(db, bounty_id, fair.one)
    assert mine is not None
    assert (mine.hunter_id, mine.bounty_id) == (fair.one, bounty_id)
    assert await requests.of_hunter(db, bounty_id, fair.idle) is None
    assert len(await requests.waiting(db, bounty_id, CROWD)) == CROWD // 3
    assert len(await requests.waiting(db, bounty_id, 5)) == 5
    assert await requests.has_waiting(db, bounty_id)
    assert not await requests.has_waiting(db, new_id())
