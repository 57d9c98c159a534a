"""When people were last seen: remembered at once, and stored for many of them together.

Whoever leaves may be back in a moment, so a moment is stored only when the absence has lasted; a
wave of reconnects writes nothing. What waits when the process ends in good order is stored then.
What a crash takes with it is one departure that nobody has noticed yet.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import trio

from bountyexpo.errors import BountyExpoError
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from datetime import datetime

    Save = Callable[[Mapping[str, datetime]], Awaitable[None]]
    Read = Callable[[Collection[str]], Awaitable[Mapping[str, datetime]]]

log = get_logger(__name__)

# People whose last moment is in memory; the oldest are read from the database again.
KNOWN_MAX: Final = 50_000

# Moments are gathered this long, and stored so many at a time.
GATHER_S: Final = 5.0
BATCH_MAX: Final = 1_000

# At the end of the process what waits must be stored within this time.
LAST_SAVE_S: Final = 2.0


class LastSeen:
    """The last moments of the people of one process, to the minute.

    Bounded by ``KNOWN_MAX``, both what is known and what waits: the oldest go.
    """

    def __init__(self, read: Read, save: Save) -> None:
        self._read = read
        self._save = save
        self._known: dict[str, datetime] = {}
        self._waiting: dict[str, datetime] = {}
        self._arrival = trio.Event()

    def get(self, user_id: str) -> datetime | None:
        """Return what is known without asking the database."""
        return self._known.get(user_id)

    async def find(self, user_ids: Collection[str]) -> None:
        """Learn of these people what only the database knows.

        Raises:
            DatabaseUnavailable: it cannot be read at present.
        """
        unknown = [each for each in user_ids if each not in self._known]
        if unknown:
            for user_id, moment in (await self._read(unknown)).items():
                # Somebody may have left meanwhile.
                if user_id not in self._known:
                    self._put(self._known, user_id, to_minute(moment))

    def note(self, user_id: str, now: datetime) -> None:
        """Remember that somebody is here at this moment."""
        self._put(self._known, user_id, to_minute(now))

    def settle(self, user_id: str) -> None:
        """Store the moment that was noted: they are not here any more."""
        moment = self._known.get(user_id)
        if moment is not None:
            self._put(self._waiting, user_id, moment)
            self._arrival.set()

    async def run(self) -> None:
        """Store what has gathered, for ever."""
        while True:
            await self._arrival.wait()
            await trio.sleep(GATHER_S)
            self._arrival = trio.Event()
            await self.flush()
            if self._waiting:
                self._arrival.set()

    async def flush(self) -> None:
        """Store all that waits; what cannot be stored waits on."""
        while self._waiting:
            ids = list(self._waiting)[:BATCH_MAX]
            batch = {user_id: self._waiting[user_id] for user_id in ids}
            try:
                await self._save(batch)
            except BountyExpoError as error:
                log.warning("last moments not stored", count=len(batch), reason=error.message)
                return
            except Exception:
                # Nothing of this is worth the sockets of everybody.
                log.exception("last moments lost", count=len(batch))
            for user_id, moment in batch.items():
                if self._waiting.get(user_id) == moment:
                    del self._waiting[user_id]

    async def finish(self) -> None:
        """Store all that waits, once more, within a short time, even when cancelled."""
        with trio.move_on_after(LAST_SAVE_S, shield=True):
            await self.flush()

    def _put(self, moments: dict[str, datetime], user_id: str, moment: datetime) -> None:
        moments.pop(user_id, None)
        moments[user_id] = moment
        if len(moments) > KNOWN_MAX:
            del moments[next(iter(moments))]


def to_minute(moment: datetime) -> datetime:
    """Return the moment as far as others may know it."""
    return moment - timedelta(seconds=moment.second, microseconds=moment.microsecond)
