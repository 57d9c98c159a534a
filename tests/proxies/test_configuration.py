"""The files of ``deploy`` agree with what the service does and with what docs/proxies.md says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from bountyexpo.edge.refusal import problem_body
from bountyexpo.errors import TooLarge
from bountyexpo.http.limits import BODY_BYTES_MAX, HttpLimits
from bountyexpo.ws.transport.limits import Limits

ROOT = Path(__file__).parents[2]
NAMES = ("nginx.conf", "haproxy.cfg", "Caddyfile")
FILES = {name: (ROOT / "deploy" / name).read_text() for name in NAMES}
PAGE = (ROOT / "docs" / "proxies.md").read_text()
NOW = datetime(2026, 5, 4, tzinfo=UTC)
UNITS = {"s": 1, "m": 60, "h": 3600}

# How each of them says what must agree with us: for how long a silent socket, and an idle
# connection to us, are kept, and how large a body may be.
SILENCE = {
    "nginx.conf": r"proxy_(?:read|send)_timeout (\w+);",
    "haproxy.cfg": r"timeout (?:tunnel|client|server) (\w+)",
    "Caddyfile": r"stream_timeout (\w+)",
}
IDLE = {
    "nginx.conf": r"keepalive_timeout (\w+);",
    "haproxy.cfg": r"pool-purge-delay (\w+)",
    "Caddyfile": r"keepalive (\w+)",
}
BODY = {
    "nginx.conf": r"client_max_body_size (\w+);",
    "haproxy.cfg": r"content-length\) gt (\w+) ",
    "Caddyfile": r"(?:max_size|Content-Length}\) >) (\w+)",
}
SIZES = {"1m": 1 << 20, "1MiB": 1 << 20, "1048576": 1 << 20}


def seconds(text):
    return int(text[:-1]) * UNITS[text[-1]]


@pytest.mark.parametrize("name", FILES)
def test_a_silent_socket_outlives_our_pings_and_our_own_patience(name):
    limits = Limits()

    found = re.findall(SILENCE[name], FILES[name])

    assert found
    for each in found:
        assert seconds(each) >= max(3 * limits.heartbeat_s, limits.idle_timeout_s)


@pytest.mark.parametrize("name", FILES)
def test_an_idle_connection_is_let_go_before_the_service_does_it(name):
    (found,) = re.findall(IDLE[name], FILES[name])

    assert seconds(found) < HttpLimits().keep_alive_s - 10


@pytest.mark.parametrize("name", FILES)
def test_what_the_service_refuses_need_not_travel(name):
    found = re.findall(BODY[name], FILES[name])

    assert found
    assert {SIZES[each] for each in found} == {BODY_BYTES_MAX}


@pytest.mark.parametrize("name", FILES)
def test_a_large_body_is_refused_in_our_words(name):
    (said,) = re.findall(r"""['`](\{".*\})['`]""", FILES[name])

    ours = msgspec.json.decode(problem_body(TooLarge(), request_id="x", now=NOW))
    assert msgspec.json.decode(said).items() <= ours.items()


@pytest.mark.parametrize("name", FILES)
def test_the_page_shows_the_way_to_the_file(name):
    assert f"(../deploy/{name})" in PAGE
