"""Lists of applications: whose they are, page by page, and never more read than is shown."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.application import Status
from bountyexpo.persistence.market import requests
from bountyexpo.persistence.market.requests import Page

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
                 and (%(bounty_id)s::uuid is null or r.bounty_id = %(bounty_id)s)
                 and (%(hunter_id)s::uuid is null or r.hunter_id = %(hunter_id)s)
                 and (%(status)s::text is null or r.status = %(status)s)
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

        await requests.visible(Heard(), viewer, wanted)  # type: ignore[arg-type]
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


async def paged(fair: Fair, viewer: str, wanted: Page) -> list[str]:
    """Read page after page by the cursor."""
    found: list[str] = []
    while rows := await requests.visible(fair.db, viewer, wanted):
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
        wanted = Page(bounty_id=bounty_id, hunter_id=hunter_id, status=status, limit=200)
        assert await paged(fair, viewer, wanted) == await fair.truth(viewer, wanted)


async def test_no_more_is_read_than_is_shown(fair: Fair) -> None:
    poster = fair.posters[0]
    mine = fair.bounties[poster][0]
    for viewer, bounty_id, status in itertools.product(
        (poster, fair.one, fair.idle), (None, mine), (None, Status.PENDING)
    ):
        wanted = Page(bounty_id=bounty_id, status=status, limit=20)
        # Of either side, of each status, a page.
        assert await fair.rows_read(viewer, wanted) <= 2 * len(Status) * wanted.limit


async def test_what_a_command_wants_to_know_is_looked_up(fair: Fair) -> None:
    db, [bounty_id, _] = fair.db, fair.bounties[fair.posters[0]]

    mine = await requests.of_hunter(db, bounty_id, fair.one)
    assert mine is not None
    assert (mine.hunter_id, mine.bounty_id) == (fair.one, bounty_id)
    assert await requests.of_hunter(db, bounty_id, fair.idle) is None
    assert len(await requests.waiting(db, bounty_id)) == CROWD // 3
    assert await requests.has_waiting(db, bounty_id)
    assert not await requests.has_waiting(db, new_id())
