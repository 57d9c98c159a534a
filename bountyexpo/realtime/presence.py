"""Who is there: the state that others see of a user, over all of his devices.

Who is here is not stored, so nobody is online after a crash who did not come back. What a user is
seen as follows from the sockets of the hub; only what cannot be derived is kept: who watches whom,
and who left a moment ago and counts as present for ``GRACE_S``. When somebody was last seen is
stored (``last_seen``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

from bountyexpo.errors import InvalidRequest
from bountyexpo.realtime.last_seen import LastSeen, to_minute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from bountyexpo.realtime.hub import Hub
    from bountyexpo.ws.session.session import Session

ONLINE: Final = "online"
AWAY: Final = "away"
INVISIBLE: Final = "invisible"
OFFLINE: Final = "offline"

# What a device may say of itself.
STATES: Final = (ONLINE, AWAY, INVISIBLE)

# A user whose last socket closed is still shown for this long: phones change their network.
GRACE_S: Final = 30.0

# Users that one session may watch (contract realtime §4.5).
WATCHED_MAX: Final = 200


class TooManyWatched(InvalidRequest):
    """More people than one socket may follow."""

    code = "TOO_MANY_SUBSCRIPTIONS"


class Presence:
    """The presence book of one process.

    Bounded: watchers by ``WATCHED_MAX`` per session, users in their grace by the sockets that
    closed within it.
    """

    def __init__(self, hub: Hub, now: Callable[[], datetime], last_seen: LastSeen) -> None:
        self.last_seen = last_seen
        self._hub = hub
        self._now = now
        self._watchers: dict[str, set[Session]] = {}
        self._announced: dict[str, str] = {}
        self._leaving: dict[str, tuple[float, str]] = {}  # in the order of their ends
        self._departure = trio.Event()

    # -- what a device does

    def arrived(self, session: Session) -> None:
        """Count a session that was welcomed."""
        session.presence = session.presence or ONLINE
        self._leaving.pop(session.user_id, None)
        self._announce(session.user_id)

    def left(self, session: Session) -> None:
        """Count a session no more; harmless for one that never arrived."""
        user_id = session.user_id
        if not session.presence or self._devices(user_id):
            self._announce(user_id)
            return
        if session.presence != INVISIBLE:
            self.last_seen.note(user_id, self._now())
            self._leaving.pop(user_id, None)
            self._leaving[user_id] = (trio.current_time() + GRACE_S, session.presence)
            self._departure.set()
        self._announce(user_id)

    def set_state(self, session: Session, state: str) -> None:
        """Take what a device says; invisible is said for all devices, and taken back for all."""
        if state == INVISIBLE and self.state_of(session.user_id) != OFFLINE:
            # Until now he was seen; an older moment would betray him.
            self.last_seen.note(session.user_id, self._now())
            self.last_seen.settle(session.user_id)
        for device in self._devices(session.user_id):
            if INVISIBLE in (state, device.presence):
                device.presence = INVISIBLE if state == INVISIBLE else ONLINE
        session.presence = state
        self._announce(session.user_id)

    # -- what others see

    def state_of(self, user_id: str) -> str:
        """Return what others see of a user."""
        states = {device.presence for device in self._devices(user_id)}
        if INVISIBLE in states:
            return OFFLINE
        if states:
            return ONLINE if ONLINE in states else AWAY
        return self._leaving.get(user_id, (0.0, OFFLINE))[1]

    async def views(self, user_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return how these users are seen, also those who were not here for long.

        Raises:
            DatabaseUnavailable: it cannot be read at present.
        """
        await self.last_seen.find([each for each in user_ids if self.state_of(each) == OFFLINE])
        return [self.view(each) for each in user_ids]

    def view(self, user_id: str) -> dict[str, Any]:
        """Return the state of a user as clients read it, as far as it is known here."""
        state = self.state_of(user_id)
        seen = self.last_seen.get(user_id) if state == OFFLINE else to_minute(self._now())
        return {"userId": user_id, "state": state, "lastSeenAt": seen, "isOnline": state != OFFLINE}

    def watch(self, session: Session, user_ids: Iterable[str]) -> None:
        """Tell a session of every change of these users, whom it may see.

        Raises:
            TooManyWatched: it follows too many; nothing was changed.
        """
        watched = session.watched or set()
        wanted = watched.union(user_ids)
        if len(wanted) > WATCHED_MAX:
            raise TooManyWatched(f"At most {WATCHED_MAX} people can be followed at a time.")
        for user_id in wanted - watched:
            self._watchers.setdefault(user_id, set()).add(session)
            self._announced[user_id] = self.state_of(user_id)
        session.watched = wanted or None

    def unwatch(self, session: Session, user_ids: Iterable[str] | None = None) -> None:
        """End ``watch``, for everybody when nobody is named."""
        watched = session.watched or set()
        for user_id in watched if user_ids is None else watched.intersection(user_ids):
            watchers = self._watchers[user_id]
            watchers.discard(session)
            if not watchers:
                del self._watchers[user_id], self._announced[user_id]
        session.watched = None if user_ids is None else watched.difference(user_ids) or None

    def cover(self, viewer_id: str, user_id: str) -> None:
        """Let a user look offline to somebody, who no longer hears of him."""
        sessions: Any = self._hub.users.get(viewer_id, ())
        for session in sessions:
            if user_id in (session.watched or ()):
                self.unwatch(session, [user_id])
                frame = {"type": "presence.update", **offline(user_id), "senderId": user_id}
                session.send_now(frame | {"timestamp": self._now()})

    def refresh(self, session: Session) -> None:
        """Tell a session that was away how everybody is whom it follows."""
        for user_id in sorted(session.watched or ()):
            session.send_now(self._frame(user_id))

    async def run(self) -> None:
        """End the grace of those who did not come back, for ever."""
        while True:
            while self._leaving:
                user_id, (until, _) = next(iter(self._leaving.items()))
                await trio.sleep_until(until)
                if self._leaving.get(user_id, (0.0, ""))[0] == until:
                    self._end_grace(user_id)
                    self._announce(user_id)
            self._departure = trio.Event()
            await self._departure.wait()

    async def finish(self) -> None:
        """Store who was here until the end; nothing may come after."""
        for user_id in list(self._leaving):
            self._end_grace(user_id)
        await self.last_seen.finish()

    # -- private parts

    def _end_grace(self, user_id: str) -> None:
        del self._leaving[user_id]
        self.last_seen.settle(user_id)

    def _devices(self, user_id: str) -> list[Session]:
        sessions: Any = self._hub.users.get(user_id, ())
        return [each for each in sessions if each.is_connected and each.presence]

    def _announce(self, user_id: str) -> None:
        watchers = self._watchers.get(user_id)
        if not watchers:
            return
        state = self.state_of(user_id)
        if self._announced[user_id] != state:
            self._announced[user_id] = state
            self._hub.notify(f"presence:{user_id}", list(watchers), self._frame(user_id))

    def _frame(self, user_id: str) -> dict[str, Any]:
        frame = {"type": "presence.update", **self.view(user_id)}
        return frame | {"senderId": user_id, "timestamp": self._now()}


def offline(user_id: str) -> dict[str, Any]:
    """Return how somebody looks of whom one may not know anything."""
    return {"userId": user_id, "state": OFFLINE, "lastSeenAt": None, "isOnline": False}
