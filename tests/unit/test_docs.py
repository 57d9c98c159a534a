"""The pictures and tables of the docs are those of the code that runs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bountyexpo.close_codes import CloseCode
from bountyexpo.domain.event_catalogue import declared
from bountyexpo.operations.catalogue import CATALOGUE

from tests.unit.domain.machines import MACHINES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    """Load a script of ``docs/`` by its name."""
    loaded = []

    def load(name):
        spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        # Its dataclasses look themselves up by the name of their module.
        sys.modules[spec.name] = module
        loaded.append(spec.name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in loaded:
        del sys.modules[name]


@pytest.fixture(scope="module")
def diagrams(script):
    return script("diagrams")


@pytest.fixture(scope="module")
def protocol_page(script):
    return script("protocol_page")


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_the_picture_is_up_to_date_and_names_every_state(diagrams, machine):
    kept = (DOCS / "machines" / f"{machine.name}.svg").read_text(encoding="utf-8")

    drawn = diagrams.draw(machine)

    assert kept == drawn, "run make docs"
    texts = set(ET.fromstring(drawn).itertext())
    assert {state.value.replace("_", " ") for state in machine.states} <= texts


def test_the_tables_are_up_to_date(diagrams):
    page = (DOCS / "rules.md").read_text(encoding="utf-8")

    assert diagrams.written(page) == page, "run make docs"


def test_a_page_without_a_place_for_a_table_is_refused(diagrams):
    with pytest.raises(SystemExit, match="no place for the table of bounty"):
        diagrams.written("# Rules\n")


def test_the_protocol_page_is_up_to_date_and_whole(protocol_page):
    page = (DOCS / "protocol.md").read_text(encoding="utf-8")

    assert protocol_page.written(page) == page, "run make docs"
    assert all(f"\n| {int(code)} | " in page for code in CloseCode)
    assert all(f"\n| `{spec.type}` | " in page for spec in declared())
    frames = [operation.frame for operation in CATALOGUE.all() if operation.frame]
    assert all(f"\n| `{frame}` | " in page for frame in frames)


@pytest.mark.parametrize(
    "name", ["client frames", "streams", "events", "server frames", "close codes"]
)
def test_a_protocol_page_without_a_place_for_a_table_is_refused(protocol_page, name):
    page = (DOCS / "protocol.md").read_text(encoding="utf-8")

    with pytest.raises(SystemExit, match=f"no place for the table of {name}"):
        protocol_page.written(page.replace(f"<!-- table: {name} -->", ""))
