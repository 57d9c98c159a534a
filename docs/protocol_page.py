"""Write the tables of ``docs/protocol.md`` from the code: ``python docs/protocol_page.py``."""  # noqa: INP001 - a script, run by its path

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bountyexpo.close_codes import ADVICE
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.operations.reference.sockets import operation_frames, streams
from bountyexpo.ws.v1.reference import CLIENT, SERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bountyexpo.operations.reference.sockets import Frame

PAGE = Path(__file__).parent / "protocol.md"
END = "<!-- end -->"


def close_codes() -> Iterator[str]:
    """Yield the lines of the table of close codes."""
    yield from _head("Code", "", "Come back?", "Resume?")
    for code, advice in ADVICE.items():
        resume = "yes" if advice.resume else "no"
        yield _row(str(int(code)), advice.meaning, advice.reconnect, resume)


def client_frames() -> Iterator[str]:
    """Yield the lines of the table of what clients say."""
    areas.declare()
    yield from _head("type", "", "Fields", "Answer beyond `ok`")
    for frame in (*operation_frames(CATALOGUE.all()), *CLIENT):
        yield _row(_types(frame), frame.meaning, frame.fields, frame.answer)


def server_frames() -> Iterator[str]:
    """Yield the lines of the table of what the protocol itself says to clients."""
    yield from _frames(SERVER)


def stream_names() -> Iterator[str]:
    """Yield the lines of the table of streams."""
    yield from _head("Stream", "", "Kept", "Events")
    for stream in streams():
        types = ", ".join(f"`{kind}`" for kind in stream.types)
        yield _row(f"`{stream.name}`", stream.meaning, stream.kept, types)


def events() -> Iterator[str]:
    """Yield a table of events for each kind of stream."""
    for number, stream in enumerate(streams()):
        if number:
            yield ""
        yield f"**`{stream.name}`** {stream.note}".rstrip()
        yield ""
        yield from _frames(stream.events)


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "client frames": client_frames,
    "streams": stream_names,
    "events": events,
    "server frames": server_frames,
    "close codes": close_codes,
}


def written(page: str) -> str:
    """Return the page with every table between its markers replaced."""
    for name, table in TABLES.items():
        start = f"<!-- table: {name} -->"
        before, found, rest = page.partition(start)
        _, closed, after = rest.partition(END)
        if not (found and closed):
            sys.exit(f"docs/protocol.md has no place for the table of {name}")
        lines = "\n".join(table())
        page = f"{before}{start}\n{lines}\n{END}{after}"
    return page


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def _frames(frames: Iterable[Frame]) -> Iterator[str]:
    yield from _head("type", "", "Fields")
    for frame in frames:
        yield _row(_types(frame), frame.meaning, frame.fields)


def _types(frame: Frame) -> str:
    return ", ".join(f"`{kind}`" for kind in frame.types)


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield f"|{'---|' * len(names)}"


def _row(*cells: str) -> str:
    # An angle bracket outside of code would begin a tag.
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |".replace("|  |", "| |")


def _escaped(cell: str) -> str:
    parts = cell.split("`")
    return "`".join(
        part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts)
    )


if __name__ == "__main__":
    main()
