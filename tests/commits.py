"""What a pool tells after its commits, for tests that listen and for those that do not."""

from __future__ import annotations

from typing import Any

from bountyexpo.persistence.after_commit import AfterCommit, Bell


class Heard:
    """Keeps the events, and rings a bell for the effects."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.bell = Bell()
        self.after_commit = AfterCommit(self.events.extend, self.bell.ring)


def nobody(*_: object) -> None:
    """Hear nothing."""


UNHEARD = AfterCommit(nobody, nobody)
