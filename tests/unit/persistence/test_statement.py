"""Placeholders, and what is put in them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from bountyexpo.persistence.statement import Json, Statement, statement


@pytest.mark.parametrize(
    ("sql", "query"),
    [
        ("select 1", b"select 1"),
        ("select %s, %s", b"select $1, $2"),
        ("select %(a)s, %(b)s, %(a)s", b"select $1, $2, $1"),
        ("x like 'a%%' and y = %s", b"x like 'a%' and y = $1"),
        ("select 7 % 2, 'a%'", b"select 7 % 2, 'a%'"),
    ],
)
def test_placeholders_are_numbered(sql: str, query: bytes):
    assert Statement(sql).query == query


def test_named_values_are_given_in_the_order_of_their_numbers():
    values, _, _ = Statement("select %(b)s, %(a)s").dump({"a": "1", "b": "2", "unused": "3"})

    assert [bytes(value) for value in values] == [b"2", b"1"]


def test_a_missing_name_is_an_error():
    with pytest.raises(KeyError):
        Statement("select %(a)s").dump({})


def test_too_few_values_are_an_error():
    with pytest.raises(TypeError):
        Statement("select %s, %s").dump(("one",))


@pytest.mark.parametrize("wrap", [dict, Json])
def test_a_dict_is_stored_as_json(wrap):
    at = datetime(2026, 1, 2, tzinfo=UTC)

    values, types, _ = Statement("select %s").dump((wrap({"a": [1, at]}),))

    assert [bytes(value) for value in values] == [b'{"a":[1,"2026-01-02T00:00:00Z"]}']
    assert types == (3802,)


def test_the_same_text_is_made_ready_once():
    assert statement("select 'once'") is statement("select 'once'")
