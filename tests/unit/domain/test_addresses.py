"""Addresses in one spelling, and what they are counted as."""

from __future__ import annotations

import pytest
from bountyexpo.domain.addresses import counted_as, parse_address


@pytest.mark.parametrize(
    ("spellings", "counted"),
    [
        (("192.0.2.1", " 192.0.2.1 ", "192.0.2.1:80", "::ffff:192.0.2.1"), "192.0.2.1"),
        (("2001:db8::1", "2001:DB8:0:0::2", "[2001:db8::3]:443"), "2001:db8::/64"),
        (("fe80::1%eth0", "fe80::2"), "fe80::/64"),
    ],
)
def test_every_spelling_of_a_host_is_counted_as_one(spellings, counted):
    assert {counted_as(each) for each in spellings} == {counted}


@pytest.mark.parametrize(
    "text", ["", "unknown", "_hidden", "1.2.3", "1.2.3.4:", "1.2.3.4:x", "[::1", "[::1]x", "a:b:c"]
)
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None
    assert counted_as(text) == text
