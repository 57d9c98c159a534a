"""What the locks install is the same on every Python that the service runs on, so that what is
tested on one is what the others run.
"""

from __future__ import annotations

import re
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
LOCKS = [*sorted(ROOT.glob("requirements/*.lock")), ROOT / "bench/peers/requirements.lock"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

_ENTRY = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==(\S+?)(?: ; (.+?))?(?: \\)?$", re.MULTILINE
)


def entries(text):
    """Return (name, version, marker or None) of each package of a lock."""
    return [(name, version, marker or None) for name, version, marker in _ENTRY.findall(text)]


def chosen(text, python):
    """Return what a lock installs on one Python, on this machine otherwise."""
    here = {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.4",
    }
    return {
        (name, version)
        for name, version, marker in entries(text)
        if marker is None or Marker(marker).evaluate(here)
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_python_gets_the_same_packages(lock):
    text = lock.read_text()
    count = len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    assert len(entries(text)) == count > 10, "each line that names a package is understood"
    assert {name for name, times in Counter(n for n, *_ in entries(text)).items() if times > 1} == (
        set()
    )
    sets = {python: chosen(text, python) for python in PYTHONS}
    assert all(found == sets["3.11"] for found in sets.values()), sets


@pytest.mark.parametrize("python", PYTHONS)
def test_every_package_says_that_it_runs_on_each_python(python):
    text = (ROOT / "requirements/dev.lock").read_text()
    installed = {found.name.lower().replace("_", "-"): found for found in distributions()}
    asked = [installed[name] for name, _ in chosen(text, python) if name in installed]
    assert len(asked) > 40, "the packages of the lock are installed"
    wanted = {found.name: found.metadata.get("Requires-Python") or "" for found in asked}
    assert [
        (name, its) for name, its in wanted.items() if f"{python}.4" not in SpecifierSet(its)
    ] == []


def test_a_branch_is_noticed():
    text = "a==1 ; python_full_version < '3.13' \\\na==2 ; python_full_version >= '3.13' \\\n"
    assert chosen(text, "3.12") == {("a", "1")}
    assert chosen(text, "3.13") == {("a", "2")}


def test_the_project_names_what_it_locks():
    """The locks are made from ``requirements/runtime.in``, which repeats ``pyproject.toml``."""
    project = set(
        re.findall(r'^    "([^"]+)",', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    )
    named = set((ROOT / "requirements/runtime.in").read_text().split("\n"))
    wanted = {line for line in project if re.match(r"[a-z0-9-]+(\[[a-z]+\])?[=><]", line)}
    assert wanted <= named | {"bountyexpo"}, wanted - named
