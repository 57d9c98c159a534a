"""A market of many bounties with many ties, and what a slow and plain statement finds in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.market.search import index

if TYPE_CHECKING:
    from bountyexpo.persistence.market.bounty_lists import Wanted
    from bountyexpo.persistence.queries import Database, Queries

PEOPLE = 12

PERSON = """
    with made as (insert into users (id, username, account_status) values (%s, %s, %s) returning id)
    insert into user_profiles (user_id) select id from made
"""

# Many share a moment, a price, an end; the last bits of their ids decide.
BOUNTIES = """
    insert into bounties (
        id, poster_id, hunter_id, title, description, amount_cents, is_for_honor, platform_fee_bps,
        policy_version, status, category, work_type, location_text, skills_required, end_date,
        created_at)
    select gen_random_uuid(), people[1 + n %% 11],
        case when n %% 6 between 2 and 4 then people[1 + (n + 1) %% 11] end,
        case n %% 4 when 0 then 'Mend 100%% of a roof' else 'Carry the Sofa' end,
        'Up the stairs, number ' || n,
        case when n %% 5 = 0 then 0 else 100 * (n %% 7 + 1) end, n %% 5 = 0, 500, 1,
        (array['open', 'open', 'in_progress', 'completed', 'cancellation_requested', 'archived',
               'cancelled', 'deleted'])[case when n %% 6 = 5 then 6 + n %% 3 else 1 + n %% 6 end],
        (array['tech', 'design', null])[1 + n %% 3],
        (array['online', 'in_person'])[1 + n %% 2],
        (array['New York', 'York_shire', 'Berlin', null])[1 + n %% 4],
        (array['Lifting, Driving', 'c++', ''])[1 + n %% 3],
        case when n %% 3 > 0 then date_trunc('day', now()) + n %% 4 * interval '1 day' end,
        date_trunc('day', now()) - n / 20 * interval '1 hour'
    from generate_series(1, %(bounties)s) n, (select %(people)s::uuid[] as people) p
"""

TRUTH = """
    select b.id from bounties b join users u on u.id = b.poster_id
    where b.status = any(%(statuses)s)
      and (%(poster_id)s::uuid is null or b.poster_id = %(poster_id)s)
      and (%(hunter_id)s::uuid is null or b.hunter_id = %(hunter_id)s)
      and (%(category)s::text is null or b.category = %(category)s)
      and (%(work_type)s::text is null or b.work_type = %(work_type)s)
      and (%(cents_min)s::bigint is null or b.amount_cents >= %(cents_min)s)
      and (%(cents_max)s::bigint is null or b.amount_cents <= %(cents_max)s)
      and (%(is_for_honor)s::boolean is null or b.is_for_honor = %(is_for_honor)s)
      and (%(is_own)s or u.account_status = 'active')
    order by {order}
"""
ORDERS = {
    ("created_at", False): "b.created_at desc, b.id desc",
    ("created_at", True): "b.created_at, b.id",
    ("amount", False): "b.amount_cents desc, b.created_at desc, b.id desc",
    ("amount", True): "b.amount_cents, b.created_at, b.id",
    ("due_date", False): "b.end_date desc nulls first, b.created_at desc, b.id desc",
    ("due_date", True): "b.end_date nulls last, b.created_at, b.id",
}


async def person(db: Queries, status: str = "active") -> str:
    user_id = new_id()
    await db.execute(PERSON, (user_id, user_id[:20], status))
    return user_id


async def fill(db: Database, bounties: int, *, is_indexed: bool = False) -> list[str]:
    """Make people, of whom the third is suspended, and what they offer; return the people."""
    people = [await person(db, "suspended" if n == 2 else "active") for n in range(PEOPLE)]
    await db.execute(BOUNTIES, {"bounties": bounties, "people": people})
    if is_indexed:
        async with db.transaction() as tx:
            await index.renew(tx, bounties)
    await db.execute("analyze bounties")
    return people


async def truth(db: Queries, wanted: Wanted) -> list[str]:
    """The ids of all that fits, in their order; of filters those that compare whole values."""
    order = ORDERS[wanted.sort, wanted.is_ascending]
    rows = await db.fetch(TRUTH.format(order=order), msgspec.structs.asdict(wanted))
    return [row["id"] for row in rows]


class Explaining:
    """Asks for the plan of each statement instead of its rows."""

    def __init__(self, db: Queries) -> None:
        self.db = db
        self.scanned: set[str] = set()
        self.asked = 0

    async def fetch(self, sql: str, params: Any = ()) -> list[dict[str, Any]]:
        """Note which tables the plan reads as a whole."""
        [row] = await self.db.fetch(f"explain (format json) {sql}", params)
        waiting = [row["QUERY PLAN"][0]["Plan"]]
        while waiting:
            node = waiting.pop()
            waiting += node.get("Plans", [])
            if node["Node Type"] == "Seq Scan":
                self.scanned.add(node["Relation Name"])
        self.asked += 1
        return []

    async def fetch_one(self, sql: str, params: Any = ()) -> dict[str, Any]:
        """The same of a statement that counts."""
        await self.fetch(sql, params)
        return {"total": 0}

    async def execute(self, sql: str, params: Any = ()) -> int:
        """Do nothing: lists do not write."""
        raise AssertionError(sql, params)
