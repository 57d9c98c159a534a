"""Which topics a session may follow (contract realtime §4.5).

``bounty:<id>``, ``feed:open`` and feeds with a filter are followed through the hub's topic map.
``conv:<id>``, ``wallet`` and the own ``user:<id>`` reach a user's sessions without it, by their id,
so they are only checked: whoever is taken out of a conversation hears nothing more of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.domain.events import FEED_STREAM, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bountyexpo.ws.session.session import Session


async def subscribe_all(
    session: Session, wanted: Iterable[str]
) -> tuple[list[str], list[dict[str, str]]]:
    """Subscribe to what is allowed; returns the accepted topics and the refusals."""
    accepted: list[str] = []
    rejected: list[dict[str, str]] = []
    topics = list(dict.fromkeys(wanted))
    asked = [topic for topic in topics if topic.startswith(("conv:", "bounty:"))]
    readable = await session.context.reader.readable(session.user_id, asked) if asked else set()
    for topic in topics:
        code = _subscribe(session, topic, may_read=topic in readable)
        if code is None:
            accepted.append(topic)
        else:
            rejected.append({"topic": topic, "code": code})
    return accepted, rejected


def named(wanted: Iterable[str]) -> list[str]:
    """Return the streams among ``wanted`` whose heads are worth reading."""
    return [topic for topic in dict.fromkeys(wanted) if topic.startswith("bounty:")]


async def read_heads(session: Session, accepted: Iterable[str]) -> Mapping[str, tuple[int, Any]]:
    """Read the last numbers of the accepted topics, and let the hub know them."""
    own = f"user:{session.user_id}"
    streams = [
        own if topic == "wallet" else topic
        for topic in accepted
        if topic.partition(":")[0] != "feed"
    ]
    if not streams:
        return {}
    context = session.context
    heads = await context.reader.heads(streams)
    context.hub.observe((s for s in streams if not s.startswith("conv:")), heads)
    return heads


def _subscribe(session: Session, topic: str, *, may_read: bool) -> str | None:
    """Subscribe to one topic; returns the code of the refusal, if any."""
    kind = topic.partition(":")[0]
    if topic in ("wallet", f"user:{session.user_id}"):
        return None
    if kind == "conv":
        return None if may_read else "NOT_PARTICIPANT"
    if kind == "bounty" and not may_read:
        return "NOT_FOUND"
    followed = followed_as(session, topic)
    if followed is None:
        return "UNKNOWN_TOPIC"
    return None if session.add_topic(followed) else "TOO_MANY_SUBSCRIPTIONS"


def followed_as(session: Session, topic: str) -> str | None:
    """Return the hub's name of a topic: feeds of one filter are one topic; None for no topic."""
    kind = topic.partition(":")[0]
    if kind == Stream.FEED.value and topic != FEED_STREAM:
        return session.context.hub.feeds.topic_of(topic)
    return topic if kind in {Stream.BOUNTY.value, Stream.FEED.value} else None
