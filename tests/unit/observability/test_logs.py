from __future__ import annotations

import json

import pytest
import structlog
from bountyexpo.observability import logs

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"


@pytest.fixture(autouse=True)
def _restore():
    yield
    structlog.reset_defaults()


def line(capsys):
    return json.loads(capsys.readouterr().err.strip().splitlines()[-1])


@pytest.mark.parametrize(
    "key", ["Authorization", "access_token", "password", "client_secret", "card", "refreshToken"]
)
def test_value_of_a_secret_key_is_never_printed(capsys, key):
    logs.configure("INFO")

    logs.get_logger("t").info("x", body={"deep": [{key: "hunter2"}]}, **{key: "hunter2"})

    assert "hunter2" not in json.dumps(line(capsys))


@pytest.mark.parametrize(
    "text", [f"Bearer {JWT}", f"sent bearer.{JWT}", JWT, "GET /ws?token=abc123", "sk_live_abc123"]
)
def test_secret_inside_a_text_is_never_printed(capsys, text):
    logs.configure("INFO")

    logs.get_logger("t").info(text)

    printed = line(capsys)["event"]
    assert "abc123" not in printed
    assert "eyJ" not in printed


def test_secret_inside_an_exception_is_never_printed(capsys):
    logs.configure("INFO")
    try:
        raise ValueError(f"Bearer {JWT}")
    except ValueError:
        logs.get_logger("t").exception("failed")

    printed = line(capsys)
    assert "ValueError" in printed["exception"]
    assert JWT not in json.dumps(printed)


def test_bound_names_are_on_the_line_and_go_away(capsys):
    logs.configure("INFO")
    with logs.bind(request_id="req_1"):
        logs.get_logger("t").info("inside")
        assert line(capsys)["request_id"] == "req_1"
    logs.get_logger("t").info("outside")
    assert "request_id" not in line(capsys)


def test_level_hides_what_is_below(capsys):
    logs.configure("warning")

    logs.get_logger("t").info("quiet")

    assert capsys.readouterr().err == ""


def test_console_form_is_text(capsys):
    logs.configure("INFO", json=False)

    logs.get_logger("t").info("hello", password="hunter2")

    printed = capsys.readouterr().err
    assert "hello" in printed
    assert "hunter2" not in printed


def test_word_that_only_contains_a_short_secret_word_is_printed(capsys):
    logs.configure("INFO")

    logs.get_logger("t").info("x", discarded=3, cardHolder="Ann", missing_token=None)

    printed = line(capsys)
    assert printed["discarded"] == 3
    assert printed["cardHolder"] == logs.REDACTED
    assert printed["missing_token"] is None
