"""What an escrow remembers: disputes, chargebacks and refunds lie over its state."""

from __future__ import annotations

import msgspec
import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.escrow import Event, Facts, Intent, State
from bountyexpo.domain.money.escrow_rules import MACHINE

FLAGS = {
    "dispute": "has_dispute",
    "chargeback": "has_chargeback",
    "lost": "is_chargeback_lost",
    "refund": "has_refund",
}
# From, event, with which flags; then to, and the flags after it.
STEPS = """
releasing refused - held -
refunding refused refund held -
releasing refused chargeback frozen chargeback
refunding refused refund,chargeback frozen chargeback
refunding refused refund,lost charged_back lost
refunded refund_failed refund held -
refunded refund_failed refund,chargeback frozen chargeback
refunded refund_failed refund,lost charged_back lost
refunding refund_failed refund,lost charged_back lost
held chargeback_open - frozen chargeback
frozen chargeback_open dispute frozen dispute,chargeback
releasing chargeback_open - releasing chargeback
refunding chargeback_open refund refunding refund,chargeback
released chargeback_open - released chargeback
refunded chargeback_open refund refunded refund,chargeback
held chargeback_lost - charged_back lost
frozen chargeback_lost chargeback charged_back lost
releasing chargeback_lost chargeback releasing lost
released chargeback_lost chargeback released lost
refunding chargeback_lost refund,chargeback refunding refund,lost
refunded chargeback_lost refund,chargeback refunded refund,lost
frozen chargeback_won dispute,chargeback frozen dispute
frozen chargeback_won chargeback held -
released chargeback_won chargeback released -
releasing chargeback_won chargeback releasing -
refunding chargeback_won refund,chargeback refunding refund
refunded chargeback_won refund,chargeback refunded refund
"""


def facts_of(flags, **more):
    raised = {} if flags == "-" else {FLAGS[flag]: True for flag in flags.split(",")}
    return Facts(is_card=True, **raised, **more)


@pytest.mark.parametrize("step", STEPS.strip().splitlines())
def test_each_step_leads_on_and_leaves_these_flags(step):
    state, event, before, target, after = step.split()

    decision = MACHINE.decide(State(state), Event(event), Role.PROVIDER, facts_of(before))

    assert decision.is_move
    assert decision.state is State(target)
    assert decision.facts == facts_of(after)


# Words that say nothing new, however often they come.
OLD_NEWS = """
held settled -
held refused -
released refused -
held unknown -
released unknown -
releasing chargeback_open chargeback
releasing chargeback_open lost
refunded chargeback_open lost
released chargeback_lost lost
refunded chargeback_lost lost
held chargeback_won -
frozen chargeback_won dispute
released chargeback_won -
refunding chargeback_won refund
none chargeback_won -
"""


@pytest.mark.parametrize("step", OLD_NEWS.strip().splitlines())
def test_old_news_changes_nothing(step):
    state, event, flags = step.split()

    decision = MACHINE.decide(State(state), Event(event), Role.PROVIDER, facts_of(flags))

    assert decision.outcome is Outcome.IGNORE
    assert decision.state is State(state)


def test_a_refund_that_was_told_to_have_failed_is_not_taken_back_twice():
    known = facts_of("refund", is_known=True)

    decision = MACHINE.decide(State.REFUNDED, Event.REFUND_FAILED, Role.PROVIDER, known)

    assert decision.outcome is Outcome.IGNORE


@pytest.mark.parametrize("flags", ["-", "chargeback", "lost"])
def test_a_refund_that_was_never_made_is_never_taken_back(flags):
    decision = MACHINE.decide(State.REFUNDED, Event.REFUND_FAILED, Role.PROVIDER, facts_of(flags))

    assert decision.state is State.REFUNDED
    assert [effect.value for effect in decision.effects] == ["record_finding"]


@pytest.mark.parametrize(
    "event", [Event.CHARGEBACK_OPEN, Event.CHARGEBACK_LOST, Event.CHARGEBACK_WON]
)
def test_a_chargeback_of_an_earlier_round_is_for_people_to_look_at(event):
    stray = msgspec.structs.replace(facts_of("chargeback"), intent=Intent.STRAY)

    decision = MACHINE.decide(State.HELD, event, Role.PROVIDER, stray)

    assert (decision.state, decision.facts) == (State.HELD, stray)
    assert [effect.value for effect in decision.effects] == ["record_finding"]
