"""What is suggested to an admin, and the reasons: a table of cases."""

from __future__ import annotations

import pytest
from bountyexpo.domain.market.completion import State as Work
from bountyexpo.domain.market.dispute_advice import Facts, Reputation, advise

HANDED_IN = {"work": Work.PENDING}
GIVES_UP = Reputation(cancellations=3)
RATED_LOW = Reputation(rating_count=3, rating_sum_tenths=89)
RATED_WELL = Reputation(rating_count=3, rating_sum_tenths=90)
RATED_TWICE = Reputation(rating_count=2, rating_sum_tenths=20)


@pytest.mark.parametrize(
    ("facts", "outcome", "hunter", "poster"),
    [
        ({}, "refund", 0, 3),
        (HANDED_IN, "release", 3, 0),
        ({"work": Work.READY}, "release", 1, 0),
        ({"work": Work.REVISION_REQUESTED, "revisions": 3}, "release", 4, 0),
        (HANDED_IN | {"revisions": 2}, "release", 3, 0),
        (HANDED_IN | {"poster_evidence": ("image",)}, "manual_review", 3, 3),
        (HANDED_IN | {"poster_evidence": ("image", "image", "text")}, "refund", 3, 7),
        # Twice as much is not more than twice as much.
        (HANDED_IN | {"poster_evidence": ("image", "document", "link")}, "manual_review", 3, 6),
        (HANDED_IN | {"hunter_evidence": ("document",)}, "release", 5, 0),
        (HANDED_IN | {"cancelled_by": "hunter"}, "release", 3, 1),
        (HANDED_IN | {"cancelled_by": "hunter", "hunter": GIVES_UP}, "manual_review", 3, 2),
        (HANDED_IN | {"poster": GIVES_UP}, "release", 4, 0),
        (HANDED_IN | {"hunter": RATED_LOW}, "release", 3, 1),
        (HANDED_IN | {"hunter": RATED_WELL, "poster": RATED_TWICE}, "release", 3, 0),
        ({"cancelled_by": "poster", "poster": RATED_LOW}, "manual_review", 2, 3),
    ],
)
def test_the_facts_speak_for_a_side(facts, outcome, hunter, poster):
    advice = advise(Facts(**facts))

    assert (advice.outcome, advice.hunter_points, advice.poster_points) == (
        outcome,
        hunter,
        poster,
    )
    for side, points in (("hunter", hunter), ("poster", poster)):
        assert sum(r.points for r in advice.reasons if r.side == side) == points
    assert all(reason.text.endswith(".") for reason in advice.reasons)


def test_every_state_of_the_work_speaks_for_somebody():
    assert all(advise(Facts(work=state)).reasons for state in Work)
