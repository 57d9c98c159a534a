"""How fast the market is searched, with a million bounties, and how soon live searches hear.

python -m bench.search [BOUNTIES]
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.search.document import document
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.persistence.after_commit import AfterCommit
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.persistence.market.search import finding, index
from bountyexpo.persistence.market.search.finding import Near, Search
from bountyexpo.persistence.migrate import migrate_now
from bountyexpo.persistence.pool import Pool
from bountyexpo.persistence.statement import Json
from bountyexpo.sandbox.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Name, value, unit, and the value that was aimed at.
Figure = tuple[str, float, str, float]

BOUNTIES = 1_000_000
# So many different texts, each of which is offered many times.
TEXTS = 5_000
# Words by how often they are used: the first in most texts, the last in few.
WORDS = 4_000
PLACES = ("Berlin", "Remote", "New York", "São Paulo", "Nairobi", "Little Rock", "Oslo")
CATEGORIES = ("tech", "design", "writing", "labor", "delivery", "other")
QUESTIONS = 400
P95_MS = 20.0

FILL = """
    insert into bounties (id, poster_id, title, description, amount_cents, platform_fee_bps,
                          policy_version, is_for_honor, status, category, work_type, location_text,
                          skills_required, latitude, longitude, created_at, search, search_place,
                          search_skills, is_search_old)
    select gen_random_uuid(), %(poster)s, t.title, t.description,
           case when t.is_for_honor then 0 else 100 + (random() * 500000)::int end, 500, 1,
           t.is_for_honor, case when random() < 0.8 then 'open' else 'completed_later' end,
           t.category, t.work_type, t.location_text, t.skills_required,
           random() * 120 - 60, random() * 360 - 180,
           now() - random() * interval '365 days', t.vector::tsvector, t.place, t.skills, false
    from jsonb_to_recordset(%(texts)s) as t(
        title text, description text, is_for_honor bool, category text, work_type text,
        location_text text, skills_required text, vector text, place text, skills text),
        generate_series(1, %(times)s)
""".replace("completed_later", "archived")

COUNT = """
    update search_words w set bounties = 10 * s.ndoc
    from ts_stat('select search from bounties tablesample system (10)') s where s.word = w.word
"""


def vocabulary() -> list[str]:
    """Pronounceable words, each once, the same in each run."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    draw = random.Random(7)
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(draw.choices(syllables, k=draw.choice((2, 3, 3, 4, 5))))] = None
    return list(found)


def texts(words: Sequence[str]) -> Iterable[Terms]:
    """Different offers in words as frequent as they are in a language (Zipf)."""
    draw = random.Random(11)
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    for _ in range(TEXTS):
        said = draw.choices(words, weights, k=46)
        yield Terms(
            title=" ".join(said[:6]),
            description=" ".join(said[6:42]),
            amount_cents=0 if draw.random() < 0.1 else 100,
            is_for_honor=False,
            category=draw.choice(CATEGORIES),
            work_type=draw.choice(("online", "in_person")),
            location_text=draw.choice(PLACES),
            skills_required=", ".join(said[42:]),
        )


async def fill(pool: Pool, words: Sequence[str], bounties: int) -> None:
    """Offer every text many times, and count the words."""
    poster = new_id()
    await pool.execute("insert into users (id, username) values (%s, 'poster')", (poster,))
    await pool.execute("insert into user_profiles (user_id) values (%s)", (poster,))
    await pool.execute("drop index bounties_search")
    part = 250
    offers = list(texts(words))
    for start in range(0, TEXTS, part):
        rows = []
        async with pool.transaction() as tx:
            for terms in offers[start : start + part]:
                found = document(terms)
                await index.learn(tx, found)
                row = {name: getattr(terms, name) for name in Terms.__struct_fields__}
                row |= {"is_for_honor": terms.amount_cents == 0, "vector": found.vector}
                rows.append(row | {"place": found.place, "skills": found.skills})
            values = {"poster": poster, "texts": Json(rows), "times": bounties // TEXTS}
            await tx.execute(FILL, values)
    await pool.execute("delete from search_changes")


async def ask(pool: Pool, asked: Sequence[dict[str, Any]]) -> list[float]:
    """Return the milliseconds of each question, sorted; some are asked before, to warm up."""
    times = []
    for nth, question in enumerate([*asked[:40], *asked]):
        filters, others = question.copy(), {}
        for name in ("near", "sort"):
            if name in filters:
                others[name] = filters.pop(name)
        wanted = Search(filters=Filters(**filters), viewer_id=None, now=datetime.now(UTC), **others)
        began = trio.current_time()
        await finding.search(pool, wanted)
        if nth >= 40:
            times.append((trio.current_time() - began) * 1000)
    return sorted(times)


def questions(words: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What is asked: words as people use them, with what they do to them."""
    draw = random.Random(13)
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    usual = [draw.choices(words, weights)[0] for _ in range(QUESTIONS)]
    rare = [draw.choice(words[WORDS // 2 :]) for _ in range(QUESTIONS)]
    wrong = [word[:2] + word[3] + word[2] + word[4:] for word in rare if len(word) > 5]
    where = Near(latitude=10.0, longitude=10.0, radius_km=100.0)
    return {
        "one word": [{"terms": (word,)} for word in usual],
        "one rare word": [{"terms": (word,)} for word in rare],
        "a rare word with a mistake": [{"terms": (word,)} for word in wrong],
        "a beginning of three letters": [{"terms": (word[:3],)} for word in usual],
        "two words": [{"terms": pair} for pair in zip(usual, rare, strict=True)],
        "a word and a place": [{"terms": (word,), "place": "berlin"} for word in usual],
        "a price, dearest first": [{"cents_min": 10_000, "sort": "amount_desc"} for _ in usual],
        "nearby": [{"near": where, "sort": "distance_asc"} for _ in usual[:100]],
    }


async def run(bounties: int = BOUNTIES) -> list[Figure]:
    """Fill a market and search it."""
    folder = Path(tempfile.mkdtemp(prefix="bountyexpo-bench-"))
    server = EmbeddedPostgres(folder / "data", settings={"shared_buffers": "512MB"})
    words, found = vocabulary(), []
    try:
        dsn = await trio.to_thread.run_sync(server.start)
        await trio.to_thread.run_sync(migrate_now, dsn)
        async with trio.open_nursery() as nursery:
            pool = Pool(dsn, AfterCommit(lambda _: None, lambda: None), statement_timeout_s=1_200)
            await nursery.start(pool.run)
            await pool.wait_ready()
            await fill(pool, words, bounties)
            await pool.execute("create index bounties_search on bounties using gin (search)")
            await pool.execute("vacuum analyze bounties")
            await pool.execute(COUNT)
            await pool.execute("vacuum analyze")
            for name, asked in questions(words).items():
                times = await ask(pool, asked)
                found.append((f"{name}, median", times[len(times) // 2], "ms", P95_MS))
                found.append((f"{name}, p95", times[int(len(times) * 0.95)], "ms", P95_MS))
            nursery.cancel_scope.cancel()
    finally:
        await trio.to_thread.run_sync(server.stop)
        shutil.rmtree(folder, ignore_errors=True)
    return found


if __name__ == "__main__":
    for figure in trio.run(run, *map(int, sys.argv[1:])):
        print(*figure)
