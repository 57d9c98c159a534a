"""Feeds with a filter: who hears of what, and when."""

from __future__ import annotations

from bountyexpo.realtime.hub import Hub

from tests.unit.realtime.test_hub import Ear, in_feed
from tests.unit.ws.session.session_fakes import START


class Halves:
    """Feeds of even and of odd versions; counts how often each was opened and closed."""

    def __init__(self):
        self.opened = []
        self.closed = []

    def topic_of(self, name):
        return name

    def open(self, topic):
        self.opened.append(topic)

    def close(self, topic):
        self.closed.append(topic)

    def matching(self, subject):
        return ["feed:odd" if subject % 2 else "feed:even", "feed:all"]


async def test_a_filtered_feed_tells_at_once_and_once_what_matches(autojump_clock):
    feeds = Halves()
    hub = Hub(lambda: START, feeds)
    anna, ben = Ear(hub, "anna"), Ear(hub, "ben")
    for listener, topic in ((anna, "feed:odd"), (anna, "feed:all"), (ben, "feed:even")):
        hub.subscribe(listener, topic)

    for n in range(3):
        hub.publish_feed("b", in_feed("b", n), n)

    assert [notice["version"] for notice in anna.notices] == [0, 1, 2]
    assert [notice["version"] for notice in ben.notices] == [0, 2]


async def test_the_filter_of_a_feed_is_known_while_somebody_follows_it(autojump_clock):
    feeds = Halves()
    hub = Hub(lambda: START, feeds)
    anna, ben = Ear(hub, "anna"), Ear(hub, "ben")
    for listener in (anna, ben):
        hub.subscribe(listener, "feed:odd")
        hub.subscribe(listener, "feed:open")

    hub.unregister(anna, ["feed:odd", "feed:open"])
    assert (feeds.opened, feeds.closed) == (["feed:odd"], [])
    hub.unsubscribe(ben, "feed:odd")

    assert feeds.closed == ["feed:odd"]
