"""Who may import whom: the layer law and the area law (docs/architecture.md).

An import for the type checker only counts like any other: who needs the type knows the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.tidy.source import covers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tidy.source import Source

# What each layer may import of ours besides itself and what follows below, from the bottom up.
LAYERS: dict[str, tuple[str, ...]] = {
    "close_codes": (),
    "errors": (),
    "data_folder": (),
    "settings_reader": (),
    "settings_database": (),
    "settings_production": ("settings_reader",),
    "settings": ("domain", "settings_reader", "settings_database", "settings_production"),
    "domain": (),
    "observability": (),
    "runtime": ("domain.ids",),
    "supervisors": ("runtime",),
    "persistence": ("domain",),
    "integrations": ("domain", "runtime.clock"),
    "actors": ("domain", "runtime", "supervisors", "persistence", "integrations"),
    "operations": ("domain", "runtime", "persistence", "actors"),
    "jobs": ("domain", "runtime", "supervisors", "persistence", "integrations", "actors"),
    "realtime": ("domain",),
    "edge": ("domain.addresses", "domain.ids"),
    "http": ("domain.identity", "operations", "edge"),
    "ws": ("domain", "runtime", "operations", "realtime", "edge"),
    "cluster": ("runtime", "persistence"),
    "load": (),
    "listening": ("settings", "domain.addresses", "edge.listeners"),
    "doctor": (
        *("settings", "listening", "runtime.clock"),
        *("persistence.migrate", "persistence.server"),
    ),
}
EVERYWHERE = ("close_codes", "errors", "observability", "__version__")
# The composition root wires everything; the emulators may use anything and only it uses them.
UNBOUND = ("app", "composition", "lifecycle", "cli", "gc_tuning", "sandbox", "__main__")

# From left to right: an area may know those before it, and none knows one that comes later.
AREAS = ("users", "money", "chat", "market", "risk", "notifications", "analytics", "admin")


def layers(source: Source) -> Iterator[tuple[int, str]]:
    layer = source.module.partition(".")[0]
    if not layer or layer in UNBOUND:
        return
    allowed = (layer, *EVERYWHERE, *LAYERS.get(layer, ()))
    for line, target in source.imports:
        if not any(covers(name, target) for name in allowed):
            yield line, f"{layer} may not import bountyexpo.{target}"
        elif not covers(layer, target) and re.search(r"(^|\.)_[^_]", target):
            yield line, f"bountyexpo.{target} is private to its package"


def areas(source: Source) -> Iterator[tuple[int, str]]:
    if not source.module or source.is_in(UNBOUND):
        return
    own = area_of(source.module)
    for line, target in source.imports:
        other = area_of(target)
        if other is None:
            continue
        if own is None:
            yield line, f"a file outside of the areas may not import {other} (bountyexpo.{target})"
        elif AREAS.index(other) > AREAS.index(own):
            yield line, f"{other} lies to the right of {own} (bountyexpo.{target})"


def area_of(module: str) -> str | None:
    """The area that a module is in: the folder below its layer."""
    _, _, inside = module.partition(".")
    area = inside.partition(".")[0]
    return area if area in AREAS else None
