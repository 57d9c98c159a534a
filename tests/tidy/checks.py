"""All checks by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tidy import circles, dead_names, docstrings, habits, layers, sizes, words
from tests.tidy.source import each_file

if TYPE_CHECKING:
    from tests.tidy.source import Check

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        each_file(sizes.file_length),
        sizes.folder_size,
        sizes.mirrors,
        each_file(sizes.line_length),
        each_file(sizes.function_length),
        each_file(sizes.parameters),
        each_file(sizes.nesting),
        each_file(layers.layers),
        each_file(layers.areas),
        circles.circles,
        dead_names.dead_names,
        each_file(habits.bare_except),
        each_file(habits.prints),
        each_file(habits.time_and_chance),
        each_file(habits.unfinished),
        each_file(habits.nurseries),
        each_file(habits.close_codes),
        each_file(habits.event_names),
        each_file(habits.open_matches),
        each_file(docstrings.docstrings),
        each_file(words.names),
        each_file(words.dialect, pages=True),
        each_file(words.gender, pages=True),
    )
}
