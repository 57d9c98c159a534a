"""One part of a story, and what several of them look for in answers and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.load.client.rest import ServerAway
from bountyexpo.load.client.socket_client import SocketFailed
from bountyexpo.load.story.driver import Story, StoryFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.load.client.stream_log import Frame
    from bountyexpo.load.story.state import Person


class Step:
    """One part of the story; its title is the docstring of what it plays."""

    def __init__(self, play: Callable[[Story], Awaitable[None]]) -> None:
        self.name = play.__name__
        self.title = (play.__doc__ or self.name).rstrip(".")
        self._play = play

    def __repr__(self) -> str:
        return f"<Step {self.name}>"

    async def run(self, story: Story) -> None:
        """Play it, and note that it is done.

        Raises:
            StoryFailed: When the server did anything else than the story says.
        """
        try:
            await self._play(story)
        except (ServerAway, SocketFailed) as error:
            raise StoryFailed(str(error)) from error
        except (LookupError, TypeError, AttributeError) as error:
            raise StoryFailed(f"an answer has not the shape it should have: {error!r}") from error
        if self.name not in story.state.done:
            story.state.done.append(self.name)


async def hears_status(story: Story, person: Person, status: str) -> None:
    """Wait until they have heard that the bounty of the story is in this status."""
    wanted = story.state.bounty_id, status
    await story.hears(
        person,
        "bounty.status",
        lambda event: (event.get("bountyId"), event.get("status")) == wanted,
    )


async def hears_balance(story: Story, person: Person, cents: int) -> None:
    """Wait until they have heard that so much is in their wallet."""
    await story.hears(person, "wallet.balance", has("availableCents", cents))


def has(field: str, value: Any) -> Callable[[Frame], bool]:
    """Return what matches events with this value in this field."""
    return lambda event: bool(event.get(field) == value)
