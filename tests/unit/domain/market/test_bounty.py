"""The rules of a bounty that are more than a row of the contract."""

from __future__ import annotations

from itertools import product

import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.market.bounty import Effect, Event, Facts, Parties, Stage, Status
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.domain.market.completion import State as Work
from bountyexpo.errors import (
    BountyExpoError,
    Conflict,
    IllegalTransition,
    InvalidRequest,
    NotAllowed,
    NotFound,
    RateLimited,
)

from tests.unit.domain.machines import COMPLETION, facts_for

POSTER, HUNTER, OTHER, ADMIN = Role.POSTER, Role.HUNTER, Role.OTHER, Role.ADMIN
OPEN, IN_PROGRESS = Status.OPEN, Status.IN_PROGRESS
REQUESTED = Status.CANCELLATION_REQUESTED
PARTIES = Parties(poster_id="anna", hunter_id="ben")
ESCROW = {effect for effect in Effect if effect.value.endswith("_escrow")}


def decide(state, event, role, **facts):
    return MACHINE.decide(state, event, role, Facts(**facts))


def test_the_two_sides_are_known_by_their_ids():
    parties = Parties(poster_id="p", hunter_id="h")

    assert [parties.role_of(user) for user in "phx"] == [POSTER, HUNTER, OTHER]
    assert Parties(poster_id="p").role_of("h") is OTHER


def test_a_paid_bounty_locks_its_price_in_the_step_that_makes_it():
    paid = decide(None, Event.CREATE, POSTER)
    for_honor = decide(None, Event.CREATE, POSTER, is_paid=False)

    assert (paid.row, for_honor.row) == ("T1", "T2")
    assert paid.state is for_honor.state is OPEN
    assert Effect.HOLD_ESCROW in paid.effects
    assert not ESCROW & set(for_honor.effects)
    assert [timer.at for timer in paid.timers] == ["end_date"]


@pytest.mark.parametrize(
    ("facts", "error", "code"),
    [
        ({"is_verified": False}, NotAllowed, "EMAIL_NOT_VERIFIED"),
        ({"has_posts_left": False}, RateLimited, "RATE_LIMIT_EXCEEDED"),
    ],
)
def test_who_may_not_post_hears_why(facts, error, code):
    with pytest.raises(error) as refused:
        decide(None, Event.CREATE, POSTER, **facts)

    assert refused.value.error_code == code


@pytest.mark.parametrize("event", [Event.APPLY, Event.DIRECT_ACCEPT])
def test_taking_a_bounty_is_applying_for_it(event):
    decision = decide(OPEN, event, OTHER)

    assert decision.state is OPEN
    assert decision.effects == (Effect.ADD_APPLICATION, Effect.NOTIFY_POSTER)


@pytest.mark.parametrize("event", [Event.APPLY, Event.DIRECT_ACCEPT])
@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"application": ApplicationStatus.PENDING}, "ALREADY_APPLIED"),
        ({"has_room": False}, "TOO_MANY_PENDING"),
        ({"is_blocked": True}, "BLOCKED"),
        ({"is_verified": False}, "EMAIL_NOT_VERIFIED"),
        ({"is_cooling_down": True}, "APPLIED_TOO_SOON"),
    ],
)
def test_an_application_is_refused_with_its_code(event, facts, code):
    with pytest.raises(BountyExpoError) as refused:
        decide(OPEN, event, OTHER, **facts)

    assert refused.value.error_code == code


@pytest.mark.parametrize("status", [ApplicationStatus.REJECTED, ApplicationStatus.WITHDRAWN])
def test_a_hunter_may_apply_again(status):
    assert decide(OPEN, Event.APPLY, OTHER, application=status).is_move


@pytest.mark.parametrize("event", [Event.APPLY, Event.DIRECT_ACCEPT])
def test_who_was_rejected_hears_when_to_come_again(event):
    with pytest.raises(RateLimited) as refused:
        decide(OPEN, event, OTHER, is_cooling_down=True, cool_down_left_s=4_711)

    assert refused.value.retry_after_s == 4_711


@pytest.mark.parametrize("role", [OTHER, HUNTER])
def test_only_the_applicant_withdraws(role):
    pending = {"application": ApplicationStatus.PENDING}

    assert decide(OPEN, Event.WITHDRAW_APPLICATION, role, **pending).is_move
    with pytest.raises(NotAllowed, match="Only the applicant"):
        decide(OPEN, Event.WITHDRAW_APPLICATION, role, is_applicant=False, **pending)


@pytest.mark.parametrize(
    ("event", "role", "status"),
    [
        (Event.WITHDRAW_APPLICATION, OTHER, ApplicationStatus.WITHDRAWN),
        (Event.REJECT_APPLICATION, POSTER, ApplicationStatus.REJECTED),
    ],
)
@pytest.mark.parametrize("state", [OPEN, IN_PROGRESS, Status.ARCHIVED])
def test_an_answer_is_repeated_whatever_the_bounty_has_become(event, role, status, state):
    assert decide(state, event, role, application=status).outcome is Outcome.REPEAT


def test_changes_are_not_asked_of_work_that_was_replaced():
    for work in (Work.PENDING, Work.REVISION_REQUESTED):
        with pytest.raises(Conflict) as refused:
            decide(IN_PROGRESS, Event.REQUEST_REVISION, POSTER, work=work, is_newest_work=False)
        assert refused.value.error_code == "SUBMISSION_REPLACED"


def test_a_poster_cannot_apply_to_his_own_bounty():
    with pytest.raises(NotAllowed, match="your own bounty"):
        decide(OPEN, Event.APPLY, POSTER)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"application": ApplicationStatus.REJECTED}, "REQUEST_NOT_PENDING"),
        ({"is_funded": False}, "not_funded"),
        ({"is_expired": True}, "BOUNTY_EXPIRED"),
    ],
)
def test_an_acceptance_is_refused_with_its_code(facts, code):
    with pytest.raises(Conflict) as refused:
        decide(OPEN, Event.ACCEPT, POSTER, **({"application": ApplicationStatus.PENDING} | facts))

    assert refused.value.error_code == code
    assert refused.value.fields["currentStatus"] == "open"


def test_the_same_acceptance_again_is_a_repeat_and_another_is_refused():
    again = decide(IN_PROGRESS, Event.ACCEPT, POSTER, is_accepted_one=True)

    assert again.outcome is Outcome.REPEAT
    with pytest.raises(IllegalTransition) as refused:
        decide(IN_PROGRESS, Event.ACCEPT, POSTER, application=ApplicationStatus.PENDING)
    assert refused.value.fields["currentStatus"] == "in_progress"
    assert "request_revision" not in refused.value.fields["allowed"]


def test_a_poster_who_takes_directly_must_have_one_application():
    with pytest.raises(Conflict) as refused:
        decide(OPEN, Event.DIRECT_ACCEPT, POSTER)

    assert refused.value.error_code == "USE_APPLICATION"


def test_terms_stand_while_applications_wait():
    with pytest.raises(Conflict):
        decide(OPEN, Event.EDIT_TERMS, POSTER, has_waiting_applications=True)
    assert Effect.ADJUST_ESCROW not in decide(OPEN, Event.EDIT_TERMS, POSTER).effects
    assert (
        Effect.ADJUST_ESCROW in decide(OPEN, Event.EDIT_TERMS, POSTER, changes_amount=True).effects
    )


def test_work_is_approved_only_while_it_waits_and_nobody_disputes_it():
    decision = decide(IN_PROGRESS, Event.APPROVE, POSTER, work=Work.PENDING)

    assert decision.state is Status.COMPLETED
    assert Effect.RELEASE_ESCROW in decision.effects
    for facts in ({"work": Work.READY}, {"work": Work.PENDING, "is_disputed": True}):
        with pytest.raises(Conflict):
            decide(IN_PROGRESS, Event.APPROVE, POSTER, **facts)


def test_the_old_way_to_complete_hands_in_or_approves():
    handed_in = decide(IN_PROGRESS, Event.COMPLETE, HUNTER)
    approved = decide(IN_PROGRESS, Event.COMPLETE, POSTER, work=Work.PENDING)

    assert (handed_in.state, handed_in.facts.work) == (IN_PROGRESS, Work.PENDING)
    assert approved.state is Status.COMPLETED
    with pytest.raises(Conflict):
        decide(IN_PROGRESS, Event.COMPLETE, POSTER)


@pytest.mark.parametrize("role", [POSTER, HUNTER])
def test_cancelling_work_under_way_needs_the_other_side_unless_it_is_for_honor(role):
    paid = decide(IN_PROGRESS, Event.CANCEL, role)
    for_honor = decide(IN_PROGRESS, Event.CANCEL, role, is_paid=False)

    assert (paid.row, paid.state) == ("T18", REQUESTED)
    assert (for_honor.row, for_honor.state) == ("T19", Status.CANCELLED)


def test_cancelling_an_open_bounty_gives_all_back():
    decision = decide(OPEN, Event.CANCEL, POSTER)

    assert decision.state is Status.CANCELLED
    assert Effect.REFUND_ESCROW in decision.effects
    assert Effect.SPLIT_ESCROW not in decision.effects


def test_who_asked_cannot_agree_and_who_did_not_cannot_withdraw():
    with pytest.raises(NotAllowed):
        decide(REQUESTED, Event.CANCEL_ACCEPT, POSTER, is_requester=True)
    with pytest.raises(NotAllowed):
        decide(REQUESTED, Event.CANCEL_WITHDRAW, POSTER)


def test_a_cancellation_is_refused_only_with_a_reason():
    with pytest.raises(InvalidRequest):
        decide(REQUESTED, Event.CANCEL_REJECT, HUNTER, has_text=False, has_hunter=True)


@pytest.mark.parametrize(
    ("state", "event", "role", "facts"),
    [
        (IN_PROGRESS, Event.APPROVE, POSTER, {"work": Work.PENDING}),
        (IN_PROGRESS, Event.CANCEL, HUNTER, {}),
        (IN_PROGRESS, Event.CANCEL, POSTER, {"is_paid": False}),
        (IN_PROGRESS, Event.STALE_CANCEL, POSTER, {"is_stale": True}),
        (IN_PROGRESS, Event.STALE_REPOST, POSTER, {"is_stale": True}),
        (REQUESTED, Event.CANCEL_ACCEPT, HUNTER, {}),
        (REQUESTED, Event.CANCEL_REJECT, HUNTER, {"has_hunter": True}),
        (REQUESTED, Event.CANCEL_WITHDRAW, HUNTER, {"is_requester": True, "has_hunter": True}),
    ],
)
def test_an_open_dispute_stops_every_way_around_it(state, event, role, facts):
    assert decide(state, event, role, **facts).is_move
    with pytest.raises(Conflict) as refused:
        decide(state, event, role, is_disputed=True, **facts)
    assert refused.value.error_code == "DISPUTE_ACTIVE"


def test_a_dispute_begins_where_it_belongs():
    with pytest.raises(Conflict):
        decide(IN_PROGRESS, Event.DISPUTE, HUNTER, stage=Stage.CANCELLATION)
    with pytest.raises(Conflict):
        decide(REQUESTED, Event.DISPUTE, HUNTER)
    opened = decide(REQUESTED, Event.DISPUTE, HUNTER, stage=Stage.CANCELLATION)
    assert opened.facts.is_disputed
    assert {Effect.FREEZE_ESCROW, Effect.DISPUTE_CANCELLATION} <= set(opened.effects)


def test_a_dispute_for_honor_freezes_nothing():
    assert not ESCROW & set(decide(IN_PROGRESS, Event.DISPUTE, HUNTER, is_paid=False).effects)


def test_a_vanished_hunter_leaves_the_choice_to_the_poster():
    stale = decide(IN_PROGRESS, Event.HUNTER_GONE, Role.SYSTEM, has_hunter=True)
    refunded = MACHINE.decide(stale.state, Event.STALE_CANCEL, POSTER, stale.facts)
    posted_anew = MACHINE.decide(stale.state, Event.STALE_REPOST, POSTER, stale.facts)

    assert stale.facts.is_stale
    assert Effect.REFUND_ESCROW in refunded.effects
    assert posted_anew.state is OPEN
    assert not ESCROW & set(posted_anew.effects)
    assert not posted_anew.facts.has_hunter
    with pytest.raises(Conflict):
        MACHINE.decide(stale.state, Event.SUBMIT, HUNTER, stale.facts)


def test_a_hunter_who_vanishes_during_a_cancellation_leaves_nobody_to_agree():
    decision = decide(REQUESTED, Event.HUNTER_GONE, Role.SYSTEM, has_hunter=True)

    assert (decision.state, decision.facts.is_stale) == (IN_PROGRESS, True)


def test_a_poster_who_vanishes_does_not_take_finished_work_with_him():
    judged = decide(IN_PROGRESS, Event.POSTER_GONE, Role.SYSTEM, work=Work.PENDING)
    ended = decide(IN_PROGRESS, Event.POSTER_GONE, Role.SYSTEM)

    assert (judged.state, judged.facts.is_disputed) == (IN_PROGRESS, True)
    assert ended.state is Status.ARCHIVED
    assert Effect.REFUND_ESCROW in ended.effects


def test_the_end_date_is_told_once():
    first = decide(OPEN, Event.EXPIRY_TICK, Role.TIMER, is_expired=True)
    second = MACHINE.decide(OPEN, Event.EXPIRY_TICK, Role.TIMER, first.facts)

    assert Effect.NOTIFY_POSTER in first.effects
    assert second.outcome is Outcome.IGNORE


def test_completed_never_goes_back_not_even_for_an_admin():
    for wanted in (OPEN, IN_PROGRESS, REQUESTED, Status.CANCELLED):
        with pytest.raises(IllegalTransition):
            decide(Status.COMPLETED, Event.ADMIN_SET_STATUS, ADMIN, wanted=wanted)


def test_an_admin_moves_the_money_of_the_step_that_he_forces():
    cancelled = decide(OPEN, Event.ADMIN_SET_STATUS, ADMIN, wanted=Status.CANCELLED)
    completed = decide(
        IN_PROGRESS, Event.ADMIN_SET_STATUS, ADMIN, wanted=Status.COMPLETED, has_hunter=True
    )

    assert {Effect.REFUND_ESCROW, Effect.AUDIT} <= set(cancelled.effects)
    assert {Effect.RELEASE_ESCROW, Effect.AUDIT} <= set(completed.effects)


def test_a_deleted_bounty_is_unknown_to_strangers_only():
    with pytest.raises(NotFound) as refused:
        decide(Status.DELETED, Event.APPLY, OTHER)

    assert refused.value.error_code == "bounty_not_found"
    assert decide(Status.DELETED, Event.DELETE, POSTER).outcome is Outcome.REPEAT
    assert decide(Status.DELETED, Event.HIDE, HUNTER).is_move


def test_the_work_moves_as_its_own_machine_says():
    """The bounty's table and that of the work describe the same steps."""
    steps = [event for event in COMPLETION.events if event.value in set(Event)]
    for event, role in product(steps, (POSTER, HUNTER)):
        for facts in facts_for(MACHINE, IN_PROGRESS, Event(event), role):
            # Work that was judged belongs to a bounty that has ended.
            if facts.work not in {Work.APPROVED, Work.REJECTED}:
                _check_same_step(event, role, facts)


def _check_same_step(event, role, facts):
    try:
        decision = MACHINE.decide(IN_PROGRESS, Event(event), role, facts)
    except BountyExpoError:
        return
    step = COMPLETION.decide(facts.work, event, role, COMPLETION.facts())
    assert decision.facts.work is step.state
    assert decision.is_move == step.is_move


@pytest.mark.parametrize("status", Status)
def test_a_deleted_bounty_is_seen_by_its_parties_only(status):
    for user_id in ("anna", "ben"):
        assert PARTIES.may_see(status, user_id)
    for user_id in ("carl", None):
        assert PARTIES.may_see(status, user_id) == (status is not Status.DELETED)


def test_without_a_hunter_nobody_is_the_hunter():
    alone = Parties(poster_id="anna")

    assert not alone.may_see(Status.DELETED, None)
    assert alone.may_see(Status.DELETED, "anna")


def test_a_submission_that_was_replaced_is_not_approved():
    facts = Facts(has_hunter=True, work=Work.PENDING, is_newest_work=False)
    for status in (IN_PROGRESS, Status.COMPLETED):
        with pytest.raises(Conflict) as refusal:
            MACHINE.decide(status, Event.APPROVE, POSTER, facts)
        assert refusal.value.error_code == "SUBMISSION_REPLACED"
