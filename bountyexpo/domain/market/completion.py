"""The life of the work on a bounty: ready, handed in, revised, approved (rest-core §2.5).

The state is the bounty's submission sub-state; each hand-in after a revision is a new stored row.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bountyexpo.domain.machine import Guard, Machine, Outcome, Refusal, Role, Rule
from bountyexpo.errors import InvalidRequest


class State(StrEnum):
    """Where the work stands; the last four are the stored statuses of a submission."""

    NONE = "none"
    READY = "ready"
    PENDING = "pending"
    REVISION_REQUESTED = "revision_requested"
    APPROVED = "approved"
    REJECTED = "rejected"


class Event(StrEnum):
    """What can happen to the work."""

    READY = "ready"
    SUBMIT = "submit"
    REQUEST_REVISION = "request_revision"
    APPROVE = "approve"
    # A dispute was decided against the work, or the bounty ended without it.
    REJECT = "reject"
    # The hunter is gone and the bounty is posted anew.
    RESET = "reset"


class Effect(StrEnum):
    """What follows from a step."""

    RECORD_READY = "record_ready"
    ADD_SUBMISSION = "add_submission"
    KEEP_FEEDBACK = "keep_feedback"
    COUNT_REVISION = "count_revision"
    POST_SYSTEM_MESSAGE = "post_system_message"
    NOTIFY_POSTER = "notify_poster"
    NOTIFY_HUNTER = "notify_hunter"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at."""

    has_feedback: bool = True


HAS_FEEDBACK: Final = Guard(
    "feedback is given",
    "has_feedback",
    refusal=Refusal("Please say what should change.", error=InvalidRequest),
)

_NOT_WAITING: Final = Refusal("This work is not waiting.")
_HUNTER: Final = (Role.HUNTER,)
_POSTER: Final = (Role.POSTER,)
# The poster approves; an admin who decides a dispute for the hunter approves too.
_JUDGE: Final = (Role.POSTER, Role.ADMIN)

_TABLE: Final[tuple[Rule[State, Event], ...]] = (
    Rule(
        "T12",
        (State.NONE,),
        Event.READY,
        _HUNTER,
        State.READY,
        effects=(Effect.RECORD_READY, Effect.NOTIFY_POSTER),
    ),
    Rule(
        "T12",
        (State.READY, State.PENDING, State.REVISION_REQUESTED),
        Event.READY,
        _HUNTER,
        outcome=Outcome.REPEAT,
    ),
    Rule(
        "T13",
        (State.NONE, State.READY),
        Event.SUBMIT,
        _HUNTER,
        State.PENDING,
        effects=(Effect.ADD_SUBMISSION, Effect.NOTIFY_POSTER),
    ),
    Rule("T13", (State.PENDING,), Event.SUBMIT, _HUNTER, outcome=Outcome.REPEAT),
    Rule(
        "T14",
        (State.PENDING,),
        Event.REQUEST_REVISION,
        _POSTER,
        State.REVISION_REQUESTED,
        require=(HAS_FEEDBACK,),
        effects=(
            Effect.KEEP_FEEDBACK,
            Effect.COUNT_REVISION,
            Effect.POST_SYSTEM_MESSAGE,
            Effect.NOTIFY_HUNTER,
        ),
    ),
    Rule(
        "T14", (State.REVISION_REQUESTED,), Event.REQUEST_REVISION, _POSTER, outcome=Outcome.REPEAT
    ),
    Rule(
        "T15",
        (State.REVISION_REQUESTED,),
        Event.SUBMIT,
        _HUNTER,
        State.PENDING,
        effects=(Effect.ADD_SUBMISSION, Effect.NOTIFY_POSTER),
    ),
    Rule(
        "T16",
        (State.PENDING,),
        Event.APPROVE,
        _JUDGE,
        State.APPROVED,
        effects=(Effect.NOTIFY_HUNTER,),
    ),
    Rule("T16", (State.APPROVED,), Event.APPROVE, _JUDGE, outcome=Outcome.REPEAT),
    Rule(
        "T16",
        (State.NONE, State.READY, State.REVISION_REQUESTED, State.REJECTED),
        Event.APPROVE,
        _POSTER,
        refusal=_NOT_WAITING,
    ),
    # An admin may decide for the hunter whatever was handed in.
    Rule(
        "T24",
        (State.NONE, State.READY, State.REVISION_REQUESTED),
        Event.APPROVE,
        (Role.ADMIN,),
        State.APPROVED,
        effects=(Effect.NOTIFY_HUNTER,),
    ),
    Rule(
        "T25",
        (State.NONE, State.READY, State.PENDING, State.REVISION_REQUESTED),
        Event.REJECT,
        (Role.ADMIN, Role.SYSTEM),
        State.REJECTED,
    ),
    Rule(
        "T25",
        (State.APPROVED, State.REJECTED),
        Event.REJECT,
        (Role.ADMIN, Role.SYSTEM),
        outcome=Outcome.IGNORE,
    ),
    Rule(
        "T29",
        (State.NONE, State.READY, State.PENDING, State.REVISION_REQUESTED),
        Event.RESET,
        (Role.SYSTEM,),
        State.NONE,
    ),
)

MACHINE: Final = Machine(
    name="completion",
    noun="work",
    states=State,
    events=Event,
    roles=(Role.POSTER, Role.HUNTER, Role.OTHER, Role.ADMIN, Role.SYSTEM),
    facts=Facts,
    rules=_TABLE,
    terminal=frozenset({State.APPROVED, State.REJECTED}),
    sentences={
        Event.READY: "Only the accepted hunter can mark this work as ready.",
        Event.SUBMIT: "Only the accepted hunter can submit this work.",
        Event.REQUEST_REVISION: "Only the poster can ask for changes.",
        Event.APPROVE: "Only the poster can approve this work.",
        Event.REJECT: "Only an admin can reject this work.",
        Event.RESET: "Only the poster can post the bounty again.",
    },
    start=State.NONE,
)
