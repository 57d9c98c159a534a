"""``bountyexpo doctor``: what is well here, what is not, and what to do about it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import httpx

from bountyexpo.doctor import database, machine, providers
from bountyexpo.doctor.diagnosis import Verdict, failure, well
from bountyexpo.listening import CannotListen, check_ports
from bountyexpo.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bountyexpo.doctor.diagnosis import Diagnosis

READY_TIMEOUT_S = 3.0

SIGNS = {Verdict.WELL: "ok  ", Verdict.WARNING: "warn", Verdict.FAILURE: "FAIL"}


def diagnose(
    environ: Mapping[str, str], embedded_at: Callable[[Path], str | None]
) -> Iterator[Diagnosis]:
    """Examine everything; ``embedded_at`` finds the embedded database that runs over a folder."""
    try:
        settings = Settings.load(environ)
    except SettingsError as error:
        for problem in error.problems:
            yield failure("settings", problem, "Correct it; .env.example documents each variable.")
        return
    yield well("settings", f"for {settings.environment.value}, all valid")
    yield from machine.examine(settings.data_dir)
    yield _port(settings)
    dsn = settings.database_url or embedded_at(settings.data_dir / "postgres")
    if dsn is not None:
        yield from database.examine(dsn)
    else:
        yield _embedded(settings.data_dir)
    yield from providers.examine(settings)


def is_ill(found: Sequence[Diagnosis]) -> bool:
    """Tell whether something must be mended before the service can run here."""
    return any(each.verdict is Verdict.FAILURE for each in found)


def report(found: Sequence[Diagnosis], *, as_json: bool) -> str:
    """Return the findings as lines for a person, or as one JSON array."""
    if as_json:
        return json.dumps([asdict(each) for each in found], indent=2)
    lines = []
    for each in found:
        lines.append(f"{SIGNS[each.verdict]}  {each.subject:<15} {each.told}")
        if each.advice:
            lines.append(f"{'':<22}→ {each.advice}")
    return "\n".join(lines)


def is_ready(url: str) -> tuple[bool, str]:
    """Ask the running service whether it takes requests, as a health check does."""
    try:
        reply = httpx.get(f"{url}/readyz", timeout=READY_TIMEOUT_S)
    except httpx.HTTPError as error:
        return False, f"no server answers at {url}: {type(error).__name__}"
    if reply.is_success:
        return True, "ready"
    try:
        return False, str(reply.json().get("error", reply.status_code))
    except (ValueError, AttributeError):
        return False, f"{url} answers {reply.status_code}"


def _port(settings: Settings) -> Diagnosis:
    try:
        check_ports(settings)
    except CannotListen as refusal:
        is_ours, told = is_ready(f"http://127.0.0.1:{settings.port}")
        if is_ours:
            return well("port", f"{settings.port}: the service runs there, and is ready")
        return failure("port", f"{refusal} ({told})", "Stop who listens there, or set PORT.")
    return well("port", f"{settings.port} is free")


def _embedded(folder: Path) -> Diagnosis:
    place = machine.present_part(folder)
    if os.access(place, os.W_OK):
        return well("database", "the embedded one, which starts with the service")
    return failure(
        "database",
        f"{place} cannot be written",
        "Choose another folder with BOUNTYEXPO_DATA, or set DATABASE_URL.",
    )
