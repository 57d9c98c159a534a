"""Sessions that can be resumed: those at work, and those that wait for their client to return.

A session without a socket stays in the hub and writes what it hears into its replay buffer. All
buffers together are bounded: beyond that the session that has waited longest is given up; its
client then recovers stream by stream, as after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

import trio

from bountyexpo.observability import metrics
from bountyexpo.ws.session.replay_buffer import BUFFER_AGE_S

if TYPE_CHECKING:
    from bountyexpo.realtime.listener import Encoding
    from bountyexpo.ws.session.replay_buffer import Entry, ReplayBuffer

# All buffers of the process together. Frames of a broadcast count in each buffer that keeps them,
# though they exist once, so what is really used is mostly far less.
BUFFERS_BYTES_MAX: Final = 128 * 1024 * 1024

# Sessions that wait at one time; about 2 KiB each beside their buffers.
WAITING_MAX: Final = 20_000


class Resumable(Protocol):
    """What is asked of a session here."""

    @property
    def sid(self) -> str:
        """What its client calls it by."""

    @property
    def user_id(self) -> str:
        """Whose it is."""

    @property
    def serializer(self) -> Encoding:
        """How its frames are written."""

    def is_resumable(self, n: int) -> bool:
        """Tell whether a client that has everything up to ``n`` can go on here."""

    def give_up(self) -> None:
        """End, or with a socket at least forget the past: nobody will resume it."""


SessionT = TypeVar("SessionT", bound=Resumable)


class ResumableSessions(Generic[SessionT]):
    """The resumable sessions of one process, by session id; each waits for ``ttl_s`` at most.

    Bounded by ``waiting_max`` sessions without a socket and ``bytes_max`` in all buffers.
    """

    def __init__(
        self,
        *,
        bytes_max: int = BUFFERS_BYTES_MAX,
        waiting_max: int = WAITING_MAX,
        ttl_s: float = BUFFER_AGE_S,
    ) -> None:
        self.ttl_s = ttl_s
        self.size = 0
        self._bytes_max = bytes_max
        self._waiting_max = waiting_max
        self._is_closed = False
        self._known: dict[str, SessionT] = {}
        self._waiting: dict[str, float] = {}  # until when, in the order of their ends
        self._arrival = trio.Event()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def waiting(self) -> int:
        """Sessions that wait for their client."""
        return len(self._waiting)

    def keeps(self, session: SessionT) -> bool:
        """Tell whether a session that loses its socket is kept for its client."""
        return self._known.get(session.sid) is session and not self._is_closed

    def add(self, session: SessionT) -> None:
        """Make a session resumable; its client was told so."""
        self._known[session.sid] = session

    def wait(self, session: SessionT) -> None:
        """Keep a session that has no socket."""
        assert self._known.get(session.sid) is session, "its client was not told"
        self._waiting[session.sid] = trio.current_time() + self.ttl_s
        self._arrival.set()
        while len(self._waiting) > self._waiting_max:
            self._give_up_oldest()

    def discard(self, session: SessionT) -> None:
        """Forget a session that is over; harmless when repeated."""
        if self._known.get(session.sid) is session:
            del self._known[session.sid]
            self._waiting.pop(session.sid, None)

    def claim(self, sid: str, n: int, user_id: str, serializer: Encoding) -> SessionT | None:
        """Return the session that this user may resume from ``n`` over this encoding.

        It waits no more: the caller gives it a socket, at once.
        """
        session = self._known.get(sid)
        if session is not None and session.user_id == user_id and session.serializer is serializer:
            if session.is_resumable(n):
                self._waiting.pop(sid, None)
                return session
            session.give_up()
        metrics.WS_RESUMES.labels("refused").inc()
        return None

    def record(self, buffer: ReplayBuffer, entry: Entry) -> None:
        """Append to the buffer of a session, within the bound of all."""
        self.size -= buffer.size
        buffer.append(entry)
        self.size += buffer.size
        while self.size > self._bytes_max and self._waiting:
            self._give_up_oldest()
        while self.size > self._bytes_max and len(buffer):
            self.size -= buffer.size
            buffer.drop_oldest()
            self.size += buffer.size

    def release(self, buffer: ReplayBuffer) -> None:
        """Empty a buffer that nobody will ask for any more."""
        self.size -= buffer.size
        buffer.clear()

    def trim(self, buffer: ReplayBuffer, now: float) -> None:
        """Drop what is too old from the buffer of a session."""
        self.size -= buffer.size
        buffer.trim(now)
        self.size += buffer.size

    def close(self) -> None:
        """Keep nothing from now on: the process is about to end."""
        self._is_closed = True

    async def run(self) -> None:
        """Give up the sessions whose time is over, for ever."""
        while True:
            while self._waiting:
                sid, until = next(iter(self._waiting.items()))
                await trio.sleep_until(until)
                if self._waiting.get(sid) == until:
                    self._give_up_oldest()
            self._arrival = trio.Event()
            await self._arrival.wait()

    def _give_up_oldest(self) -> None:
        sid = next(iter(self._waiting))
        session = self._known.get(sid)
        del self._waiting[sid]
        if session is not None:
            session.give_up()
