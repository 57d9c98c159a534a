"""The machine of a bounty: the whole table of rest-core §3.2, with the words it refuses in."""

from __future__ import annotations

from typing import Final

from bountyexpo.domain.machine import Guard, Machine, Role
from bountyexpo.domain.market import bounty_guards as on
from bountyexpo.domain.market.bounty import Effect, Event, Facts, Stage, Status
from bountyexpo.domain.market.bounty_ends import CANCELLING, ENDING, GONE
from bountyexpo.domain.market.bounty_oversight import ADMINISTERING, DISPUTING, VANISHING
from bountyexpo.domain.market.bounty_time import PASSING
from bountyexpo.domain.market.bounty_work import APPLYING, POSTING, WORKING

_ON_ESCROW: Final = (
    Effect.HOLD_ESCROW,
    Effect.RELEASE_ESCROW,
    Effect.REFUND_ESCROW,
    Effect.SPLIT_ESCROW,
    Effect.FREEZE_ESCROW,
    Effect.THAW_ESCROW,
)

_SIDES: Final = "Only the poster and the hunter can do this."
_ADMIN: Final = "Only an admin can do this."

# Who may: the poster, unless something else is said.
SENTENCES: Final = dict.fromkeys(Event, "Only the poster can do this.") | {
    Event.APPLY: "You cannot apply to your own bounty.",
    Event.WITHDRAW_APPLICATION: "Only the applicant can withdraw an application.",
    Event.REJECT_APPLICATION: "Only the poster can reject an application.",
    Event.ACCEPT: "Only the poster can accept an application.",
    Event.READY: "Only the accepted hunter can mark this work as ready.",
    Event.SUBMIT: "Only the accepted hunter can submit this work.",
    Event.REQUEST_REVISION: "Only the poster can ask for changes.",
    Event.APPROVE: "Only the poster can approve this work.",
    Event.POST_UPDATE: _SIDES,
    Event.COMPLETE: _SIDES,
    Event.CANCEL: _SIDES,
    Event.CANCEL_ACCEPT: _SIDES,
    Event.CANCEL_REJECT: _SIDES,
    Event.CANCEL_WITHDRAW: _SIDES,
    Event.DISPUTE: _SIDES,
    Event.HIDE: _SIDES,
    Event.UNHIDE: _SIDES,
    Event.RATE: _SIDES,
    Event.RESOLVE_HUNTER: _ADMIN,
    Event.RESOLVE_POSTER: _ADMIN,
    Event.RESOLVE_SPLIT: _ADMIN,
    Event.CLOSE_DISPUTE: _ADMIN,
    Event.HUNTER_GONE: _ADMIN,
    Event.POSTER_GONE: _ADMIN,
    Event.EXPIRY_TICK: _ADMIN,
    Event.QUIET_TICK: _ADMIN,
    Event.ADMIN_SET_STATUS: _ADMIN,
    Event.ADMIN_REMOVE: _ADMIN,
}

MACHINE: Final = Machine(
    name="bounty",
    noun="bounty",
    states=Status,
    events=Event,
    roles=(Role.POSTER, Role.HUNTER, Role.OTHER, Role.ADMIN, Role.SYSTEM, Role.TIMER),
    facts=Facts,
    rules=(
        *POSTING,
        *APPLYING,
        *WORKING,
        *CANCELLING,
        *DISPUTING,
        *VANISHING,
        *PASSING,
        *ENDING,
        *ADMINISTERING,
    ),
    terminal=frozenset({Status.DELETED}),
    sentences=SENTENCES,
    absent=GONE,
    said={"has_text": True, "changes_terms": True},
    conditions=dict.fromkeys(_ON_ESCROW, on.IS_PAID)
    | {
        Effect.ADJUST_ESCROW: Guard("the price changes", "changes_amount"),
        Effect.REOPEN_CANCELLATION: Guard(
            "the dispute was about a cancellation", "stage", (Stage.CANCELLATION,)
        ),
    },
)
