"""Whatever a message to an actor holds, the fault is the caller's, and the actor serves the others.

Every message that the actors declare is sent with every one of its values made odd in turn: what
passed some check in front, or was forgotten there, must still be a refusal of that one call.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from bountyexpo.actors.chat.contacts import OpenConversation
from bountyexpo.actors.chat.conversation_messages import SendMessage
from bountyexpo.actors.market.bounty_messages import TakeStep
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.errors import BountyExpoError, InternalError, NotStorable

from tests.sample_values import sample
from tests.unit.actors.test_wire import unions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.actors.conftest import Market

TICK = TakeStep(event=Event.EXPIRY_TICK, actor_id=None, role=Role.TIMER)

BY_HUNTER = (Event.READY, Event.SUBMIT, Event.CANCEL_ACCEPT)

# By the first type that fits; a truth value is not odd, and a name of ours is one of a few.
ODD: dict[type, tuple[Any, ...]] = {
    StrEnum: (),
    str: ("nul \x00", "half \ud800", "", "b7", "x" * 50_000, "0" * 400),
    bool: (),
    int: (2**31, 2**63, -(2**70)),
    float: (float("nan"), float("inf"), 1e300),
    datetime: (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    dict: ({None: 1}, {True: 1}, {"a": "\x00"}, {"a\ud800": 1}, {"a": {"b": [{7.5: None}]}}),
}


def odd(value: Any) -> Iterator[Any]:
    """Yield copies of a value, with one thing in each of them made odd."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            for each in odd(getattr(value, name)):
                yield msgspec.structs.replace(value, **{name: each})
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            for each in odd(item):
                yield type(value)([*value[:place], each, *value[place + 1 :]])
    else:
        yield from next((ODD[kind] for kind in ODD if isinstance(value, kind)), ())


class Setting:
    """A bounty at work with its people and their conversation, and the names of all of these."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.people: tuple[str, str] = ("", "")
        self.names: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    async def begin(self) -> None:
        market = self.market
        poster, hunter = await market.person(cents=50_000), await market.person()
        bounty_id = await market.bounty(poster)
        applied = await market.apply(hunter, bounty_id)
        accepted = await market.accept(poster, bounty_id, applied.id)
        work = await market.submit(hunter, bounty_id)
        opened = await market.actors.contacts(poster).ask(OpenConversation(other_id=hunter))
        thread = market.actors.conversation(opened.conversation.id)
        said = await thread.ask(SendMessage(sender_id=poster, client_message_id=None, text="hi"))
        self.people = poster, hunter
        self.names = {
            "other_id": hunter,
            "removed_id": hunter,
            "member_id": hunter,
            "application_id": applied.id,
            "submission_id": work.id,
            "message_id": said.message_id,
            "bounty_id": bounty_id,
        }
        self.ids = {
            "bounty": bounty_id,
            "conversation": accepted.conversation_id,
            "contacts": poster,
            "user": poster,
            "payment": await market.deposit(poster),
            "payer": poster,
            "payee": poster,
        }

    def good(self, message: type[msgspec.Struct], caller: str) -> Any:
        """Return a message of this kind that one of the people might send."""
        found = sample(message)
        callers = {"caller_id", "actor_id", "user_id", "hunter_id", "poster_id", "sender_id"}
        fields = {name: caller for name in callers if name in message.__struct_fields__}
        fields |= {n: self.names[n] for n in message.__struct_fields__ if n in self.names}
        # What they are to the bounty, and no admin.
        fields |= {"role": None} if "role" in message.__struct_fields__ else {}
        return msgspec.structs.replace(found, **fields)

    def odd_messages(self, kinds: tuple[type[msgspec.Struct], ...]) -> Iterator[Any]:
        """Return each of these of either person, with each of its values made odd in turn."""
        for message, caller in product(kinds, self.people):
            yield from odd(self.good(message, caller))
        if TakeStep in kinds:
            yield from self.odd_steps()

    def odd_steps(self) -> Iterator[TakeStep]:
        """Return each step that people take, with each thing that comes with it made odd."""
        poster, hunter = self.people
        for event in Event:
            good = self.good(TakeStep, hunter if event in BY_HUNTER else poster)
            for said in odd(good.said):
                yield msgspec.structs.replace(good, event=event, said=said)


@pytest.fixture
async def setting(market: Market) -> Setting:
    found = Setting(market)
    await found.begin()
    return found


@pytest.mark.parametrize("name", sorted(unions()))
async def test_an_odd_value_is_the_callers_fault_and_nobody_elses(
    setting: Setting, name: str
) -> None:
    actors, kind = setting.market.actors, name.removesuffix("Message").lower()
    [pool] = (each for each in actors.pools if each.kind == kind)
    refusals: list[BountyExpoError] = []

    for each in setting.odd_messages(get_args(unions()[name])):
        # What exists, and what is made by the message.
        for actor_id in (setting.ids[kind], new_id()):
            try:
                await pool.ref(actor_id).ask(each)
            except BountyExpoError as error:
                refusals.append(error)

    assert [each for each in refusals if isinstance(each, InternalError)] == []
    assert any(isinstance(each, NotStorable) for each in refusals), "nothing came to the database"
    assert pool.crashes == 0
    assert pool.statistics().quarantined == ()
    if kind == "bounty":
        await pool.ref(setting.ids[kind]).ask(TICK)
