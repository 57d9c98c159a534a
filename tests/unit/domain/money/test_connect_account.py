"""A payout account: what Stripe says replaces what is known."""

from __future__ import annotations

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.connect_account import LINKED, MACHINE, Effect, Event, Facts, State
from bountyexpo.errors import Conflict, NotAllowed

ENABLED = Facts(are_details_submitted=True, are_payouts_enabled=True)


def told(state, facts):
    return MACHINE.decide(state, Event.TOLD, Role.PROVIDER, facts)


def test_the_first_time_that_payouts_are_enabled_is_kept():
    first = told(State.CREATED, ENABLED)
    restricted = told(first.state, Facts(was_onboarded=True))
    again = told(restricted.state, Facts(are_payouts_enabled=True, was_onboarded=True))

    assert Effect.STAMP_ONBOARDED in first.effects
    assert restricted.state is State.RESTRICTED
    assert again.state is State.PAYOUTS_ENABLED
    assert Effect.STAMP_ONBOARDED not in again.effects


@pytest.mark.parametrize("facts", [{"is_ours": False}, {"is_newest": False}])
@pytest.mark.parametrize("state", LINKED)
def test_an_old_word_or_one_about_another_account_changes_nothing(state, facts):
    assert told(state, Facts(are_payouts_enabled=True, **facts)).outcome is Outcome.IGNORE


def test_two_calls_at_once_make_one_account():
    first = MACHINE.decide(State.NONE, Event.CREATE, Role.OWNER, Facts())
    second = MACHINE.decide(first.state, Event.CREATE, Role.OWNER, first.facts)

    assert first.effects == (Effect.CREATE_ACCOUNT,)
    assert second.outcome is Outcome.REPEAT


def test_only_an_enabled_account_pays_out():
    assert MACHINE.decide(State.PAYOUTS_ENABLED, Event.WITHDRAW, Role.OWNER, ENABLED).is_move
    with pytest.raises(Conflict) as refused:
        MACHINE.decide(State.RESTRICTED, Event.WITHDRAW, Role.OWNER, ENABLED)
    assert refused.value.error_code == "connect_not_onboarded"


def test_the_account_of_somebody_else_is_not_touched():
    with pytest.raises(NotAllowed):
        MACHINE.decide(State.NONE, Event.CREATE, Role.OTHER, Facts())
