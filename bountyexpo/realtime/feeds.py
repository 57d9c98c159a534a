"""Feeds of a part of the news: topics with a filter, and which of them news belongs to.

What a filter means is told by who composes the service; here it is the name of a topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Feeds(Protocol):
    """The filters of feeds that somebody follows."""

    def topic_of(self, name: str) -> str | None:
        """Return the one topic of all names with the same meaning; None where it has none."""

    def open(self, topic: str) -> None:
        """Begin to match this topic."""

    def close(self, topic: str) -> None:
        """End ``open``."""

    def matching(self, subject: Any) -> Iterable[str]:
        """Return the open topics that news of ``subject`` belongs to."""


class NoFeeds:
    """A service without filtered feeds."""

    def topic_of(self, name: str) -> str | None:  # noqa: ARG002 - the protocol's
        """Know no name."""
        return None

    def open(self, topic: str) -> None:
        """Never be asked."""
        raise LookupError(topic)

    def close(self, topic: str) -> None:
        """Never be asked."""
        raise LookupError(topic)

    def matching(self, subject: Any) -> Iterable[str]:  # noqa: ARG002 - the protocol's
        """Return nothing."""
        return ()
