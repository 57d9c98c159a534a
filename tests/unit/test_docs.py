"""The pictures and tables of the rules are those of the rules that run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.domain.machines import MACHINES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def diagrams():
    spec = importlib.util.spec_from_file_location("diagrams", DOCS / "diagrams.py")
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look themselves up by the name of their module.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


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
