"""Who may do what with bounties, applications and the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain import access
from bountyexpo.domain.access import (
    PARTIES,
    POSTER,
    AccessLevel,
    Caller,
    Grant,
    grant_to,
    own,
    public,
    rows,
)
from bountyexpo.domain.machine import Refusal, Role
from bountyexpo.domain.market import bounty_guards as on
from bountyexpo.domain.market import dispute
from bountyexpo.domain.market.bounty import Event
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.domain.market.dispute import Event as Judged
from bountyexpo.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.machine import Guard

# What each caller is to the rules of a bounty.
ROLES: Final[Mapping[Caller, Role]] = {
    Caller.STRANGER: Role.OTHER,
    Caller.POSTER: Role.POSTER,
    Caller.HUNTER: Role.HUNTER,
    Caller.ADMIN: Role.OTHER,
}

# What each caller is to the rules of a dispute: whose it is has opened it.
ROLES_OF_DISPUTE: Final[Mapping[Caller, Role]] = {
    Caller.STRANGER: Role.OTHER,
    Caller.POSTER: Role.REQUESTER,
    Caller.HUNTER: Role.RESPONDER,
    Caller.ADMIN: Role.ADMIN,
}


# Which event of the machine an operation asks for; filled by its row.
EVENTS: Final[dict[str, Event]] = {}


def _step(operation: str, event: Event, why: str) -> Grant:
    EVENTS[operation] = event
    return access.step(operation, MACHINE, event, why, roles=ROLES)


def _of_the_parties(
    operation: str, why: str = "What goes on between the two sides is theirs."
) -> Grant:
    return Grant(
        operation=operation,
        level=AccessLevel.USER,
        allowed=PARTIES,
        why=why,
        says="Only the poster and the hunter can see this.",
    )


def _of_an_application(operation: str) -> Grant:
    return Grant(
        operation=operation,
        level=AccessLevel.USER,
        allowed=PARTIES,
        why="An application is between its author and the poster.",
        says="This application does not exist.",
        hides=True,
    )


def _of_one_side(operation: str, event: Event, other: Guard, why: str) -> Grant:
    """Return the row of a step that only one of the two sides may take; the other hears why."""
    assert other.refusal is not None
    EVENTS[operation] = event
    return Grant(
        operation=operation,
        level=AccessLevel.USER,
        allowed=POSTER,
        why=why,
        says=other.refusal.message,
        outsiders=Refusal(MACHINE.sentences[event], error=NotAllowed),
    )


def _of_dispute(operation: str, event: Judged, why: str) -> Grant:
    return access.step(operation, dispute.MACHINE, event, why, roles=ROLES_OF_DISPUTE)


OF_THE_PAYER: Final = (
    *("escrow.fund", "escrow.release", "escrow.refund"),
    *("wallet.hold", "wallet.release", "wallet.refund"),
)

GRANTS: Final[Mapping[str, Grant]] = rows(
    public("bounty.list", "The market is public; deleted bounties are seen by their parties only."),
    public("bounty.get", "As the list."),
    public("bounty.search", "As the list."),
    public("bounty.trending", "As the list."),
    own("search.suggest", "Among others, it names people."),
    own("search.saved", "They are the caller's own."),
    own("search.save", "It is the caller's own."),
    own("search.unsave", "It is the caller's own; another's is as if it were not there."),
    own("search.recent", "They are the caller's own."),
    own("search.note", "It is the caller's own."),
    own("search.forget", "They are the caller's own."),
    own("bounty.create", "It is posted in the caller's name and paid from their wallet."),
    _step("bounty.update", Event.EDIT_TERMS, "Who offers it says what is offered."),
    _step(
        "bounty.accept", Event.DIRECT_ACCEPT, "It is no more than an application, or its answer."
    ),
    _step("bounty.complete", Event.COMPLETE, "The hunter hands in, and the poster approves."),
    _step("bounty.set_status", Event.CANCEL, "It is the step that leads to the status."),
    _step("bounty.post_update", Event.POST_UPDATE, "It is between the two who are at work."),
    _of_the_parties("bounty.list_updates", "It is between the two who are at work."),
    *(
        Grant(
            operation=name,
            level=AccessLevel.USER,
            allowed=POSTER,
            why="It is the poster's money.",
            says="Only the poster of the bounty may do this.",
            code="not_poster",
        )
        for name in OF_THE_PAYER
    ),
    _of_the_parties("escrow.status", "It is about the hunter's pay and the poster's money."),
    own("stale.list", "It shows the caller's own bounties."),
    _step("stale.cancel", Event.STALE_CANCEL, "It gives the poster their price back."),
    _step("stale.repost", Event.STALE_REPOST, "Their price stays locked for another hunter."),
    access.grant_to(AccessLevel.SERVICE, "bounty.expire", "It is a clock of our own."),
    access.grant_to(AccessLevel.ADMIN, "stale.find", "It moves bounties of other people."),
    _step("bounty.archive", Event.ARCHIVE, "It gives the poster their price back."),
    _step("bounty.delete", Event.DELETE, "It gives the poster their price back."),
    _step("bounty.hide", Event.HIDE, "It is about the caller's own lists, where it can be."),
    _step("bounty.unhide", Event.UNHIDE, "It is about the caller's own lists, where it can be."),
    _step("request.create", Event.APPLY, "Nobody works for themselves."),
    *(
        own(name, "It shows what the caller made or received.")
        for name in ("request.list", "request.of_bounties", "request.of_user")
    ),
    _of_an_application("request.get"),
    _step("request.accept", Event.ACCEPT, "The poster chooses who does the work."),
    _step("request.reject", Event.REJECT_APPLICATION, "The poster chooses who does the work."),
    *(_of_an_application(name) for name in ("request.update", "request.delete")),
    _step("completion.submit", Event.SUBMIT, "Who was accepted does the work."),
    *(_of_the_parties(name) for name in ("completion.get", "completion.get_ready")),
    _step("completion.mark_ready", Event.READY, "Who was accepted does the work."),
    _step(
        "completion.request_revision",
        Event.REQUEST_REVISION,
        "Who pays says what is missing.",
    ),
    _step(
        "completion.approve",
        Event.APPROVE,
        "An approval pays the hunter out of the poster's escrow.",
    ),
    _step("cancellation.request", Event.CANCEL, "The two whose bounty it is can end it."),
    Grant(
        operation="cancellation.get",
        level=AccessLevel.USER,
        allowed=PARTIES,
        why="A cancellation is between the two sides.",
        says="This cancellation does not exist.",
        hides=True,
    ),
    _of_the_parties("cancellation.of_bounty"),
    own("cancellation.list", "It shows what the caller asked for or is asked."),
    _of_one_side(
        "cancellation.accept", Event.CANCEL_ACCEPT, on.ANSWERS_OTHER, "Who is asked agrees."
    ),
    _of_one_side(
        "cancellation.reject", Event.CANCEL_REJECT, on.ANSWERS_OTHER, "Who is asked says no."
    ),
    _of_one_side(
        "cancellation.withdraw", Event.CANCEL_WITHDRAW, on.ASKED_FOR_IT, "Who asked takes it back."
    ),
    _step("rating.create", Event.RATE, "Only who worked together knows."),
    *(
        public(name, "How people are rated is for everybody to see.")
        for name in ("rating.list", "rating.stats")
    ),
    own("rating.check", "As the list; the app asks it for the person who is signed in."),
    _step("dispute.open", Event.DISPUTE, "The two whose bounty it is can ask for a judge."),
    _step("dispute.commit", Event.DISPUTE, "The two whose bounty it is can ask for a judge."),
    Grant(
        operation="dispute.get",
        level=AccessLevel.USER,
        allowed=PARTIES,
        why="A dispute is between its sides; admins read it by an operation of their own.",
        says="This dispute does not exist.",
        hides=True,
    ),
    own("dispute.list", "It shows disputes in which the caller is a side."),
    own("evidence.stage", "What is staged is seen by nobody but its uploader."),
    _of_dispute("dispute.add_evidence", Judged.ANSWER, "The sides show what they have."),
    _of_dispute("dispute.comment", Judged.ANSWER, "The sides and the admins speak."),
    _of_dispute("dispute.withdraw", Judged.WITHDRAW, "Who opened it can let it go."),
    _of_dispute("dispute.appeal", Judged.APPEAL, "Who lost can ask for another look."),
    *(
        grant_to(AccessLevel.ADMIN, operation, "Admins judge between the sides.")
        for operation in (
            "dispute.queue",
            "dispute.case",
            "dispute.set_status",
            "dispute.resolve",
            "dispute.escalate",
            "appeal.answer",
        )
    ),
)
