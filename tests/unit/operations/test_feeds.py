"""Names of feeds: many spellings of one filter, and what is none."""

from __future__ import annotations

import pytest
from bountyexpo.domain.market.search.matching import subject_of
from bountyexpo.operations.market.search.bounties import WantedBounties
from bountyexpo.operations.market.search.feeds import FeedFilters, name_of
from bountyexpo.persistence.market.bounties import Terms

OFFER = Terms(title="Paint a fence", description="Of wood.", amount_cents=900, category="labor")


@pytest.mark.parametrize(
    "name",
    ["feed:q=P%C3%A4int&minAmount=5", "feed:min_amount=5.00&keywords=paint&status=open"],
)
def test_names_of_the_same_meaning_are_one_topic(name: str) -> None:
    feeds = FeedFilters()

    topic = feeds.topic_of(name)

    assert topic == feeds.topic_of("feed:keywords=paint&minAmount=5")
    assert topic != feeds.topic_of("feed:keywords=paint")


@pytest.mark.parametrize(
    "name", ["feed:", "feed:open", "feed:q=a", "feed:colour=red", "feed:q=ab&q=cd", "feed:q=%ff%fe"]
)
def test_what_is_no_filter_is_no_topic(name: str) -> None:
    assert FeedFilters().topic_of(name) is None


def test_an_open_feed_is_told_of_what_matches_it() -> None:
    feeds = FeedFilters()
    labor, tech = (feeds.topic_of(f"feed:category={each}&q=fence") for each in ("labor", "tech"))
    assert labor
    assert tech
    for topic in (labor, tech):
        feeds.open(topic)

    def subject():
        return subject_of(OFFER, status="open", amount_cents=OFFER.amount_cents)

    assert list(feeds.matching(subject)) == [labor]
    feeds.close(labor)
    assert list(feeds.matching(subject)) == []


def test_a_filter_is_named_as_it_is_read() -> None:
    fields = WantedBounties(keywords="Räder & more", isForHonor=True, minAmount=12.5)
    feeds = FeedFilters()

    assert name_of(fields).isascii()
    assert feeds.topic_of(name_of(fields)) == feeds.topic_of(
        "feed:isForHonor=true&minAmount=12.50&q=rader%20more"
    )
