"""What the doctor says as a whole, and to a health check."""

from __future__ import annotations

import json
import socket

import httpx
import pytest
from bountyexpo.doctor import command
from bountyexpo.doctor.diagnosis import failure, warning, well

FOUND = [well("a", "fine"), warning("b", "could be better", "Do this."), failure("c", "no", "Now.")]


def test_each_finding_is_a_line_with_its_advice_below() -> None:
    assert command.report(FOUND, as_json=False).splitlines() == [
        "ok    a               fine",
        "warn  b               could be better",
        "                      → Do this.",
        "FAIL  c               no",
        "                      → Now.",
    ]


def test_programs_get_the_same_as_json() -> None:
    found = json.loads(command.report(FOUND, as_json=True))

    assert found[2] == {"subject": "c", "verdict": "failed", "told": "no", "advice": "Now."}


def test_only_a_failure_makes_ill() -> None:
    assert command.is_ill(FOUND)
    assert not command.is_ill(FOUND[:2])


def test_settings_that_cannot_be_read_end_the_examination() -> None:
    found = list(command.diagnose({"PORT": "many", "LOG_LEVEL": "loud"}, lambda _: None))

    assert [each.subject for each in found] == ["settings", "settings"]
    assert command.is_ill(found)


def test_a_port_of_somebody_else_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_ready", lambda url: (False, f"nothing of ours at {url}"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        found = command.diagnose({"PORT": str(port), "HOST": "127.0.0.1"}, lambda _: None)

        (port_found,) = (each for each in found if each.subject == "port")
    assert "in use" in port_found.told
    assert "set PORT" in port_found.advice


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (httpx.Response(200, json={"ready": True}), (True, "ready")),
        (httpx.Response(503, json={"error": "draining"}), (False, "draining")),
        (httpx.Response(502, text="<html>"), (False, "http://x answers 502")),
    ],
)
def test_readiness_is_what_the_service_says(
    reply: httpx.Response, expected: tuple[bool, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: reply)

    assert command.is_ready("http://x") == expected
