"""The style of this project, as tests: sizes, who may import whom, names, and what is banned.

The checks are in ``tests/tidy``, with bad and good samples for each, so that a check which can no
longer fail is noticed, and the list of what is let stand.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tidy.checks import CHECKS
from tests.tidy.exceptions import EXCEPTIONS
from tests.tidy.layers import LAYERS, UNBOUND
from tests.tidy.samples import BAD, GOOD
from tests.tidy.source import Project

if TYPE_CHECKING:
    from tests.tidy.source import Complaint

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.read(ROOT)


@pytest.fixture(scope="module")
def found(project: Project) -> dict[str, list[Complaint]]:
    """All that each check has to complain about."""
    return {name: list(check(project)) for name, check in CHECKS.items()}


@pytest.mark.parametrize("name", CHECKS)
def test_the_tree_keeps_the_rule(name: str, found: dict[str, list[Complaint]]) -> None:
    excepted = EXCEPTIONS.get(name, {})

    complaints = [str(each) for each in found[name] if each.place not in excepted]

    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize("name", CHECKS)
def test_every_exception_is_still_needed(name: str, found: dict[str, list[Complaint]]) -> None:
    idle = EXCEPTIONS.get(name, {}).keys() - {each.place for each in found[name]}

    assert not idle, f"tests/tidy/exceptions.py may forget {sorted(idle)}"


@pytest.mark.parametrize(("name", "files"), BAD)
def test_the_check_sees_a_bad_sample(name: str, files: dict[str, str]) -> None:
    assert list(CHECKS[name](Project.of(files)))


@pytest.mark.parametrize("name", CHECKS)
def test_the_check_passes_a_good_sample(name: str) -> None:
    assert not list(CHECKS[name](Project.of(GOOD)))


def test_every_check_has_a_bad_sample_and_every_exception_a_check() -> None:
    assert {name for name, _ in BAD} == CHECKS.keys()
    assert EXCEPTIONS.keys() <= CHECKS.keys()


def test_every_layer_has_a_rule() -> None:
    layers = {path.parent.name for path in (ROOT / "bountyexpo").glob("*/__init__.py")}

    assert layers <= {*LAYERS, *UNBOUND}
