"""The composition of one machine: what only a mistake in it would break, line by line."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from bountyexpo.http.limits import HttpLimits
from bountyexpo.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSITION = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSITION["services"]
PROXY = (ROOT / "deploy" / "Caddyfile").read_text()


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def environment() -> dict[str, str]:
    """What the service is given, with a password in place of the one that is asked for."""
    given = SERVICES["app"]["environment"]
    return {name: re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value) for name, value in given.items()}


def test_its_settings_are_ones_that_the_service_takes() -> None:
    settings = Settings.load(environment())

    assert settings.port == 3001
    assert not settings.uses_embedded_database


def test_only_the_proxy_s_word_on_addresses_is_taken() -> None:
    subnet = COMPOSITION["networks"]["front"]["ipam"]["config"][0]["subnet"]

    assert Settings.load(environment()).trusted_proxies == (ip_network(subnet),)
    in_front = {name for name, each in SERVICES.items() if "front" in each["networks"]}
    assert in_front == {"app", "proxy"}


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert {name for name, each in SERVICES.items() if "ports" in each} == {"proxy"}
    assert COMPOSITION["networks"]["back"]["internal"] is True


def test_a_stop_waits_for_the_drain() -> None:
    app = SERVICES["app"]

    assert seconds(app["stop_grace_period"]) >= float(environment()["SHUTDOWN_GRACE_S"]) + 10


def test_the_service_has_no_more_rights_than_it_needs() -> None:
    app = SERVICES["app"]

    assert app["read_only"] is True
    assert app["cap_drop"] == ["ALL"]
    assert app["security_opt"] == ["no-new-privileges:true"]
    assert app["ulimits"]["nofile"]["soft"] >= 12_000


@pytest.mark.parametrize("name", SERVICES)
def test_who_depends_waits_for_health(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        # The image of the service brings its own check.
        assert needed == "app" or "healthcheck" in SERVICES[needed]


@pytest.mark.parametrize("name", SERVICES)
def test_every_named_volume_is_declared(name: str) -> None:
    mounted = [each.split(":")[0] for each in SERVICES[name].get("volumes", [])]

    assert {each for each in mounted if each[0] != "."} <= set(COMPOSITION["volumes"])
    assert all((ROOT / each).exists() for each in mounted if each[0] == ".")


def test_no_secret_is_written_down() -> None:
    text = (ROOT / "compose.yaml").read_text()

    assert not re.search(r"PASSWORD: (?!\$\{)", text)
    assert not re.search(r"://\w+:(?!\$\{)[^@\s]*@", text)


def test_the_proxy_lets_go_of_idle_connections_before_the_service_does() -> None:
    kept = re.search(r"keepalive (\w+)", PROXY)

    assert kept
    assert seconds(kept.group(1)) < HttpLimits().keep_alive_s


def test_the_proxy_passes_whole_days_of_a_socket() -> None:
    lives = re.search(r"stream_timeout (\w+)", PROXY)

    assert lives
    assert seconds(lives.group(1)) >= 86_400
