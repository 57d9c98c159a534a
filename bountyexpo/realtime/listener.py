"""What the session layer needs from parts that it may not import, named as protocols.

Persistence gives stream events and implements the ``Reader``; the hub speaks to sessions as
``Listener`` only, so that either can be tested without the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
    from datetime import datetime

    from bountyexpo.ws.v1.serializer import Serializer

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
    def status(self) -> str:
        """The state of the account, such as ``active``, ``suspended`` or ``banned``."""

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
        """The last message that reached him."""

    @property
    def read_seq(self) -> int:
        """The last message that he has read."""


class Listener(Protocol):
    """Who hears events: a session, as the hub sees it. Nothing here blocks."""

    @property
    def is_connected(self) -> bool:
        """False while a session waits for its client to come back."""

    @property
    def user_id(self) -> str:
        """Whose session it is."""

    @property
    def session_id(self) -> str | None:
        """The sign-in at the auth server that it came from."""

    @property
    def serializer(self) -> Serializer:
        """How its frames are written."""

    def deliver(self, stream: str, seq: int, frame: bytes) -> None:
        """Take a numbered event."""

    def deliver_ephemeral(self, stream: str, frame: bytes, key: Hashable = None) -> None:
        """Take a frame that may be lost; of those with the same key only the last counts."""

    def miss(self, stream: str) -> None:
        """Learn that events of ``stream`` were lost on the way."""

    def disconnect(self, code: int, reason: str) -> None:
        """Close the socket."""


class Reader(Protocol):
    """The committed state that sessions read; each may raise ``DatabaseUnavailable``."""

    async def heads(self, streams: Sequence[str]) -> Mapping[str, tuple[int, Any]]:
        """The last number and the epoch of each stream that exists."""

    async def read_after(self, stream: str, seq: int, limit: int) -> Sequence[StreamEvent]:
        """The next ``limit`` events after ``seq``, in order."""

    async def may_read(self, user_id: str, stream: str) -> bool:
        """Tell whether the user may follow the stream."""

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
