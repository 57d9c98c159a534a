"""Who may do what to what: a row for every operation of the service (contract operations §1).

A row says who may pass, what everybody else hears, and why. The level is checked before the request
is even decoded: is the caller signed in, an administrator, one of our services. Beyond it counts
what the caller is to the thing: its poster, its hunter, or a stranger. Operations that look
somebody up ask ``Grant.check``. Steps of a bounty or a deposit are refused by their own tables of
rules, and their rows are read from those. The rows stand in ``domain/<area>/access.py``; an
operation without one cannot be declared, and the access matrix proves each on the running service.

An administrator is a stranger to other people's things, unless an operation says otherwise: what
admins do, they do through operations of their own, which are logged as such.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bountyexpo.domain.machine import Refusal
from bountyexpo.errors import BountyExpoError, NotAllowed, NotAuthenticated, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.identity import Identity
    from bountyexpo.domain.machine import Machine, Role


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


class AccessLevel(StrEnum):
    """Who may call an operation at all."""

    ANYONE = "anyone"
    USER = "user"
    ADMIN = "admin"
    SERVICE = "service"

    @property
    def is_open(self) -> bool:
        """Tell whether nobody is asked who they are."""
        return self is AccessLevel.ANYONE


EVERYBODY: Final = frozenset(Caller)
PEOPLE: Final = frozenset({Caller.STRANGER, Caller.POSTER, Caller.HUNTER, Caller.ADMIN})
PARTIES: Final = frozenset({Caller.POSTER, Caller.HUNTER})
POSTER: Final = frozenset({Caller.POSTER})

ADMITTED: Final[Mapping[AccessLevel, frozenset[Caller]]] = {
    AccessLevel.ANYONE: EVERYBODY,
    AccessLevel.USER: PEOPLE,
    AccessLevel.ADMIN: frozenset({Caller.ADMIN}),
    AccessLevel.SERVICE: frozenset({Caller.SERVICE}),
}

# The service credential is nobody: rows owned by it would have no owner.
LEVEL_REFUSALS: Final[Mapping[AccessLevel, str]] = {
    AccessLevel.ANYONE: "",
    AccessLevel.USER: "This needs the session of a person.",
    AccessLevel.ADMIN: "Only an administrator may do this.",
    AccessLevel.SERVICE: "Only our own services may do this.",
}


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    ``says`` is what those hear who are on the level and not allowed. With ``hides`` it is that the
    thing does not exist. With ``outsiders`` those who are no party of the thing hear that instead.
    """

    operation: str
    level: AccessLevel
    allowed: frozenset[Caller]
    why: str
    says: str = ""
    hides: bool = False
    code: str | None = None
    outsiders: Refusal | None = None

    def __post_init__(self) -> None:
        """Refuse a row that allows somebody whom its level keeps out."""
        assert self.allowed <= ADMITTED[self.level], self.operation
        assert self.says or self.allowed == ADMITTED[self.level], self.operation

    def level_refusal(self, caller: Caller) -> BountyExpoError | None:
        """Return what this caller hears before anything is looked up, or None."""
        if caller in ADMITTED[self.level]:
            return None
        if caller is Caller.ANONYMOUS:
            return NotAuthenticated()
        code = "ADMIN_REQUIRED" if self.level is AccessLevel.ADMIN else None
        return NotAllowed(LEVEL_REFUSALS[self.level], code=code)

    def refusal(self, caller: Caller) -> BountyExpoError | None:
        """Return what this caller hears, or None where they may."""
        if caller in self.allowed:
            return None
        if refusal := self.level_refusal(caller):
            return refusal
        if self.outsiders is not None and caller not in PARTIES:
            return self.outsiders.raised(None)
        return NotFound(self.says) if self.hides else NotAllowed(self.says, code=self.code)

    def check(self, caller: Caller) -> None:
        """Let the caller do it, or refuse.

        Raises:
            NotAuthenticated: nobody is signed in, and somebody must be.
            NotAllowed: this caller may not.
            NotFound: this caller may not even know.
        """
        refusal = self.refusal(caller)
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


def grant_to(level: AccessLevel, operation: str, why: str) -> Grant:
    """Return the row of an operation that is about nobody's thing in particular."""
    return Grant(operation=operation, level=level, allowed=ADMITTED[level], why=why)


def public(operation: str, why: str) -> Grant:
    """Return the row of an operation that anybody may call, signed in or not."""
    return grant_to(AccessLevel.ANYONE, operation, why)


def own(operation: str, why: str) -> Grant:
    """Return the row of an operation about the caller's own things; for everybody signed in."""
    return grant_to(AccessLevel.USER, operation, why)


def step(
    operation: str,
    machine: Machine[Any, Any, Any],
    event: StrEnum,
    why: str,
    *,
    roles: Mapping[Caller, Role],
) -> Grant:
    """Return the row of a step that a table of rules decides: who may, and what others hear."""
    return Grant(
        operation=operation,
        level=AccessLevel.USER,
        allowed=frozenset(one for one, role in roles.items() if machine.is_for(event, role)),
        why=why,
        says=machine.sentences[event],
    )
