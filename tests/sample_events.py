"""Events that no client knows, for tests of what carries events."""

from __future__ import annotations

from bountyexpo.domain.events import Event, Stream, event


class Note(Event, frozen=True, kw_only=True):
    """One number, and who wrote it."""

    n: int
    writer: int = 0


@event("note.user", Stream.USER)
class UserNote(Note, frozen=True, kw_only=True):
    """A note on the stream of a user."""


@event("note.bounty", Stream.BOUNTY)
class BountyNote(Note, frozen=True, kw_only=True):
    """A note on the stream of a bounty."""


@event("note.secret", Stream.BOUNTY, is_private=True)
class SecretNote(Note, frozen=True, kw_only=True):
    """A note that only those see whom it is sent to."""


@event("note.conversation", Stream.CONVERSATION)
class ConversationNote(Note, frozen=True, kw_only=True):
    """A note on the stream of a conversation."""


@event("note.passing", Stream.CONVERSATION, is_durable=False)
class PassingNote(Event, frozen=True, kw_only=True):
    """A note without a number, each of which counts while there is room."""


NOTES = {"user": UserNote, "bounty": BountyNote, "conv": ConversationNote}


def write_note(tx, stream: str, n: int = 0, *, writer: int = 0, **options) -> None:
    """Add a note to a stream by its name."""
    kind, _, entity_id = stream.partition(":")
    tx.event(NOTES[kind](n=n, writer=writer), of=entity_id, **options)
