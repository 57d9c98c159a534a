"""Handlers that read on what has happened know every event that a rule may give them."""

from __future__ import annotations

import pytest
from bountyexpo.actors.market.effects import conversation, notices

from tests.unit.domain.machines import MACHINES

MARKET = ("bounty", "application", "completion", "cancellation", "dispute")


def events_with(effect):
    """Every event of the market on which a rule names this effect."""
    return {
        (name, rule.event)
        for name in MARKET
        for rule in MACHINES[name].rules
        if any(each.value == effect for each in rule.effects)
    }


@pytest.mark.parametrize(
    ("effect", "known"),
    [
        ("notify_poster", notices.TO_POSTER),
        ("notify_hunter", notices.TO_HUNTER),
        ("post_system_message", conversation.SAYINGS),
    ],
)
def test_each_event_has_its_words(effect, known):
    named = events_with(effect)

    assert {event.value for _, event in named} == {event.value for event in known}


def test_each_status_of_a_cancellation_that_is_told_has_its_notice():
    told = {
        rule.target
        for rule in MACHINES["cancellation"].rules
        if any(effect.value == "notify_other_side" for effect in rule.effects)
    }

    assert told == set(notices.CANCELLATIONS)
