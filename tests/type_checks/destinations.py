"""A message sent to a wrong destination is a type error, and a reply has the type it is asked for.

mypy reads this file with ``warn_unused_ignores``: a line that stops being an error fails the check
just as an error without a mark does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from bountyexpo.actors.chat.contacts import Blocked, SetBlock
from bountyexpo.actors.chat.conversation_messages import Changed, ConversationKind, Reload, Type
from bountyexpo.actors.market.bounty_messages import StepTaken, TakeStep
from bountyexpo.domain.market.bounty import Event
from bountyexpo.runtime import Actor, Context

if TYPE_CHECKING:
    from bountyexpo.actors.chat.conversation_messages import EditMessage
    from bountyexpo.actors.system import Actors

ACCEPT = TakeStep(event=Event.ACCEPT, actor_id="a", application_id="b")


async def replies_have_their_type(actors: Actors, edit: EditMessage) -> None:
    assert_type(await actors.bounty("b").ask(ACCEPT), StepTaken)
    assert_type(await actors.conversation("c").ask(edit), Changed)
    assert_type(await actors.contacts("u").ask(SetBlock(other_id="v", is_blocked=True)), Blocked)
    assert_type(await actors.bounty("b").ask(ACCEPT), Changed)  # type: ignore[assert-type]


async def destinations_are_checked(actors: Actors) -> None:
    await actors.user("u").ask(ACCEPT)  # type: ignore[arg-type]
    await actors.conversation("c").ask(ACCEPT)  # type: ignore[arg-type]
    await actors.payments.ask("p", ACCEPT)  # type: ignore[arg-type]
    actors.conversation("c").tell(Reload())
    actors.bounty("b").tell(Reload())  # type: ignore[arg-type]


class Parrot(Actor[ConversationKind]):
    """Tells itself what only its own kind understands."""

    kind = "parrot"

    def __init__(self, actor_id: str, context: Context[ConversationKind]) -> None:
        super().__init__(actor_id, context)
        context.tell_self_after(1, Type(user_id="a", is_typing=True))
        context.tell_self_after(1, ACCEPT)  # type: ignore[arg-type]
