"""Write the table of close codes into ``docs/protocol.md``: ``python docs/protocol_page.py``."""  # noqa: INP001 - a script, run by its path

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bountyexpo.close_codes import ADVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parent / "protocol.md"

START, END = "<!-- table: close codes -->", "<!-- end -->"


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| Code | | Come back? | Resume? |"
    yield "|---|---|---|---|"
    for code, advice in ADVICE.items():
        resume = "yes" if advice.resume else "no"
        yield f"| {int(code)} | {advice.meaning} | {advice.reconnect} | {resume} |"


def written(page: str) -> str:
    """Return the page with the table between its markers replaced."""
    before, found, rest = page.partition(START)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        sys.exit("docs/protocol.md has no place for the table of close codes")
    lines = "\n".join(table())
    return f"{before}{START}\n{lines}\n{END}{after}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
