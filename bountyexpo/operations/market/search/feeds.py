"""Live searches: feeds of new bounties that match a filter (contract realtime §4.5).

A topic is ``feed:`` and the fields of a search, as a query has them: ``feed:q=paint&isForHonor=1``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from bountyexpo.domain.events import Stream
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.domain.market.search.matching import FilterIndex
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.market.search.bounties import (
    ALIASED_FIELDS,
    WantedBounties,
    filters_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bountyexpo.domain.market.search.matching import Subject

PREFIX: Final = Stream.FEED.of("")

FIELDS_MAX: Final = 16


class FeedFilters:
    """The filters of the feeds that are followed in this process; equal ones are one topic.

    Bounded by what sessions may subscribe to.
    """

    def __init__(self) -> None:
        self._index = FilterIndex()

    def topic_of(self, name: str) -> str | None:
        """Return the topic of a name: the same for all that mean the same."""
        filters = _parsed(name)
        return None if filters is None else _topic(filters)

    def open(self, topic: str) -> None:
        """Begin to match this topic."""
        self._index.add(_filters(topic))

    def close(self, topic: str) -> None:
        """End ``open``."""
        self._index.remove(_filters(topic))

    def matching(self, subject: Callable[[], Subject]) -> Iterable[str]:
        """Return the open topics that this bounty matches."""
        return map(_topic, self._index.matching(subject())) if self._index else ()


def name_of(fields: WantedBounties) -> str:
    """Return the name of the feed of these filters, for clients to subscribe to."""
    said = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in msgspec.to_builtins(fields).items()
        if value is not None
    }
    return PREFIX + urlencode(said)


def _parsed(name: str) -> Filters | None:
    try:
        pairs = parse_qsl(
            name.removeprefix(PREFIX),
            strict_parsing=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
        said: dict[str, Any] = {ALIASED_FIELDS.get(key, key): value for key, value in pairs}
        if not said or len(said) < len(pairs):
            return None
        fields = msgspec.convert(said, WantedFeed, strict=False)
        return filters_of(fields)
    except (ValueError, InvalidRequest):
        # What msgspec refuses is a ValueError, too.
        return None


class WantedFeed(WantedBounties, kw_only=True, forbid_unknown_fields=True):
    """What a bounty of a feed must be like."""


def _topic(filters: Filters) -> str:
    return PREFIX + msgspec.json.encode(filters).decode()


def _filters(topic: str) -> Filters:
    return msgspec.json.decode(topic.removeprefix(PREFIX), type=Filters)
