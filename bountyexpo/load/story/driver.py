"""What the steps of a story act with: requests and sockets of its two people, and checks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import trio

from bountyexpo.load.client.rest import Reply, Rest
from bountyexpo.load.client.socket_client import DEADLINE_S, SocketClient, SocketFailed
from bountyexpo.load.story.state import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bountyexpo.load.client.stream_log import Frame
    from bountyexpo.load.story.state import State

# Between two looks at a wallet that a webhook has still to credit.
WALLET_PAUSE_S = 0.05


class StoryFailed(Exception):
    """The server did something that the story does not allow."""


@dataclass(frozen=True, kw_only=True)
class Backstage:
    """What some stories need besides two people.

    An administrator's access token, and the address of the emulators, which do what happens
    outside of the product.
    """

    admin_token: str | None = None
    sandbox_url: str | None = None


class Story:
    """A story being told against one server."""

    def __init__(
        self,
        url: str,
        state: State,
        codec: str,
        nursery: trio.Nursery,
        *,
        backstage: Backstage | None = None,
    ) -> None:
        self.state = state
        self.rest = Rest(url)
        self.codec = codec
        self._backstage = backstage or Backstage()
        self._nursery = nursery
        self._sockets: dict[str, SocketClient] = {}

    @property
    def people(self) -> tuple[Person, Person]:
        """The poster and the hunter."""
        return self.state.poster, self.state.hunter

    @property
    def admin(self) -> Person:
        """An administrator of the server.

        Raises:
            StoryFailed: Nobody has said who that is.
        """
        token = self._backstage.admin_token
        if token is None:
            fail("this story needs an administrator: give their access token with --token")
        return Person("administrator", "", "", "", token=token)

    async def socket(self, person: Person) -> SocketClient:
        """Return their open socket; a new one goes on from what they heard before."""
        if person.role not in self._sockets:
            expect(person.token, f"the {person.role} must sign in before the socket opens")
            client = SocketClient(self.rest.url, person.token, codec=self.codec, log=person.log)
            self._sockets[person.role] = client
            self._nursery.start_soon(client.run)
        await self._sockets[person.role].wait_open()
        return self._sockets[person.role]

    async def get(self, person: Person, path: str) -> Any:
        """Read something that must be there."""
        reply = await self.rest.get(path, token=person.token)
        return self._body(f"GET {path}", reply, (200,))

    async def post(
        self,
        person: Person,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        ok: tuple[int, ...] = (200, 201),
    ) -> Any:
        """Do something that must succeed."""
        key = f"{self.state.key}:{key}" if key else None
        reply = await self.rest.post(path, body, token=person.token or None, key=key)
        return self._body(f"POST {path}", reply, ok)

    async def outside(self, path: str) -> None:
        """Let the emulators do what happens outside of the product."""
        if self._backstage.sandbox_url is None:
            fail("this story needs the emulators: give their address with --sandbox")
        sandbox = Rest(self._backstage.sandbox_url)
        try:
            reply = await sandbox.post(path)
        finally:
            await sandbox.aclose()
        self._body(f"POST {path}", reply, (200,))

    async def refused(self, person: Person, path: str, body: Any, *, status: int) -> None:
        """Try something that must be refused with this status."""
        reply = await self.rest.post(path, body, token=person.token)
        expect(
            reply.status == status,
            f"POST {path} should be refused with {status}, but answered {reply.status}",
        )

    async def hears(
        self,
        person: Person,
        kind: str | None,
        matches: Callable[[Frame], Any],
        *,
        deadline_s: float = DEADLINE_S,
    ) -> Frame:
        """Wait until they have heard this event, now or before."""
        socket = await self.socket(person)
        try:
            return await socket.wait_for(kind, matches, deadline_s=deadline_s)
        except SocketFailed as error:
            raise StoryFailed(f"the {person.role}'s socket never heard it: {error}") from error

    async def balance_is(self, person: Person, cents: int) -> None:
        """Check what their wallet holds; a payment is booked when its webhook has come."""
        wallet = await self.get(person, "/wallet/balance")
        with trio.move_on_after(DEADLINE_S):
            while wallet.get("balanceCents") != cents:
                await trio.sleep(WALLET_PAUSE_S)
                wallet = await self.get(person, "/wallet/balance")
        told = wallet.get("balanceCents"), wallet.get("balance")
        expect(
            told == (cents, cents / 100),
            f"the {person.role}'s wallet should hold {cents / 100:.2f} but says {wallet}",
        )

    def _body(self, what: str, reply: Reply, ok: tuple[int, ...]) -> Any:
        expect(reply.status in ok, f"{what} answered {reply.status}: {reply.message}")
        return reply.body


@asynccontextmanager
async def open_story(
    url: str, state: State, *, codec: str = "json", backstage: Backstage | None = None
) -> AsyncIterator[Story]:
    """Tell a story against the server at ``url``; its sockets close at the end."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        story = Story(url, state, codec, nursery, backstage=backstage)
        try:
            yield story
        except Exception as error:  # noqa: BLE001 - raised again below, outside of the nursery
            failure = error
        await story.rest.aclose()
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def expect(is_so: Any, complaint: str) -> None:
    """Stop the story, with a sentence for people, unless something is so."""
    if not is_so:
        fail(complaint)


def fail(complaint: str) -> NoReturn:
    """Stop the story."""
    raise StoryFailed(complaint)
