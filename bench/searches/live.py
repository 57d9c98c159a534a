"""How soon a new bounty is heard by all who follow a live search that it matches, in one process.

From the news to the last listener: matching, encoding and fan-out, without sockets. Every filter is
another one, and each matches.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from bountyexpo.domain.market.events import BountyInFeed
from bountyexpo.domain.market.search.matching import Subject, subject_of
from bountyexpo.operations.market.search.feeds import FeedFilters
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.realtime.hub import Hub
from bountyexpo.ws.v1 import serializer

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

# Name, value, unit, and the value that was aimed at.
Figure = tuple[str, float, str, float]

SUBSCRIPTIONS = 5_000
ROUNDS = 21
LAST_MS = 1_000.0
WORDS = ("garden", "fence", "paint", "harpsichord", "photographer", "sofa", "piano", "translate")

OFFER = Terms(
    title=f"Whatever begins so: {' '.join(WORDS)}",
    description=f"Up the stairs. {'And so on, word by word. ' * 60}",
    amount_cents=1_000_000,
    category="labor",
)
NEWS = BountyInFeed(
    bounty_id="b",
    status="open",
    title=OFFER.title,
    amount_cents=OFFER.amount_cents,
    is_for_honor=False,
    poster_id="p",
    username="poster",
    category=OFFER.category,
    work_type=OFFER.work_type,
    version=1,
)


class Ear:
    """A listener that notes when it hears."""

    is_connected = True
    identity: Any = None
    serializer = serializer.JSON

    def __init__(self, hub: Hub, user_id: str, heard: list[float]) -> None:
        self.user_id = user_id
        self._heard = heard
        hub.register(self)

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Note it."""
        assert frame, (stream, key)
        self._heard.append(trio.current_time())

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Hear nothing else."""
        raise AssertionError(stream, seq, frame)

    def send_now(self, message: dict[str, Any]) -> bool:
        """Hear nothing else."""
        raise AssertionError(message)

    def miss(self, stream: str) -> None:
        """Miss nothing."""
        raise AssertionError(stream)

    def disconnect(self, code: int, reason: str) -> None:
        """Stay."""
        raise AssertionError(code, reason)


async def run(subscriptions: int = SUBSCRIPTIONS) -> list[Figure]:
    """Follow so many filters, half of them with words, and tell of a bounty that fits all."""
    hub, heard = Hub(lambda: datetime.now(UTC), FeedFilters()), list[float]()
    for n in range(subscriptions):
        words = f"q={WORDS[n % len(WORDS)]}+stairs&" if n % 2 else ""
        topic = hub.feeds.topic_of(f"feed:{words}minAmount={n}")
        assert topic
        hub.subscribe(Ear(hub, str(n), heard), topic)
    last: list[float] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(hub.run, _read_nothing)
        for _ in range(ROUNDS):
            heard.clear()
            began = trio.current_time()
            hub.publish_feed("b", NEWS, _subject)
            await trio.testing.wait_all_tasks_blocked()
            assert len(heard) == subscriptions
            last.append((heard[-1] - began) * 1000)
        nursery.cancel_scope.cancel()
    last.sort()
    return [
        (f"{subscriptions} live searches, last heard, median", last[ROUNDS // 2], "ms", LAST_MS),
        (f"{subscriptions} live searches, last heard, worst", last[-1], "ms", LAST_MS),
    ]


def _subject() -> Subject:
    return subject_of(OFFER, status="open", amount_cents=OFFER.amount_cents)


async def _read_nothing(_stream: str, _seq: int, _limit: int) -> Sequence[Any]:
    return ()
