"""The image: its build read line by line, and the package that it installs."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bountyexpo"

# An instruction with its arguments, continued lines joined.
Step = tuple[str, str]


def stages() -> list[list[Step]]:
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#"]
    found: list[list[Step]] = []
    for name, rest in steps:
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def arguments(stage: list[Step], name: str) -> list[str]:
    return [rest for instruction, rest in stage if instruction == name]


def test_the_image_has_a_stage_to_build_in_and_one_to_run() -> None:
    build, final = stages()

    assert re.fullmatch(r"python:3\.\d+-slim-\w+ AS build", build[0][1])
    assert build[0][1] == f"{final[0][1]} AS build", "both need the same Python"


def test_what_is_installed_is_locked_by_hash_and_needs_no_compiler() -> None:
    build, final = stages()
    installs = [step for step in arguments(build, "RUN") if "pip install" in step]

    assert "--require-hashes" in installs[0]
    assert "--only-binary=:all:" in installs[0]
    assert all("--no-deps" in step for step in installs[1:])
    assert not any("pip" in step or "apt" in step for step in arguments(final, "RUN"))
    assert "uninstall --yes pip" in " ".join(arguments(build, "RUN"))


def test_the_copied_files_exist_and_reach_the_builder() -> None:
    build, final = stages()
    sources = [name for step in arguments(build, "COPY") for name in step.split()[:-1]]
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }

    assert sources
    assert set(sources) == allowed
    assert all((ROOT / name).exists() for name in sources)
    assert arguments(final, "COPY") == ["--from=build /opt/bountyexpo /opt/bountyexpo"]


def test_it_runs_as_nobody_in_particular_and_writes_to_its_folder_only() -> None:
    _, final = stages()
    names = [name for name, _ in final]

    assert arguments(final, "USER") == ["10001:10001"]
    assert names.index("RUN") < names.index("USER") < names.index("CMD")
    assert arguments(final, "VOLUME") == ['["/data"]']
    assert "BOUNTYEXPO_DATA=/data" in arguments(final, "ENV")[0]


def test_a_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    run = subprocess.run(
        [hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stdout) == (0, "")


def test_its_health_is_what_the_doctor_says_of_readiness() -> None:
    _, final = stages()
    (check,) = arguments(final, "HEALTHCHECK")

    assert check.endswith('CMD ["bountyexpo", "doctor", "--ready"]')
    assert arguments(final, "ENTRYPOINT") == ['["bountyexpo"]']
    assert arguments(final, "CMD") == ['["serve"]']
    assert arguments(final, "STOPSIGNAL") == ["SIGTERM"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built as the image builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index")
    subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True
    )
    (found,) = folder.glob("*.whl")
    return found


def test_the_package_holds_every_file_that_the_service_reads(wheel: Path) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


def test_the_package_runs_from_a_place_that_cannot_be_written(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(place)
    for path in place.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)

    run = subprocess.run(
        [sys.executable, "-P", "-B", "-m", "bountyexpo", "doctor", "--json"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(place), "PORT": "0", "BOUNTYEXPO_DATA": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    for path in place.rglob("*"):
        path.chmod(0o755)

    assert run.returncode == 0, run.stderr
