"""A market of a million bounties and two hundred thousand users, on a server of its own.

``filled_market`` fills and removes it; any benchmark of lists or searches may be served from it.
What is offered is of ``KINDS`` kinds, each with words, a place, skills and a category, indexed for
the search as the service itself would.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import trio
from bountyexpo.domain.market.search.document import document
from bountyexpo.persistence.after_commit import AfterCommit
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.persistence.market.search import index
from bountyexpo.persistence.migrate import migrate_now
from bountyexpo.persistence.pool import Pool
from bountyexpo.sandbox.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNTIES = 1_000_000
USERS = 200_000
KINDS = 200
EVERY_HONOR = 10

TASKS = (
    *("Carry a sofa", "Paint the fence", "Walk the dog", "Mend a roof", "Write a text"),
    *("Draw a logo", "Fix the sink", "Translate a letter", "Mow the lawn", "Build a shelf"),
)
SKILLS = (
    *("lifting, driving", "painting", "dogs", "carpentry", "writing, english", "design"),
    *("plumbing", "french, english", "gardening", "rust, python"),
)
TOWNS = (
    *("New York", "Boston", "Chicago", "Denver", "Austin", "Seattle", "Portland", "Miami"),
    *("Dallas", "Phoenix", "Houston", "Oakland", "Tampa", "Tucson", "Omaha", "Fresno"),
    *("Mesa", "Tulsa", "Wichita", "Raleigh"),
)
CATEGORIES = ("tech", "design", "writing", "labor", "delivery", "other", None)

# By a number, so that everybody can be named: an id of version 4.
USER_ID = "('be9c0000-0000-4000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"

PEOPLE = f"""
    insert into users (id, username, account_status)
    select {USER_ID.format("n")}, 'market_' || n,
           case when n %% 500 = 0 then 'suspended' else 'active' end
    from generate_series(1, %(users)s) n;
"""
PROFILES = """
    insert into user_profiles (user_id, display_name) select id, 'Person ' || username from users
"""
STATS = """
    insert into user_stats (user_id, rating_sum_tenths, rating_count)
    select id, 40 * 7, 7 from users where left(id::text, 4) = 'be9c'
"""
MADE = f"""
    insert into bounties (
        id, poster_id, hunter_id, title, description, amount_cents, is_for_honor, platform_fee_bps,
        policy_version, status, category, work_type, location_text, skills_required, latitude,
        longitude, end_date, created_at, search, search_place, search_skills, is_search_old)
    select gen_random_uuid(), {USER_ID.format("1 + (n::bigint * 7919) %% %(users)s")},
        case when turn > 5 then {USER_ID.format("1 + (n::bigint * 7919 + 1) %% %(users)s")} end,
        k.title, k.description,
        case when k.is_for_honor then 0 else 100 + (n::bigint * 104729) %% 50000 end,
        k.is_for_honor, 500, 1,
        coalesce((array['in_progress', 'completed', 'archived', 'cancelled'])[turn - 5], 'open'),
        k.category, k.work_type, k.place, k.skills, k.latitude, k.longitude,
        case when n %% 3 > 0 then now() + (n %% 5000) * interval '1 hour' end,
        now() - n * interval '1 minute', k.vector::tsvector, k.folded_place, k.folded_skills, false
    from generate_series(1, %(bounties)s) n
    join lateral (select n / %(kinds)s %% 10 as turn) t on true
    join kinds k on k.number = (n::bigint * 31) %% %(kinds)s
"""
KIND = """
    create temp table kinds (
        number int primary key, title text, description text, is_for_honor boolean, category text,
        work_type text, place text, skills text, latitude float8, longitude float8, vector text,
        folded_place text, folded_skills text)
"""
INDEXES = """
    select indexname, indexdef from pg_indexes where schemaname = 'app' and tablename = 'bounties'
        and indexname not in (select conname from pg_constraint)
"""


@contextmanager
def filled_market() -> Iterator[str]:
    """Fill a market; yield the address of its database, and remove it after."""
    with empty_market() as dsn:
        fill(dsn)
        yield dsn


@contextmanager
def empty_market() -> Iterator[str]:
    """A migrated database that knows the words of the market already; removed after."""
    folder = Path(tempfile.mkdtemp(prefix="bountyexpo-bench-"))
    fast = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB"}
    server = EmbeddedPostgres(folder / "data", settings=fast)
    try:
        dsn = server.start()
        migrate_now(dsn)
        trio.run(_learn, dsn)
        yield dsn
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def user_id(number: int) -> str:
    """The id of the market's user ``number``, from 1 on."""
    return str(uuid.UUID(f"be9c0000-0000-4000-8000-{number:012x}"))


def fill(dsn: str, *, bounties: int = BOUNTIES, users: int = USERS) -> None:
    """Put users and bounties into a migrated database that has none."""
    counts = {"bounties": bounties, "users": users, "kinds": KINDS}
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set search_path to app, public")
        session.execute("set maintenance_work_mem to '512MB'")
        session.execute("set statement_timeout to 0")
        # Rows are right by themselves; nobody is to check each of a million.
        session.execute("set session_replication_role to replica")
        session.execute(PEOPLE, counts)
        session.execute(PROFILES)
        session.execute(STATS)
        _add_kinds(session)
        found = session.execute(INDEXES).fetchall()
        for name, _ in found:
            session.execute(f'drop index "{name}"')
        session.execute(MADE, counts)
        for _, definition in found:
            session.execute(definition)
        session.execute("update search_words set bounties = bounties * %s", (bounties // KINDS,))
        session.execute("vacuum analyze")


def _kind(number: int) -> dict[str, Any]:
    task, town = number % len(TASKS), number // len(TASKS)
    is_for_honor = number % EVERY_HONOR == 0
    return {
        "title": TASKS[task] if number != 77 else "Tune a harpsichord",
        "description": "It has to be done with care, and the tools for it are there already.",
        "is_for_honor": is_for_honor,
        "category": CATEGORIES[number % len(CATEGORIES)],
        "work_type": "in_person" if number % 3 else "online",
        "location_text": f"{TOWNS[town]}, downtown",
        "skills_required": SKILLS[task],
        "latitude": 30.0 + town,
        "longitude": -120.0 + 2 * town,
    }


def _add_kinds(session: psycopg.Connection[Any]) -> None:
    session.execute(KIND)
    for number in range(KINDS):
        kind = _kind(number)
        found_by = document(Terms(amount_cents=0 if kind["is_for_honor"] else 100, **kind))
        row = (number, *kind.values(), found_by.vector, found_by.place, found_by.skills)
        marks = ", ".join(["%s"] * len(row))
        session.execute(
            f"""insert into kinds (number, title, description, is_for_honor, category, work_type,
                                   place, skills, latitude, longitude, vector, folded_place,
                                   folded_skills) values ({marks})""",
            row,
        )


async def _learn(dsn: str) -> None:
    """Let the words of each kind be found, and count them once."""
    async with trio.open_nursery() as nursery:
        pool = Pool(dsn, AfterCommit(lambda _events: None, lambda: None))
        await nursery.start(pool.run)
        await pool.wait_ready()
        async with pool.transaction() as tx:
            for number in range(KINDS):
                kind = _kind(number)
                cents = 0 if kind["is_for_honor"] else 100
                await index.learn(tx, document(Terms(amount_cents=cents, **kind)))
            await index.add_up(tx, KINDS)
        nursery.cancel_scope.cancel()
