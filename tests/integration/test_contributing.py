"""Who follows the recipes of CONTRIBUTING.md gets what they promise, and a tree in good order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = (
    *("bountyexpo", "tests", "docs", "bench", "examples", "pyproject.toml"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", ".env.example"),
)

RECIPE = re.compile(
    r"^\*\*`(?P<path>[^`]+)`\*\*"
    r"(?:, (?P<where>after|before) `(?P<line>[^`]+)`|(?P<end>, at the end))?:\n\n"
    r"```python\n(?P<code>.*?)```$",
    re.MULTILINE | re.DOTALL,
)

# What the recipes have brought about, asked of the copy itself.
QUESTIONS = """
import trio
from bountyexpo.operations import areas
from bountyexpo.operations.call import Call
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.domain.event_catalogue import spec_of
from bountyexpo.domain.notices import Notice
from bountyexpo.jobs import branch

areas.declare()
assert CATALOGUE.get("account.thank").routes
assert CATALOGUE.get("visit.count").routes
assert spec_of("bounty:b", "bounty.thanked").fields == ("bountyId", "hunterId")
assert Notice.THANKS == "thanks"
"""

# The laws of the tree, the tables of effects, and the operations in the access matrix.
CHECKS = (
    "tests/test_tidy.py",
    "tests/unit/actors/test_effects.py",
    "tests/unit/domain/test_events.py",
)


def recipes() -> list[re.Match[str]]:
    found = list(RECIPE.finditer((ROOT / "CONTRIBUTING.md").read_text()))
    assert len(found) == (ROOT / "CONTRIBUTING.md").read_text().count("```python")
    return found


def follow(recipe: re.Match[str], copy: Path) -> None:
    """Do what one block says."""
    file, code = copy / recipe["path"], recipe["code"]
    if recipe["line"] is None:
        text = file.read_text() if recipe["end"] else ""
        assert recipe["end"] or not file.exists(), f"{file} is there already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + code)
        return
    lines = file.read_text().splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if recipe["line"] in line]
    assert places, f"{recipe['path']} has no line with {recipe['line']}"
    place = places[0] + (recipe["where"] == "after")
    file.write_text("".join([*lines[:place], code, *lines[place:]]))


def python(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree to which every recipe was applied."""
    made = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(source, made / name, ignore=ignored)
        else:
            shutil.copy(source, made / name)
    for recipe in recipes():
        follow(recipe, made)
    return made


def test_the_recipes_bring_about_what_they_promise(copy: Path) -> None:
    run = python(copy, "-c", QUESTIONS)

    assert run.returncode == 0, run.stderr


def test_the_tree_is_in_good_order_afterwards(copy: Path) -> None:
    run = python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *CHECKS)

    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]


def test_the_types_and_the_lint_are_content_afterwards(copy: Path) -> None:
    lint = python(copy, "-m", "ruff", "check", "bountyexpo")
    shape = python(copy, "-m", "ruff", "format", "--check", "bountyexpo")

    assert (lint.returncode, shape.returncode) == (0, 0), lint.stdout + shape.stdout
