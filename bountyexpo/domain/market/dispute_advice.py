"""What the facts of a dispute suggest, with the reasons; an admin decides (operations §2.5).

Each side has points: for what it shows, as the contract counts it, and for what is known of the
work and of the two. A side with more than twice the points of the other is suggested, else nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from bountyexpo.domain.market.completion import State as Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Side: TypeAlias = Literal["hunter", "poster"]
Outcome: TypeAlias = Literal["release", "refund", "manual_review"]

# Points of each piece of evidence, by its type.
EVIDENCE_POINTS: Final[Mapping[str, int]] = {"image": 3, "document": 2, "text": 1, "link": 1}

HANDED_IN_POINTS: Final = 3
READY_POINTS: Final = 1
NOTHING_DONE_POINTS: Final = 3

# From here on it says something about a person.
MANY_REVISIONS: Final = 3
MANY_CANCELLATIONS: Final = 3
ENOUGH_RATINGS: Final = 3
LOW_RATING_TENTHS: Final = 30


class Reputation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a side: bounties that they gave up, and how they were rated."""

    cancellations: int = 0
    rating_sum_tenths: int = 0
    rating_count: int = 0

    @property
    def is_rated_low(self) -> bool:
        """Tell whether enough people have rated them, and low."""
        low = LOW_RATING_TENTHS * self.rating_count
        return self.rating_count >= ENOUGH_RATINGS and self.rating_sum_tenths < low


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the suggestion looks at; evidence by its types."""

    work: Work = Work.NONE
    revisions: int = 0
    hunter_evidence: tuple[str, ...] = ()
    poster_evidence: tuple[str, ...] = ()
    # Which side asked to cancel, where the dispute is about that.
    cancelled_by: Side | None = None
    hunter: Reputation = Reputation()
    poster: Reputation = Reputation()


class AdviceReason(msgspec.Struct, frozen=True, kw_only=True):
    """Something that speaks for a side."""

    side: Side
    points: int
    text: str


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What is suggested, and why."""

    outcome: Outcome
    hunter_points: int
    poster_points: int
    reasons: tuple[AdviceReason, ...]


def advise(facts: Facts) -> Advice:
    """Return what the facts suggest."""
    reasons = (*_of_evidence(facts), *_of_work(facts), *_of_people(facts))
    hunter = sum(reason.points for reason in reasons if reason.side == "hunter")
    poster = sum(reason.points for reason in reasons if reason.side == "poster")
    outcome: Outcome = "manual_review"
    if hunter > 2 * poster:
        outcome = "release"
    elif poster > 2 * hunter:
        outcome = "refund"
    return Advice(outcome=outcome, hunter_points=hunter, poster_points=poster, reasons=reasons)


def _of_evidence(facts: Facts) -> Iterator[AdviceReason]:
    shown: dict[Side, tuple[str, ...]] = {
        "hunter": facts.hunter_evidence,
        "poster": facts.poster_evidence,
    }
    for side, kinds in shown.items():
        if kinds:
            points = sum(EVIDENCE_POINTS[kind] for kind in kinds)
            yield AdviceReason(
                side=side, points=points, text=f"The {side} shows {', '.join(kinds)}."
            )


def _of_work(facts: Facts) -> Iterator[AdviceReason]:
    if facts.work is Work.NONE:
        text = "Nothing was handed in or announced."
        yield AdviceReason(side="poster", points=NOTHING_DONE_POINTS, text=text)
    elif facts.work is Work.READY:
        text = "The hunter says to be ready, and has handed in nothing."
        yield AdviceReason(side="hunter", points=READY_POINTS, text=text)
    else:
        yield AdviceReason(side="hunter", points=HANDED_IN_POINTS, text="Work was handed in.")
    if facts.revisions >= MANY_REVISIONS:
        text = f"The poster asked for changes {facts.revisions} times."
        yield AdviceReason(side="hunter", points=1, text=text)


def _of_people(facts: Facts) -> Iterator[AdviceReason]:
    others: dict[Side, Side] = {"hunter": "poster", "poster": "hunter"}
    people: dict[Side, Reputation] = {"hunter": facts.hunter, "poster": facts.poster}
    if facts.cancelled_by is not None:
        text = f"The {facts.cancelled_by} wants to cancel."
        yield AdviceReason(side=others[facts.cancelled_by], points=1, text=text)
    for side, known in people.items():
        if known.cancellations >= MANY_CANCELLATIONS:
            text = f"The {side} has given up {known.cancellations} bounties before."
            yield AdviceReason(side=others[side], points=1, text=text)
        if known.is_rated_low:
            text = f"Others have rated the {side} low."
            yield AdviceReason(side=others[side], points=1, text=text)
