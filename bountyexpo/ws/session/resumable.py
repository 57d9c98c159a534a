"""Sessions that can be resumed: those at work, and those that wait for their client to return.

A session without a socket stays in the hub and writes what it hears into its ring. All rings
together are bounded: beyond that the session that has waited longest is given up; its client then
recovers stream by stream, as after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from bountyexpo.observability import metrics
from bountyexpo.ws.session.replay_buffer import RING_AGE_S, Entry, ReplayRing

if TYPE_CHECKING:
    from bountyexpo.ws.session.session import Session
    from bountyexpo.ws.v1.serializer import Serializer

# All rings of the process together. Frames of a broadcast count in each ring that keeps them,
# though they exist once, so what is really used is mostly far less.
RINGS_BYTES_MAX: Final = 128 * 1024 * 1024

# Sessions that wait at one time; about 2 KiB each beside their rings.
PARKED_MAX: Final = 20_000


class Parking:
    """The resumable sessions of one process, by session id.

    Bounded by ``PARKED_MAX`` waiting sessions and ``bytes_max`` in all rings.
    """

    def __init__(self, *, bytes_max: int = RINGS_BYTES_MAX, parked_max: int = PARKED_MAX) -> None:
        self.is_closed = False
        self.size = 0
        self._bytes_max = bytes_max
        self._parked_max = parked_max
        self._known: dict[str, Session] = {}
        self._parked: dict[str, float] = {}  # until when, in the order of their ends
        self._arrival = trio.Event()

    @property
    def parked(self) -> int:
        """Sessions that wait for their client."""
        return len(self._parked)

    def knows(self, session: Session) -> bool:
        """Tell whether the session's client was told that it can be resumed."""
        return self._known.get(session.sid) is session

    def add(self, session: Session) -> None:
        """Make a session resumable."""
        self._known[session.sid] = session

    def park(self, session: Session) -> None:
        """Keep a session that lost its socket."""
        self._parked[session.sid] = trio.current_time() + RING_AGE_S
        self._arrival.set()
        while len(self._parked) > self._parked_max:
            self._give_up_oldest()

    def discard(self, session: Session) -> None:
        """Forget a session that is over; harmless when repeated."""
        if self.knows(session):
            del self._known[session.sid]
            self._parked.pop(session.sid, None)

    def unpark(self, session: Session) -> None:
        """Note that a session has a socket again."""
        self._parked.pop(session.sid, None)

    def claim(self, sid: str, n: int, user_id: str, serializer: Serializer) -> Session | None:
        """Return the session that may be resumed from ``n`` by this user over this serializer."""
        session = self._known.get(sid)
        if session is not None and session.user_id == user_id and session.serializer is serializer:
            if session.is_resumable(n):
                return session
            session.give_up()
        metrics.WS_RESUMES.labels("refused").inc()
        return None

    def record(self, ring: ReplayRing, entry: Entry) -> None:
        """Append to the ring of a session, within the bound of all."""
        self.size -= ring.size
        ring.append(entry)
        self.size += ring.size
        while self.size > self._bytes_max and self._parked:
            self._give_up_oldest()
        while self.size > self._bytes_max and ring:
            self.size -= ring.size
            ring.drop_oldest()
            self.size += ring.size

    def release(self, ring: ReplayRing | None) -> None:
        """Empty a ring that nobody will ask for any more."""
        if ring is not None:
            self.size -= ring.size
            ring.clear()

    def trim(self, ring: ReplayRing, now: float) -> None:
        """Drop what is too old from the ring of a session."""
        self.size -= ring.size
        ring.trim(now)
        self.size += ring.size

    def close(self) -> None:
        """Keep nothing from now on: the process is about to end."""
        self.is_closed = True

    async def run(self) -> None:
        """Give up the sessions whose time is over, for ever."""
        while True:
            while self._parked:
                sid, until = next(iter(self._parked.items()))
                await trio.sleep_until(until)
                if self._parked.get(sid) == until:
                    self._give_up_oldest()
            self._arrival = trio.Event()
            await self._arrival.wait()

    def _give_up_oldest(self) -> None:
        sid = next(iter(self._parked))
        session = self._known.get(sid)
        del self._parked[sid]
        if session is not None:
            session.give_up()
