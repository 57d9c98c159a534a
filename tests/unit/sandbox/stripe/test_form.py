"""The nested form encoding of the card processor's API."""

from __future__ import annotations

import pytest
from bountyexpo.sandbox.stripe.form import decode_form


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("types[0]=card&types[1]=bank", {"types": {"0": "card", "1": "bank"}}),
        ("metadata[user%20id]=%C3%A9+%26", {"metadata": {"user id": "é &"}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
    ],
)
def test_brackets_nest(text, expected):
    assert decode_form(text) == expected
