"""The reference pages as a browser runs them."""

from __future__ import annotations


def test_a_reader_searches_copies_follows_links_and_calls(node, served):
    node.run("docs.mjs", served)
