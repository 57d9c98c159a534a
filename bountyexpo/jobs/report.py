"""The last run of each job, for an operator at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from bountyexpo.persistence.job_runs import LATEST
from bountyexpo.persistence.migrate import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT_S = 5


def read(address: str) -> list[dict[str, Any]]:
    """Read the last run of each job from the database. Blocks.

    Raises:
        psycopg.Error: it does not answer, or has no such table yet.
    """
    with psycopg.connect(address, connect_timeout=CONNECT_S, row_factory=dict_row) as session:
        session.execute(f"set local search_path to {SCHEMA}")
        return session.execute(LATEST).fetchall()


def lines(runs: Iterable[dict[str, Any]]) -> list[str]:
    """Write one line for each run."""
    return [_line(run) for run in runs] or ["no job has run yet"]


def _line(run: dict[str, Any]) -> str:
    began, ended = run["started_at"], run["finished_at"]
    took = f"{(ended - began).total_seconds():.3f} s" if ended else "-"
    facts = [f"{run['job']:<16}", f"{run['outcome']:<10}", f"{began:%Y-%m-%d %H:%M:%S %Z}", took]
    facts += [run["node"]]
    facts += [run["error"]] if run["error"] else []
    return "  ".join(facts)
