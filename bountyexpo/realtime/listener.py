"""Who listens to events, and what can be read of them, named as protocols.

Whoever holds a socket implements ``Listener``; nothing here knows what a socket is. Persistence
gives stream events and implements the ``Reader``. So each side can be tested without the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
    from datetime import datetime

    from bountyexpo.domain.identity import Identity

    NewId = Callable[[], str]
    ReadAfter = Callable[[str, int, int], Awaitable[Sequence["StreamEvent"]]]


class StreamEvent(Protocol):
    """One committed event of a numbered stream."""

    @property
    def stream(self) -> str:
        """``user:<id>``, ``bounty:<id>`` or ``conv:<id>``."""

    @property
    def seq(self) -> int:
        """Its number; gapless within the stream and epoch."""

    @property
    def epoch(self) -> Any:
        """Changes only when the stream is numbered anew."""

    @property
    def type(self) -> str:
        """The frame type."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """The fields of the frame beyond the envelope."""

    @property
    def users(self) -> Sequence[str]:
        """Who gets it live, wherever they are."""

    @property
    def private(self) -> bool:
        """True when nobody but ``users`` may see the payload."""

    @property
    def created_at(self) -> datetime:
        """The time of the commit."""


class SignOn(Protocol):
    """One account as its new session finds it."""

    @property
    def conversations(self) -> Sequence[tuple[str, int, Any]]:
        """Id, last number and epoch of the conversations, newest first."""

    @property
    def unread(self) -> int:
        """How many messages the user has not read."""


class Marker(Protocol):
    """How far one participant of a conversation has got."""

    @property
    def user_id(self) -> str:
        """The participant."""

    @property
    def delivered_seq(self) -> int:
        """The last message that reached them."""

    @property
    def read_seq(self) -> int:
        """The last message that they have read."""


class Encoding(Protocol):
    """How frames are written for one kind of client; listeners of one name share the bytes."""

    @property
    def name(self) -> str:
        """What tells it from the others."""

    @property
    def is_old(self) -> bool:
        """True for clients that speak the words that were before the protocol."""

    def frame(self, value: Any) -> bytes:
        """Return the bytes of one frame, ready to be sent; none where there is no word for it."""


class Listener(Protocol):
    """Who hears events: a session, as the hub sees it. Nothing here blocks."""

    @property
    def is_connected(self) -> bool:
        """False while it waits for its client to come back."""

    @property
    def user_id(self) -> str:
        """Whose it is."""

    @property
    def identity(self) -> Identity:
        """Who it said it is, by its last token."""

    @property
    def serializer(self) -> Encoding:
        """How its frames are written."""

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Take a numbered event."""

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Take a frame that may be lost; of those with the same key only the last counts."""

    def send_now(self, message: dict[str, Any]) -> bool:
        """Take a message that is for this listener alone; False when there was no room."""

    def miss(self, stream: str) -> None:
        """Learn that events of ``stream`` were lost on the way."""

    def disconnect(self, code: int, reason: str) -> None:
        """Part with the client."""


class Reader(Protocol):
    """The committed state that sessions read; each may raise ``DatabaseUnavailable``."""

    async def heads(self, streams: Sequence[str]) -> Mapping[str, tuple[int, Any]]:
        """The last number and the epoch of each stream that exists."""

    async def read_after(self, stream: str, seq: int, limit: int) -> Sequence[StreamEvent]:
        """The next ``limit`` events after ``seq``, in order."""

    async def read_all_after(
        self, wanted: Sequence[tuple[str, int, int]]
    ) -> Sequence[Sequence[StreamEvent]]:
        """The same of several streams, each with its number and limit, read together."""

    async def readable(self, user_id: str, streams: Collection[str]) -> set[str]:
        """Which of the streams the user may follow."""

    async def sign_on(
        self, user_id: str, names: Sequence[str]
    ) -> tuple[SignOn | None, Mapping[str, tuple[int, Any]]]:
        """The account, None when there is none, and the heads of the named streams."""

    async def receipts(
        self, user_id: str, conversation_ids: Sequence[str]
    ) -> Mapping[str, Sequence[Marker]]:
        """The markers in the user's conversations, without those of whom a block hides."""

    async def acquainted(self, user_id: str, others: Collection[str]) -> set[str]:
        """Who of ``others`` the user shares a conversation or a running bounty with."""

    async def last_seen(self, users: Collection[str]) -> Mapping[str, datetime]:
        """When these users were last seen, of those who ever were."""

    async def unread(self, users: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """How many messages each of the users has not read, by conversation with any."""

    async def partners(self, user_id: str, limit: int) -> Mapping[str, Sequence[str]]:
        """With whom the user shares conversations, and which."""
