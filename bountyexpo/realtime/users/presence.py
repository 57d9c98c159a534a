"""Who is there: the state that others see of a user, over all of their devices.

Who is here is not stored, so nobody is online after a crash who did not come back. What a user is
seen as follows from the listeners of the hub; only what cannot be derived is kept: which of them
are anything but online, who watches whom, and who left a moment ago and counts as present for
``GRACE_S``. When somebody was last seen is stored (``last_seen``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

from bountyexpo.domain.users.events import PresenceUpdate
from bountyexpo.errors import TooManyWatched
from bountyexpo.realtime import event_frame
from bountyexpo.realtime.users.last_seen import LastSeen, to_minute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.listener import Listener

ONLINE: Final = "online"
AWAY: Final = "away"
INVISIBLE: Final = "invisible"
OFFLINE: Final = "offline"

# A user whose last device left is still shown for this long: phones change their network.
GRACE_S: Final = 30.0

# Users that one listener may watch (contract realtime §4.5).
WATCHED_MAX: Final = 200


class Presence:
    """The presence book of one process.

    Bounded: watchers by ``WATCHED_MAX`` per listener, users in their grace by those who left
    within it; a state is kept until ``forget``.
    """

    def __init__(self, hub: Hub, now: Callable[[], datetime], last_seen: LastSeen) -> None:
        self.last_seen = last_seen
        self._hub = hub
        self._now = now
        self._states: dict[Listener, str] = {}  # of those that are not online
        self._watched: dict[Listener, set[str]] = {}
        self._watchers: dict[str, set[Listener]] = {}
        self._announced: dict[str, str] = {}
        self._leaving: dict[str, tuple[float, str]] = {}  # in the order of their ends
        self._departure = trio.Event()

    # -- what a device does

    def arrived(self, device: Listener) -> None:
        """Count a device that was welcomed, or that is back."""
        self._leaving.pop(device.user_id, None)
        self._announce(device.user_id)

    def left(self, device: Listener) -> None:
        """Count a device no more that had arrived; it is not connected any longer."""
        user_id, state = device.user_id, self._state(device)
        if not self._devices(user_id) and state != INVISIBLE:
            self.last_seen.note(user_id, self._now())
            self._leaving.pop(user_id, None)
            self._leaving[user_id] = (trio.current_time() + GRACE_S, state)
            self._departure.set()
        self._announce(user_id)

    def forget(self, device: Listener) -> None:
        """Drop what is known of a device that does not come back."""
        self.unwatch(device)
        self._states.pop(device, None)

    def set_state(self, device: Listener, state: str) -> None:
        """Take what a device says; invisible is said for all devices, and taken back for all."""
        user_id = device.user_id
        if state == INVISIBLE and self.state_of(user_id) != OFFLINE:
            # Until now they were seen; an older moment would betray them.
            self.last_seen.note(user_id, self._now())
            self.last_seen.settle(user_id)
        for each in self._devices(user_id):
            if INVISIBLE in (state, self._state(each)):
                self._keep(each, INVISIBLE if state == INVISIBLE else ONLINE)
        self._keep(device, state)
        self._announce(user_id)

    # -- what others see

    def state_of(self, user_id: str) -> str:
        """Return what others see of a user."""
        states = {self._state(device) for device in self._devices(user_id)}
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

    def watch(self, listener: Listener, user_ids: Iterable[str]) -> None:
        """Tell a listener of every change of these users, whom it may see.

        Raises:
            TooManyWatched: it follows too many; nothing was changed.
        """
        watched = self._watched.get(listener, set())
        wanted = watched.union(user_ids)
        if len(wanted) > WATCHED_MAX:
            raise TooManyWatched(f"At most {WATCHED_MAX} people can be followed at a time.")
        for user_id in wanted - watched:
            self._watchers.setdefault(user_id, set()).add(listener)
            self._announced[user_id] = self.state_of(user_id)
        if wanted:
            self._watched[listener] = wanted

    def unwatch(self, listener: Listener, user_ids: Iterable[str] | None = None) -> None:
        """End ``watch``, for everybody when nobody is named."""
        watched = self._watched.pop(listener, set())
        ended = watched if user_ids is None else watched.intersection(user_ids)
        for user_id in ended:
            watchers = self._watchers[user_id]
            watchers.discard(listener)
            if not watchers:
                del self._watchers[user_id], self._announced[user_id]
        if left := watched - ended:
            self._watched[listener] = left

    def cover(self, viewer_id: str, user_id: str) -> None:
        """Let a user look offline to somebody, who no longer hears of them."""
        for listener in self._hub.users.get(viewer_id, ()):
            if user_id in self._watched.get(listener, ()):
                self.unwatch(listener, [user_id])
                self._tell(listener, offline(user_id))

    def refresh(self, listener: Listener) -> None:
        """Tell a listener that was away how everybody is whom it follows."""
        for user_id in sorted(self._watched.get(listener, ())):
            self._tell(listener, self.view(user_id))

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

    def _state(self, device: Listener) -> str:
        return self._states.get(device, ONLINE)

    def _keep(self, device: Listener, state: str) -> None:
        if state == ONLINE:
            self._states.pop(device, None)
        else:
            self._states[device] = state

    def _devices(self, user_id: str) -> list[Listener]:
        return [each for each in self._hub.users.get(user_id, ()) if each.is_connected]

    def _announce(self, user_id: str) -> None:
        watchers = self._watchers.get(user_id)
        if not watchers:
            return
        state = self.state_of(user_id)
        if self._announced[user_id] != state:
            self._announced[user_id] = state
            self._hub.notify(_update(self.view(user_id)), user_id, list(watchers))

    def _tell(self, listener: Listener, view: dict[str, Any]) -> None:
        listener.send_now(event_frame.ephemeral(_update(view), self._now()))


def offline(user_id: str) -> dict[str, Any]:
    """Return how somebody looks of whom one may not know anything."""
    return {"userId": user_id, "state": OFFLINE, "lastSeenAt": None, "isOnline": False}


def _update(view: dict[str, Any]) -> PresenceUpdate:
    return PresenceUpdate(
        user_id=view["userId"],
        state=view["state"],
        last_seen_at=view["lastSeenAt"],
        is_online=view["isOnline"],
        sender_id=view["userId"],
    )
