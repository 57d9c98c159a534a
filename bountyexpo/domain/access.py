"""Who may do what to what: one table for every operation of the service (contract operations §1).

A row says who may pass, what everybody else hears, and why. The door is checked before the request
is even decoded: is the caller signed in, an administrator, one of our services. Behind it stands
what the caller is to the thing: its poster, its hunter, or a stranger. Operations that look
somebody up ask ``check``. Steps of a bounty or a deposit are refused by their own tables of rules,
and their rows here are read from those. An operation without a row cannot be declared, and the
access matrix proves every row on the running service.

An administrator is a stranger to other people's things, unless an operation says otherwise: what
admins do, they do through operations of their own, which are logged as such.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.machine import Machine, Role
from bountyexpo.domain.market import bounty
from bountyexpo.domain.market.bounty_rules import MACHINE as BOUNTY
from bountyexpo.domain.money import payment
from bountyexpo.errors import BountyExpoError, NotAllowed, NotAuthenticated, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity


class Caller(StrEnum):
    """What the caller is to the thing that the operation is about."""

    ANONYMOUS = "anonymous"
    STRANGER = "stranger"
    # Whose bounty, deposit or conversation it is.
    POSTER = "poster"
    # Who applied or was accepted; the other side of a conversation.
    HUNTER = "hunter"
    ADMIN = "admin"
    SERVICE = "service"


class Door(StrEnum):
    """Who gets in at all."""

    ANYONE = "anyone"
    USER = "user"
    ADMIN = "admin"
    SERVICE = "service"

    @property
    def is_open(self) -> bool:
        """Tell whether nobody is asked who he is."""
        return self is Door.ANYONE


EVERYBODY: Final = frozenset(Caller)
PEOPLE: Final = frozenset({Caller.STRANGER, Caller.POSTER, Caller.HUNTER, Caller.ADMIN})
PARTIES: Final = frozenset({Caller.POSTER, Caller.HUNTER})
POSTER: Final = frozenset({Caller.POSTER})

# What each caller is to the rules of a bounty, and to those of a deposit.
IN_BOUNTIES: Final[Mapping[Caller, Role]] = {
    Caller.STRANGER: Role.OTHER,
    Caller.POSTER: Role.POSTER,
    Caller.HUNTER: Role.HUNTER,
    Caller.ADMIN: Role.OTHER,
}
IN_DEPOSITS: Final[Mapping[Caller, Role]] = dict.fromkeys(IN_BOUNTIES, Role.OTHER) | {
    Caller.POSTER: Role.OWNER
}

BEHIND: Final[Mapping[Door, frozenset[Caller]]] = {
    Door.ANYONE: EVERYBODY,
    Door.USER: PEOPLE,
    Door.ADMIN: frozenset({Caller.ADMIN}),
    Door.SERVICE: frozenset({Caller.SERVICE}),
}

# The service credential is nobody: rows owned by it would have no owner.
AT_THE_DOOR: Final[Mapping[Door, str]] = {
    Door.ANYONE: "",
    Door.USER: "This needs the session of a person.",
    Door.ADMIN: "Only an administrator may do this.",
    Door.SERVICE: "Only our own services may do this.",
}


NOT_IN_IT: Final = "You are not part of this conversation."


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    ``says`` is what those hear who passed the door and are not allowed. With ``hides`` it is that
    the thing does not exist.
    """

    operation: str
    door: Door
    allowed: frozenset[Caller]
    why: str
    says: str = ""
    hides: bool = False
    code: str | None = None
    # Whether it is about a conversation, where outsiders first hear that they are not in it.
    in_conversation: bool = False

    def __post_init__(self) -> None:
        """Refuse a row that lets somebody in behind a door that keeps him out."""
        assert self.allowed <= BEHIND[self.door], self.operation
        assert self.says or self.allowed == BEHIND[self.door], self.operation

    def at_the_door(self, caller: Caller) -> BountyExpoError | None:
        """Return what this caller hears before anything is looked up, or None for "come in"."""
        if caller in BEHIND[self.door]:
            return None
        if caller is Caller.ANONYMOUS:
            return NotAuthenticated()
        code = "ADMIN_REQUIRED" if self.door is Door.ADMIN else None
        return NotAllowed(AT_THE_DOOR[self.door], code=code)

    def refusal(self, caller: Caller) -> BountyExpoError | None:
        """Return what this caller hears, or None where he may."""
        if caller in self.allowed:
            return None
        if refusal := self.at_the_door(caller):
            return refusal
        if self.in_conversation and caller not in PARTIES:
            return NotAllowed(NOT_IN_IT, code="NOT_PARTICIPANT")
        return NotFound(self.says) if self.hides else NotAllowed(self.says, code=self.code)


def check(operation: str, caller: Caller) -> None:
    """Let the caller do it, or refuse.

    Raises:
        NotAuthenticated: nobody is signed in, and somebody must be.
        NotAllowed: this caller may not.
        NotFound: this caller may not even know.
    """
    refusal = TABLE[operation].refusal(caller)
    if refusal is not None:
        raise refusal


def caller_of(
    identity: Identity | None, *, poster_id: str | None = None, hunter_id: str | None = None
) -> Caller:
    """Return what the caller is to a thing of these two people."""
    if identity is None:
        return Caller.ANONYMOUS
    if identity.is_service:
        return Caller.SERVICE
    if identity.user_id == poster_id:
        return Caller.POSTER
    if identity.user_id == hunter_id:
        return Caller.HUNTER
    return Caller.ADMIN if identity.is_admin else Caller.STRANGER


def rows(*grants: Grant) -> dict[str, Grant]:
    """Return a table of these rows."""
    table = {grant.operation: grant for grant in grants}
    assert len(table) == len(grants), "an operation has one row"
    return table


def behind(door: Door, operation: str, why: str) -> Grant:
    """Return the row of an operation that is about nobody's thing in particular."""
    return Grant(operation=operation, door=door, allowed=BEHIND[door], why=why)


def _open(operation: str, why: str) -> Grant:
    return behind(Door.ANYONE, operation, why)


def _own(operation: str, why: str) -> Grant:
    """Anybody with an account, because it is about the caller's own things only."""
    return behind(Door.USER, operation, why)


def _step(
    operation: str,
    machine: Machine[Any, Any, Any],
    event: StrEnum,
    why: str,
    *,
    roles: Mapping[Caller, Role] = IN_BOUNTIES,
) -> Grant:
    """A step that a table of rules decides: who may, and what others hear, stand there."""
    return Grant(
        operation=operation,
        door=Door.USER,
        allowed=frozenset(one for one, role in roles.items() if machine.is_for(event, role)),
        why=why,
        says=machine.sentences[event],
    )


def _between_members(operation: str) -> Grant:
    return Grant(
        operation=operation,
        door=Door.USER,
        allowed=PARTIES,
        why="A conversation is between its members.",
        says=NOT_IN_IT,
        in_conversation=True,
    )


_GRANTS: Final = (
    _open("auth.register", "Who has no account cannot be signed in."),
    _open("auth.sign_in", "The password is the proof."),
    _open("auth.refresh", "The refresh token is the proof."),
    _open("auth.sign_out", "A dead token is as good as signed out."),
    _own("auth.me", "It shows the caller's own profile."),
    _open("bounty.list", "The market is public; deleted bounties are seen by their parties only."),
    _open("bounty.get", "As the list."),
    _own("bounty.create", "It is posted in the caller's name and paid from his wallet."),
    _step("request.create", BOUNTY, bounty.Event.APPLY, "Nobody works for himself."),
    _own("request.list", "It shows what the caller made or received."),
    Grant(
        operation="request.get",
        door=Door.USER,
        allowed=PARTIES,
        why="An application is between its author and the poster.",
        says="This application does not exist.",
        hides=True,
    ),
    _step("request.accept", BOUNTY, bounty.Event.ACCEPT, "The poster chooses who does the work."),
    _step("completion.submit", BOUNTY, bounty.Event.SUBMIT, "Who was accepted does the work."),
    Grant(
        operation="completion.get",
        door=Door.USER,
        allowed=PARTIES,
        why="The work is between its two parties.",
        says="Only the poster and the hunter can see this.",
    ),
    _step(
        "completion.approve",
        BOUNTY,
        bounty.Event.APPROVE,
        "An approval pays the hunter out of the poster's escrow.",
    ),
    _own("conversation.list", "It shows what the caller takes part in."),
    Grant(
        operation="conversation.get",
        door=Door.USER,
        allowed=PARTIES,
        why="A conversation is between its members.",
        says="This conversation does not exist.",
        hides=True,
    ),
    _own("conversation.open", "The caller is one of the two."),
    *(
        _between_members(operation)
        for operation in (
            "conversation.update",
            "conversation.hide",
            "conversation.typing",
            "message.list",
            "message.send",
            "message.pin",
            "message.unpin",
            "message.react",
            "message.unreact",
            "message.status",
            "receipt.read",
            "receipt.delivered",
            "conversation.leave",
        )
    ),
    Grant(
        operation="participant.add",
        door=Door.USER,
        allowed=POSTER,
        why="Who leads a group chooses its members.",
        says="Only the owner and admins of a group can do this.",
        in_conversation=True,
    ),
    Grant(
        operation="participant.remove",
        door=Door.USER,
        allowed=POSTER,
        why="Who leads a group chooses its members.",
        says="Only the owner and admins of a group can do this.",
        in_conversation=True,
    ),
    Grant(
        operation="participant.update",
        door=Door.USER,
        allowed=POSTER,
        why="The owner of a group shares its lead, or passes it on.",
        says="Only the owner and admins of a group can do this.",
        in_conversation=True,
    ),
    Grant(
        operation="message.edit",
        door=Door.USER,
        allowed=POSTER,
        why="Nobody puts words into another's mouth.",
        says="Only its author can edit a message.",
        in_conversation=True,
    ),
    Grant(
        operation="message.delete",
        door=Door.USER,
        allowed=POSTER | {Caller.ADMIN},
        why="The author takes it back; a moderator takes it down.",
        says="Only its author can delete a message.",
        in_conversation=True,
    ),
    _own("block.list", "It shows whom the caller blocked."),
    _own("block.add", "Everybody chooses who may write to him."),
    _own("block.remove", "It is the caller's own block."),
    _own("e2e_key.set", "It is the caller's own key."),
    _own("e2e_key.get", "Whoever writes to somebody needs his key; it is public."),
    _own("socket.ticket", "It opens a socket as the caller."),
    _own("presence.list", "People whom the caller does not know are shown as away."),
    _own("payment.create_intent", "The money goes into the caller's wallet."),
    _step(
        "payment.confirm",
        payment.MACHINE,
        payment.Event.CONFIRM,
        "Who pays in confirms it.",
        roles=IN_DEPOSITS,
    ),
    _own("wallet.balance", "It shows the caller's own wallet."),
    *(
        _open(operation, "A probe knows nobody, and learns no more than that we live.")
        for operation in (
            "health.status",
            "health.live",
            "health.livez",
            "health.ready",
            "health.readyz",
            "index",
        )
    ),
    _open("metrics.page", "It asks its reader itself: this machine, its token, or an admin."),
    behind(Door.ADMIN, "debug.tree", "What runs, and how it fares, is for operators."),
)

TABLE: Final[Mapping[str, Grant]] = rows(*_GRANTS)
