"""The examination of the machine, over limits and disks of the test's choosing."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from bountyexpo.doctor import machine
from bountyexpo.doctor.diagnosis import Verdict


def verdicts(folder: Path) -> dict[str, Verdict]:
    return {each.subject: each.verdict for each in machine.examine(folder)}


def test_the_machine_of_the_tests_is_well_enough_to_run_them(tmp_path: Path) -> None:
    found = verdicts(tmp_path)

    assert {"versions", "packages", "compiled parts", "descriptors", "disk"} == set(found)
    assert Verdict.FAILURE not in found.values()


@pytest.mark.parametrize(
    ("soft", "verdict"),
    [
        (100, Verdict.FAILURE),
        (1_024, Verdict.WARNING),
        (12_000, Verdict.WELL),
        (resource.RLIM_INFINITY, Verdict.WELL),
    ],
)
def test_descriptors_are_judged_by_the_promise_of_10_000_sockets(
    soft: int, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, resource.RLIM_INFINITY))

    assert verdicts(Path())["descriptors"] is verdict


@pytest.mark.parametrize(
    ("free_mib", "verdict"),
    [(10, Verdict.FAILURE), (500, Verdict.WARNING), (5_000, Verdict.WELL)],
)
def test_room_is_looked_for_where_the_data_will_be(
    free_mib: int, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def usage(place: Path) -> SimpleNamespace:
        asked.append(place)
        return SimpleNamespace(free=free_mib * 2**20)

    monkeypatch.setattr(shutil, "disk_usage", usage)

    assert verdicts(tmp_path / "not" / "yet")["disk"] is verdict
    assert asked == [tmp_path]


def test_a_missing_compiled_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(machine.COMPILED, "msgspec", "msgspec.no_such_part")

    (found,) = (each for each in machine.examine(Path()) if each.subject == "compiled parts")

    assert found.verdict is Verdict.WARNING
    assert found.told.startswith("msgspec run")
