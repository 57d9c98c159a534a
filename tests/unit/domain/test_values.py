from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from bountyexpo.domain.values import (
    DEPTH_MAX,
    MOMENT_MAX,
    MOMENT_MIN,
    TEXT_MAX,
    VALUES_MAX,
    check_number,
    check_values,
    moment,
)
from bountyexpo.errors import InvalidRequest

EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def nested(depth):
    value = "inside"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -(2**63) + 1, 2**63 - 1, 1.5, "", "Grüße 🙂", b"\x00\xff", (), {}, []),
        *("x" * TEXT_MAX, nested(DEPTH_MAX - 1), [0] * (VALUES_MAX - 1), {"a": {"b": [None]}}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_every_layer_can_keep_passes(value):
    check_values({"value": value})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a\x00", "contains a character that is not allowed."),
        ("\udcff", "contains a character that is not allowed."),
        ({"a\x00": 1}, "contains a character that is not allowed."),
        ("x" * (TEXT_MAX + 1), f"must have at most {TEXT_MAX} characters."),
        (2**63, "is a number that is out of range."),
        (float("inf"), "is a number that is out of range."),
        (nested(DEPTH_MAX), "is nested too deeply."),
        ([0] * VALUES_MAX, "holds too many values."),
        ({None: 1}, "has a name that is not text."),
        ([{"a": {1: 1}}], "has a name that is not text."),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_some_layer_cannot_keep_is_refused_by_the_name_of_its_field(value, problem):
    with pytest.raises(InvalidRequest) as refusal:
        check_values({"good": 1, "bad": value})

    assert refusal.value.message == f"bad {problem}"
    assert refusal.value.fields["issues"] == [{"path": "bad", "message": f"bad {problem}"}]


@pytest.mark.parametrize(
    "name", [None, 7, b"name", "a\x00b", "a name with blanks\x00", "x" * 70_000]
)
def test_a_name_that_is_none_is_not_repeated(name):
    with pytest.raises(InvalidRequest, match=r"^The request ") as refusal:
        check_values({name: "value"})

    assert refusal.value.fields["issues"][0]["path"] == ""


def test_a_number_that_was_text_is_looked_at_again():
    check_number(7, "price")
    with pytest.raises(InvalidRequest, match=r"^price is a number that is out of range\.$"):
        check_number(float("nan"), "price")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOON.replace(tzinfo=None), NOON),
        (datetime(2026, 5, 4, 3, tzinfo=EAST), datetime(2026, 5, 3, 13, tzinfo=UTC)),
        (MOMENT_MIN, MOMENT_MIN),
        (MOMENT_MAX.astimezone(WEST), MOMENT_MAX),
    ],
)
def test_a_moment_is_told_in_utc(at, expected):
    found = moment(at, "when")

    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=EAST).replace(tzinfo=None),
        datetime(1, 1, 1, tzinfo=EAST),
        datetime(1900, 1, 1, 13, tzinfo=EAST),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=WEST),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_a_moment_beyond_any_use_is_refused(at):
    with pytest.raises(InvalidRequest, match=r"^when must be a time from 1900 to 9999\.$"):
        moment(at, "when")
