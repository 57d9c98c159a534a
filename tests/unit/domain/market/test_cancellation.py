"""Cancelling by agreement: both parts of the price are named, and sum to the whole."""

from __future__ import annotations

import pytest
from bountyexpo.domain.limits import CANCELLATION_REASON_CHARS_MAX
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.market import bounty
from bountyexpo.domain.market.cancellation import (
    MACHINE,
    WHOLE_BPS,
    Category,
    Event,
    Facts,
    Split,
    Status,
    agreed_split,
    proposed_split,
    recommended_refund_percentage,
    split_of,
    worded,
)
from bountyexpo.errors import InvalidRequest, NotAllowed

OPEN, UNDER_WAY = False, True


@pytest.mark.parametrize(
    ("in_progress", "requested_by", "poster_bps"),
    [
        (OPEN, Role.POSTER, 10_000),
        (UNDER_WAY, Role.HUNTER, 10_000),
        (UNDER_WAY, Role.POSTER, 5_000),
    ],
)
def test_the_proposal_depends_on_who_cancels_what(in_progress, requested_by, poster_bps):
    split = proposed_split(in_progress=in_progress, requested_by=requested_by)

    assert split == Split(poster_bps, WHOLE_BPS - poster_bps)
    assert agreed_split(None, in_progress=in_progress, requested_by=requested_by) == split


@pytest.mark.parametrize("percentage", range(101))
def test_the_hunter_gets_what_the_poster_does_not(percentage):
    split = agreed_split(percentage, in_progress=True, requested_by=Role.POSTER)

    assert split.poster_bps == percentage * 100
    assert split.poster_bps + split.hunter_bps == WHOLE_BPS


@pytest.mark.parametrize(
    ("percentage", "in_progress"), [(-1, UNDER_WAY), (101, UNDER_WAY), (50, OPEN)]
)
def test_a_share_that_cannot_be_is_refused(percentage, in_progress):
    with pytest.raises(InvalidRequest):
        agreed_split(percentage, in_progress=in_progress, requested_by=Role.POSTER)


def test_an_open_bounty_goes_back_whole_even_when_that_is_said():
    assert agreed_split(100, in_progress=False, requested_by=Role.POSTER) == split_of(WHOLE_BPS)


@pytest.mark.parametrize("parts", [(5_000, 4_999), (-1, 10_001)])
def test_parts_that_are_not_the_whole_are_a_defect(parts):
    with pytest.raises(AssertionError):
        Split(*parts)


def test_only_the_other_side_answers():
    with pytest.raises(NotAllowed):
        MACHINE.decide(Status.PENDING, Event.ACCEPT, Role.REQUESTER, Facts())
    decision = MACHINE.decide(Status.PENDING, Event.ACCEPT, Role.RESPONDER, Facts())
    assert decision.state is Status.ACCEPTED


def test_nobody_is_asked_where_nobody_needs_to_agree():
    decision = MACHINE.decide(
        None, Event.REQUEST, Role.REQUESTER, Facts(needs_no_answer=True, has_text=False)
    )

    assert decision.state is Status.ACCEPTED


def test_a_closed_dispute_lets_the_request_wait_again():
    disputed = MACHINE.decide(Status.PENDING, Event.DISPUTE, Role.RESPONDER, Facts())
    reopened = MACHINE.decide(disputed.state, Event.REOPEN, Role.SYSTEM, disputed.facts)

    assert (disputed.state, reopened.state) == (Status.DISPUTED, Status.PENDING)


def test_accepting_again_is_a_repeat():
    decision = MACHINE.decide(Status.ACCEPTED, Event.ACCEPT, Role.RESPONDER, Facts())

    assert decision.outcome is Outcome.REPEAT


@pytest.mark.parametrize(
    ("status", "has_hunter", "percentage"),
    [
        (bounty.Status.OPEN, False, 100),
        (bounty.Status.IN_PROGRESS, True, 50),
        (bounty.Status.IN_PROGRESS, False, 100),
        (bounty.Status.COMPLETED, True, 0),
        (bounty.Status.CANCELLATION_REQUESTED, True, 50),
        (bounty.Status.ARCHIVED, False, 50),
    ],
)
def test_the_app_recommends_what_the_contract_says(status, has_hunter, percentage):
    assert recommended_refund_percentage(status, has_hunter=has_hunter) == percentage


def test_a_reason_is_stored_with_its_category_and_no_word_is_no_reason():
    assert worded("It rains.", Category.TIMELINE_ISSUE) == "[category:timeline_issue] It rains."
    assert worded("", Category.OTHER) is worded(None, Category.OTHER) is None


@pytest.mark.parametrize("category", Category)
def test_the_longest_reason_fits_with_its_category(category):
    assert len(worded("x" * CANCELLATION_REASON_CHARS_MAX, category)) <= 1_000
