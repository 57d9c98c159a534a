"""A deposit: the provider's word in every order, and the races of confirm against webhook."""

from __future__ import annotations

from itertools import permutations

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.payment import (
    GIVE_UP_S,
    MACHINE,
    Effect,
    Event,
    Facts,
    PaymentStatus,
    event_of,
)
from bountyexpo.errors import Conflict, NotAllowed

CREATING, CREDITED = PaymentStatus.CREATING, PaymentStatus.CREDITED
PROVIDER, OWNER = Role.PROVIDER, Role.OWNER


class Deposit:
    """A deposit as its actor keeps it: status, a book by intent, and what is postponed."""

    def __init__(self) -> None:
        self.state = None
        self.intent = None
        self.book: dict[str, int] = {}
        self.postponed: list[Event] = []

    def ask(self, event):
        decision = MACHINE.decide(self.state, event, OWNER, Facts())
        self.state = decision.state
        return decision

    def answer(self, event, intent="pi_1"):
        """The provider's answer to our own call: the intent exists, and this is its state."""
        self._apply(Event.CREATED, intent)
        self._apply(event, intent)

    def webhook(self, event, intent="pi_1"):
        self._apply(event, intent)

    def redeliver(self):
        """Hand in again what was postponed, as the inbox does."""
        postponed, self.postponed = self.postponed, []
        for event in postponed:
            self.webhook(event)

    def _apply(self, event, intent):
        facts = Facts(is_current=self.intent in {None, intent})
        decision = MACHINE.decide(self.state, event, PROVIDER, facts)
        if decision.outcome is Outcome.POSTPONE:
            self.postponed.append(event)
            return
        if Effect.KEEP_INTENT in decision.effects:
            self.intent = intent
        if Effect.POST_DEPOSIT in decision.effects:
            # The ledger takes each business key once.
            self.book.setdefault(f"deposit:{intent}", 100)
        self.state = decision.state

    @property
    def credited(self):
        return sum(self.book.values())


@pytest.fixture
def deposit():
    found = Deposit()
    found.ask(Event.CREATE)
    return found


def test_a_webhook_before_the_answer_waits_for_it(deposit):
    deposit.webhook(Event.SUCCEEDED)
    assert (deposit.state, deposit.credited) == (CREATING, 0)

    deposit.answer(Event.CREATED)
    deposit.redeliver()

    assert (deposit.state, deposit.credited) == (CREDITED, 100)


def test_a_lost_answer_is_asked_for_again_with_the_same_call(deposit):
    deposit.webhook(Event.SUCCEEDED)

    again = deposit.ask(Event.CREATE)
    assert again.effects == (Effect.MAKE_INTENT,)
    deposit.answer(Event.SUCCEEDED)
    deposit.redeliver()

    assert (deposit.state, deposit.credited) == (CREDITED, 100)


@pytest.mark.parametrize("order", ["answer first", "webhook first"])
def test_both_at_once_credit_once(deposit, order):
    deposit.answer(Event.CREATED)
    told = [deposit.answer, deposit.webhook]

    for tell in told if order == "answer first" else reversed(told):
        tell(Event.SUCCEEDED)

    assert (deposit.state, deposit.credited) == (CREDITED, 100)


def test_a_duplicate_webhook_changes_nothing(deposit):
    deposit.answer(Event.CREATED)

    for _ in range(5):
        deposit.webhook(Event.SUCCEEDED)

    assert (deposit.state, deposit.credited) == (CREDITED, 100)


@pytest.mark.parametrize(
    "order",
    list(permutations((Event.CREATED, Event.REQUIRES_ACTION, Event.PROCESSING, Event.SUCCEEDED))),
    ids=lambda order: " ".join(event.value for event in order),
)
def test_webhooks_out_of_order_end_in_one_state(deposit, order):
    for event in order:
        deposit.webhook(event)
    deposit.answer(Event.CREATED)
    deposit.redeliver()

    assert (deposit.state, deposit.credited, deposit.postponed) == (CREDITED, 100, [])


@pytest.mark.parametrize("late", [Event.PAYMENT_FAILED, Event.CANCELED, Event.PROCESSING])
def test_a_late_failure_after_success_takes_nothing_away(deposit, late):
    deposit.answer(Event.SUCCEEDED)

    deposit.webhook(late)

    assert (deposit.state, deposit.credited) == (CREDITED, 100)


@pytest.mark.parametrize("order", ["capture first", "cancel first"])
def test_a_cancel_that_races_the_capture_loses_no_money(deposit, order):
    deposit.answer(Event.PROCESSING)
    told = [Event.SUCCEEDED, Event.CANCELED]

    for event in told if order == "capture first" else reversed(told):
        deposit.webhook(event)

    assert (deposit.state, deposit.credited) == (CREDITED, 100)


def test_a_deposit_that_ended_starts_again_and_takes_late_money_of_both_intents(deposit):
    deposit.answer(Event.CANCELED)
    assert deposit.ask(Event.CREATE).effects == (Effect.MAKE_INTENT,)
    deposit.intent = None
    deposit.answer(Event.CREATED, "pi_2")

    deposit.webhook(Event.SUCCEEDED, "pi_1")
    assert deposit.state is PaymentStatus.INTENT
    deposit.webhook(Event.CANCELED, "pi_1")
    deposit.webhook(Event.SUCCEEDED, "pi_2")

    assert deposit.state is CREDITED
    assert deposit.book == {"deposit:pi_1": 100, "deposit:pi_2": 100}


def test_an_intent_of_somebody_else_is_refused():
    with pytest.raises(Conflict) as refused:
        MACHINE.decide(PaymentStatus.INTENT, Event.SUCCEEDED, PROVIDER, Facts(is_ours=False))

    assert refused.value.error_code == "invalid_status"


def test_a_deposit_of_somebody_else_cannot_be_confirmed():
    with pytest.raises(NotAllowed):
        MACHINE.decide(PaymentStatus.INTENT, Event.CONFIRM, Role.OTHER, Facts())


def test_a_card_refund_is_posted_once():
    first = MACHINE.decide(CREDITED, Event.REFUNDED, PROVIDER, Facts())
    second = MACHINE.decide(CREDITED, Event.REFUNDED, PROVIDER, first.facts)

    assert Effect.POST_CARD_REFUND in first.effects
    assert second.outcome is Outcome.IGNORE


@pytest.mark.parametrize("status", [PaymentStatus.INTENT, PaymentStatus.ACTION])
def test_a_deposit_that_waits_for_its_payer_can_be_cancelled(status):
    cancelled = MACHINE.decide(status, Event.CANCEL, Role.OWNER, Facts())

    assert cancelled.effects == (Effect.CANCEL_INTENT,)
    assert cancelled.state is status, "the provider's answer decides"


@pytest.mark.parametrize(
    "status", [PaymentStatus.PROCESSING, PaymentStatus.CREDITED, PaymentStatus.FAILED]
)
def test_a_deposit_that_is_on_its_way_cannot_be_cancelled(status):
    with pytest.raises(Conflict) as refused:
        MACHINE.decide(status, Event.CANCEL, Role.OWNER, Facts())

    assert refused.value.error_code == "invalid_status"


def test_an_intent_that_nobody_pays_is_given_up_after_a_day():
    kept = MACHINE.decide(CREATING, Event.CREATED, PROVIDER, Facts())
    given_up = MACHINE.decide(kept.state, Event.GIVE_UP, Role.TIMER, kept.facts)

    assert [(timer.event, timer.after_s) for timer in kept.timers] == [(Event.GIVE_UP, GIVE_UP_S)]
    assert given_up.effects == (Effect.CANCEL_INTENT,)


@pytest.mark.parametrize(
    ("status", "has_error", "event"),
    [
        ("requires_payment_method", False, Event.CREATED),
        ("requires_payment_method", True, Event.PAYMENT_FAILED),
        ("requires_action", False, Event.REQUIRES_ACTION),
        ("succeeded", True, Event.SUCCEEDED),
        ("something_new", False, None),
    ],
)
def test_the_words_of_the_provider_are_events(status, has_error, event):
    assert event_of(status, has_error=has_error) is event
