"""Refs name actors; messages and actors are plain things."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from bountyexpo.runtime import Actor, Message, Ref


class Place:
    """Somewhere to send to; remembers what came."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.told: list[tuple[str, Message]] = []

    def tell(self, actor_id, message) -> None:
        self.told.append((actor_id, message))

    async def ask(self, actor_id, message, timeout_s=5.0) -> tuple[str, float]:
        return actor_id, timeout_s


class Rename(Message[Any, str], frozen=True, kw_only=True, tag="user.rename"):
    """Take another name."""

    name: str


def test_refs_of_one_actor_are_equal() -> None:
    users, bounties = Place("user"), Place("bounty")

    assert Ref(users, "a") == Ref(users, "a")
    assert len({Ref(users, "a"), Ref(users, "a"), Ref(users, "b"), Ref(bounties, "a")}) == 3
    assert Ref(users, "a") != "user:a"
    assert repr(Ref(users, "a")) == "<Ref user:a>"


async def test_ref_speaks_to_its_actor() -> None:
    users = Place("user")
    ref = Ref(users, "a")
    ref.tell(Rename(name="Ann"))

    assert users.told == [("a", Rename(name="Ann"))]
    assert await ref.ask(Rename(name="Ann"), timeout_s=2) == ("a", 2)


def test_message_travels_under_its_tag() -> None:
    wire = msgspec.json.encode(Rename(name="Ann"))

    assert wire == b'{"type":"user.rename","name":"Ann"}'
    assert msgspec.json.decode(wire, type=Rename) == Rename(name="Ann")


def test_message_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Rename(name="Ann").name = "Bob"


async def test_plain_actor_accepts_nothing() -> None:
    actor = Actor("a", context=None)
    await actor.load()
    await actor.stopped()

    assert repr(actor) == "<Actor a>"
    with pytest.raises(TypeError, match="Actor does not accept Rename"):
        await actor.handle(Rename(name="Ann"))
