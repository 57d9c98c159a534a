"""The rules of conversations: who may change what, and until when (contract realtime §1, §3.5).

Pure functions that return nothing or a value, and raise the refusal that the client is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain import limits
from bountyexpo.domain.chat.emoji import is_emoji
from bountyexpo.domain.chat.envelope import is_envelope
from bountyexpo.domain.visible import is_blank, same_picture
from bountyexpo.errors import InvalidRequest, NotAllowed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime, timedelta

# A conversation of more people is no conversation; the fan-out of one message is bounded by it.
PARTICIPANTS_MAX: Final = 50

# Different emoji on one message; any number of people may share each.
EMOJI_PER_MESSAGE_MAX: Final = 20

# A start is announced at most this often per person; without another one it ends by itself.
TYPING_EVERY_S: Final = 2.0
TYPING_ENDS_AFTER_S: Final = 5.0

OWNER, ADMIN, MEMBER = "owner", "admin", "member"
LEADERS: Final = frozenset({OWNER, ADMIN})
MODERATORS: Final = frozenset({"moderator", "admin", "super_admin"})


def check_member(user_id: str, participants: Collection[str], conversation_id: str) -> None:
    """Refuse who does not take part."""
    if user_id not in participants:
        raise NotAllowed(
            "You are not part of this conversation.",
            code="NOT_PARTICIPANT",
            conversationId=conversation_id,
        )


def check_not_blocked(
    user_id: str, participants: Iterable[str], blocks: Collection[frozenset[str]]
) -> None:
    """Refuse when there is a block between the user and one of the participants."""
    if any(frozenset((user_id, other)) in blocks for other in participants if other != user_id):
        raise blocked()


def blocked() -> NotAllowed:
    """Return the refusal of contact; it does not say who has blocked whom."""
    return NotAllowed("You cannot write to this person.", code="BLOCKED")


def audience(
    user_id: str, participants: Iterable[str], blocks: Collection[frozenset[str]]
) -> tuple[str, ...]:
    """Return who may see what the user does right now: no block stands between them."""
    if not blocks:
        return tuple(participants)
    return tuple(each for each in participants if frozenset((user_id, each)) not in blocks)


def check_edit(
    user_id: str, message: Mapping[str, object], *, age: timedelta, window_s: int
) -> None:
    """Refuse an edit that is not the author's, too late, or of nothing that can be edited."""
    if message["sender_id"] != user_id or message["kind"] == "system":
        raise NotAllowed("Only its author can edit a message.")
    if message["deleted_at"] is not None:
        raise NotAllowed("This message was deleted.")
    if age.total_seconds() > window_s:
        raise NotAllowed(
            f"A message can be edited for {window_s // 60} minutes.", code="EDIT_WINDOW"
        )


def check_delete(user_id: str, message: Mapping[str, object], *, is_moderator: bool) -> None:
    """Refuse a deletion by anybody but the author and moderators."""
    if message["kind"] == "system":
        raise NotAllowed("A message of the system cannot be deleted.")
    if message["sender_id"] != user_id and not is_moderator:
        raise NotAllowed("Only its author can delete a message.")


def message_text(text: str, *, is_encrypted: bool, has_media: bool) -> str | None:
    """Return the text as it is stored, or None for a message of media alone.

    An encrypted envelope is never touched (realtime §1.3), and has bounds of its own; another text
    that calls itself encrypted is none, for it would be told unlooked at.
    """
    if is_encrypted:
        if len(text.encode()) > limits.ENVELOPE_BYTES_MAX:
            raise TooLarge("This message is too long.", code="TEXT_TOO_LONG")
        if not is_envelope(text):
            raise InvalidRequest("An encrypted message is an envelope.", code="NOT_AN_ENVELOPE")
    else:
        text = limits.CONTROL_CHARACTERS.sub("", text)
        if len(text) > limits.MESSAGE_CHARS_MAX:
            raise InvalidRequest(
                f"A message has at most {limits.MESSAGE_CHARS_MAX} characters.",
                code="TEXT_TOO_LONG",
            )
    if not is_blank(text):
        return text
    if not has_media:
        raise InvalidRequest("A message needs text or media.", code="EMPTY_MESSAGE")
    return None


def check_emoji(emoji: str) -> str:
    """Return the emoji in its one spelling, if it is one that can be seen."""
    if not is_emoji(emoji):
        raise InvalidRequest(
            "This is not an emoji.", issues=[{"path": "emoji", "message": "is not an emoji"}]
        )
    return same_picture(emoji)


def check_leader(kind: str, role: str | None) -> None:
    """Refuse who may not change a group and its members."""
    if kind != "group":
        raise InvalidRequest("Only a group can be changed.", code="NOT_A_GROUP")
    if role not in LEADERS:
        raise NotAllowed("Only the owner and admins of a group can do this.")


def check_owner(role: str | None) -> None:
    """Refuse who does not own the group."""
    if role != OWNER:
        raise NotAllowed("Only the owner of a group can do this.")


def check_removal(actor_role: str | None, removed_role: str | None) -> None:
    """Refuse an admin who removes another leader; only the owner may."""
    if removed_role in LEADERS and actor_role != OWNER:
        raise NotAllowed("Only the owner of a group can remove its admins.")


def check_size(count: int) -> None:
    """Refuse a conversation with too many people."""
    if count > PARTICIPANTS_MAX:
        raise InvalidRequest(
            f"A conversation has at most {PARTICIPANTS_MAX} people.",
            code="TOO_MANY_PARTICIPANTS",
        )


def next_owner(members: Iterable[tuple[str, str, datetime]]) -> str | None:
    """Return who owns a group next, of (user, role, joined): the first admin, else the first."""
    ranked = sorted(members, key=lambda each: (each[1] != ADMIN, each[2], each[0]))
    return ranked[0][0] if ranked else None


def status_of(seq: int, markers: Iterable[tuple[int, int]]) -> str:
    """Return the old one-word state of a message from the others' (delivered, read) markers."""
    others = list(markers)
    if others and all(read >= seq for _, read in others):
        return "read"
    if others and all(delivered >= seq for delivered, _ in others):
        return "delivered"
    return "sent"
