"""Who may do what with conversations, messages, blocks and sockets.

The poster of a conversation's row is who leads it, or who wrote the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.access import PARTIES, POSTER, AccessLevel, Caller, Grant, own, rows
from bountyexpo.domain.machine import Refusal
from bountyexpo.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping

# What outsiders hear first, whatever it is they want.
NOT_IN_IT: Final = Refusal(
    "You are not part of this conversation.", code="NOT_PARTICIPANT", error=NotAllowed
)

BETWEEN_MEMBERS: Final = (
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


def _among_members(
    operation: str, why: str, says: str, *, allowed: frozenset[Caller] = POSTER
) -> Grant:
    return Grant(
        operation=operation,
        level=AccessLevel.USER,
        allowed=allowed,
        why=why,
        says=says,
        outsiders=NOT_IN_IT,
    )


def _of_leaders(operation: str, why: str) -> Grant:
    return _among_members(operation, why, "Only the owner and admins of a group can do this.")


GRANTS: Final[Mapping[str, Grant]] = rows(
    own("conversation.list", "It shows what the caller takes part in."),
    Grant(
        operation="conversation.get",
        level=AccessLevel.USER,
        allowed=PARTIES,
        why="A conversation is between its members.",
        says="This conversation does not exist.",
        hides=True,
    ),
    own("conversation.open", "The caller is one of the two."),
    *(
        _among_members(
            operation,
            "A conversation is between its members.",
            NOT_IN_IT.message,
            allowed=PARTIES,
        )
        for operation in BETWEEN_MEMBERS
    ),
    _of_leaders("participant.add", "Who leads a group chooses its members."),
    _of_leaders("participant.remove", "Who leads a group chooses its members."),
    _of_leaders("participant.update", "The owner of a group shares its lead, or passes it on."),
    _among_members(
        "message.edit",
        "Nobody puts words into another's mouth.",
        "Only its author can edit a message.",
    ),
    _among_members(
        "message.delete",
        "The author takes it back; a moderator takes it down.",
        "Only its author can delete a message.",
        allowed=POSTER | {Caller.ADMIN},
    ),
    own("block.list", "It shows whom the caller blocked."),
    own("block.get", "It shows whether the caller blocks somebody."),
    own("block.add", "Everybody chooses who may write to them."),
    own("block.remove", "It is the caller's own block."),
    own("socket.ticket", "It opens a socket as the caller."),
    own("presence.list", "People whom the caller does not know are shown as away."),
)
