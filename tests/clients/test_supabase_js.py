"""``@supabase/supabase-js`` against the auth server that ``make serve`` brings along."""

from __future__ import annotations


def test_the_life_of_a_session(node, served):
    node.run("supabase.mjs", served)
