from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from bountyexpo.domain.client_json import (
    ATTACHMENTS,
    BYTES_MAX,
    DEPTH_MAX,
    ITEMS_MAX,
    PROOF_ITEMS,
    ClientObjects,
)
from bountyexpo.errors import InvalidRequest

COLUMNS = (ATTACHMENTS, PROOF_ITEMS)


def nested(depth: int) -> Any:
    value: Any = "inside"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.field)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, []),
        ("", []),
        ([], []),
        ('[{"id": 1}]', [{"id": 1}]),
        ([{"id": 1}] * ITEMS_MAX, [{"id": 1}] * ITEMS_MAX),
        ([{"a": nested(DEPTH_MAX - 2)}], [{"a": nested(DEPTH_MAX - 2)}]),
        # MessagePack has bytes and times; whoever reads the list finds what JSON has.
        ([{"a": b"\x00", "b": (1, None)}], [{"a": "AA==", "b": [1, None]}]),
        ([{"at": datetime(2026, 1, 1, tzinfo=UTC)}], [{"at": "2026-01-01T00:00:00Z"}]),
    ],
)
def test_a_list_is_kept_as_it_will_be_read(
    column: ClientObjects, given: Any, expected: Any
) -> None:
    assert column.parse(given) == expected
    assert column.parse(msgspec.json.encode(expected).decode()) == expected


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.field)
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("{", "must be the JSON text of a list."),
        ("[" * 50_000, "must be the JSON text of a list."),
        ('[{"a": 1e999}]', "must be the JSON text of a list."),
        ('{"a": 1}', "must be a list of objects, or its JSON text."),
        ("null", "must be a list of objects, or its JSON text."),
        ("[1]", "must be a list of objects, or its JSON text."),
        ([{}, [{}]], "must be a list of objects, or its JSON text."),
        ('[{"name": "a\\u0000b"}]', "contains a character that is not allowed."),
        ([{1: 1}], "has a name that is not text."),
        ([{"a": 2**70}], "is a number that is out of range."),
        ([{"a": nested(DEPTH_MAX - 1)}], "is nested too deeply."),
        ([{"a": "x" * BYTES_MAX}], f"must have at most {BYTES_MAX} bytes."),
        ([{"a": "\x01" * (BYTES_MAX // 3)}], f"must have at most {BYTES_MAX} bytes."),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_list_or_too_much_is_refused(
    column: ClientObjects, given: Any, problem: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        column.parse(given)

    message = f"{column.field} {problem}"
    assert refusal.value.fields["issues"] == [{"path": column.field, "message": message}]


def test_one_too_many_is_counted_in_the_word_of_the_list() -> None:
    with pytest.raises(InvalidRequest, match=r"^attachments_json must have at most 20 attach"):
        ATTACHMENTS.parse([{}] * 21)
