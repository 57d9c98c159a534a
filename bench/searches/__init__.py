"""How fast a large market is searched, through the whole server, and live searches hear."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

import trio

from bench.lists import REQUESTS, WARM_UP, timed
from bench.lists.large_market import filled_market
from bench.searches import live
from bench.server import serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.lists import Rows

# What is asked for, by turns, under each name.
SHAPES: Mapping[str, tuple[str, ...]] = {
    "a frequent word": ("q=sofa", "q=fence", "q=done"),
    "a rare word": ("q=harpsichord", "q=nosuchword"),
    "a word with mistakes": ("q=harpsicord", "q=harpsihcrod", "q=shlef"),
    "a beginning": ("q=har", "q=pa", "q=tra"),
    "words": ("q=carry%20sofa", "q=paint%20harpsichord", "q=mend%20roof%20denver"),
    "a word and filters": ("q=sofa&isForHonor=false&minAmount=100&category=tech&limit=50",),
    "a place": ("location=enve", "location=Remote", "q=sofa&location=omaha"),
    "skills": ("skills=plumbing", "skills=juggling,rust"),
    "dearest first": ("sortBy=amount_desc", "q=sofa&sortBy=amount_desc"),
    "nearby": ("latitude=35.1&longitude=-110.1&radius=20&sortBy=distance_asc&q=sofa",),
}


def run() -> Rows:
    """Fill a market, serve it, and measure each kind of search; then live ones."""
    rows: Rows = []
    with filled_market() as dsn, serving(DATABASE_URL=dsn) as server:
        for name, queries in SHAPES.items():
            paths = (f"/api/bounties/search?{query}" for query in queries)
            asked = islice(cycle(paths), WARM_UP + REQUESTS)
            rows += timed(server, f"search: {name}", asked)
        trending = ["/api/bounties/trending"] * (WARM_UP + REQUESTS)
        rows += timed(server, "search: trending", trending)
    return [*rows, *trio.run(live.run)]
