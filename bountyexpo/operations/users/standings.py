"""The standings of users, kept for as long as a change of them is heard of.

A call costs no query: the standing is kept, and dropped at once when a change is told, by an actor
of this process or by the database for everybody else's (``users.listening``). While this
process is deaf a copy is good for two seconds. What is read while a change comes in is read again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from bountyexpo.errors import Unavailable
from bountyexpo.observability import metrics
from bountyexpo.operations.batcher import Batcher
from bountyexpo.persistence.users import standing as store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bountyexpo.domain.users.standing import Standing
    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.users.standing import SignIn

# Users whose standing is kept, about 500 bytes each; the one read longest ago goes first.
USERS_MAX: Final = 50_000

# Sign-ins kept of one user; somebody with more of them is read again.
SIGN_INS_MAX: Final = 50

# How long a copy is good (contract operations §1.1), and while changes may be missed.
KEPT_S: Final = 60.0
KEPT_DEAF_S: Final = 2.0

# Changed users who wait to be looked after; beyond this everybody is.
CHANGED_MAX: Final = 10_000

# A standing that changes while it is read is read again this many times.
READS_MAX: Final = 3

_hits = metrics.CACHE_HITS.labels("accounts")
_misses = metrics.CACHE_MISSES.labels("accounts")


class _Kept(NamedTuple):
    standing: Standing
    read_at: float


class Standings:
    """The standings that this process keeps; implements ``persistence.users.listening.Hearer``.

    Bounded by ``USERS_MAX`` users with ``SIGN_INS_MAX`` sign-ins each.
    """

    def __init__(self, db: Queries, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, dict[str, _Kept]] = {}
        self._kept_s = KEPT_DEAF_S
        # Reads under way; one that is not there any more has been overtaken by a change.
        self._reading: dict[str, set[object]] = {}
        self._reads: Batcher[SignIn, Standing | None] = Batcher(partial(store.read_all, db))
        self._notes = Batcher(partial(store.note_all, db))
        self._changed: set[str] | None = set()
        self._change = trio.Event()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def is_hearing(self) -> bool:
        """Tell whether every change is heard of at once."""
        return self._kept_s == KEPT_S

    def kept(self, sign_in: SignIn) -> Standing | None:
        """Return the standing if a good copy is at hand."""
        user_id, session_id = sign_in
        found = self._kept.get(user_id, {}).get(session_id)
        if found is None or self._monotonic() - found.read_at >= self._kept_s:
            return None
        _hits.inc()
        return found.standing

    async def read(self, sign_in: SignIn) -> Standing | None:
        """Read the standing; None for a user who has no account.

        Raises:
            DatabaseUnavailable: it cannot be read at present.
        """
        _misses.inc()
        user_id, reading = sign_in[0], object()
        for _ in range(READS_MAX):
            self._reading.setdefault(user_id, set()).add(reading)
            try:
                read_at = self._monotonic()
                standing = await self._reads.ask(sign_in)
                if reading in self._reading.get(user_id, ()):
                    self._keep(sign_in, standing, read_at)
                    return standing
            finally:
                self._end_reading(user_id, reading)
        raise Unavailable

    async def note(self, sign_in: SignIn, standing: Standing) -> bool:
        """Note a sign-in that is new; False when it is to be judged again."""
        is_noted = await self._notes.ask((sign_in, standing.signed_out_at))
        # Either way the copy is not what is stored.
        self._kept.get(sign_in[0], {}).pop(sign_in[1], None)
        return is_noted

    # -- changes

    def changed(self, user_id: str) -> None:
        """Drop what is kept of a user, and let them be looked after."""
        self._kept.pop(user_id, None)
        self._reading.pop(user_id, None)
        if self._changed is not None:
            self._changed.add(user_id)
            if len(self._changed) > CHANGED_MAX:
                self._changed = None
        self._change.set()

    def heard(self, payload: str) -> None:
        """Learn that the database tells of a change."""
        self.changed(payload)

    def hears(self) -> None:
        """Trust copies from now on; those at hand may be old."""
        self._kept_s = KEPT_S
        self._forget_all()

    def is_deaf(self) -> None:
        """Trust copies for a moment only."""
        self._kept_s = KEPT_DEAF_S
        self._forget_all()

    async def wait_changed(self) -> Collection[str] | None:
        """Return the users who have changed since the last time, None for everybody."""
        await self._change.wait()
        self._change = trio.Event()
        changed, self._changed = self._changed, set()
        return changed

    # -- private parts

    def _forget_all(self) -> None:
        self._kept.clear()
        self._reading.clear()
        self._changed = None
        self._change.set()

    def _end_reading(self, user_id: str, reading: object) -> None:
        under_way = self._reading.get(user_id)
        if under_way is not None:
            under_way.discard(reading)
            if not under_way:
                del self._reading[user_id]

    def _keep(self, sign_in: SignIn, standing: Standing | None, read_at: float) -> None:
        if standing is None:
            return
        user_id, session_id = sign_in
        sign_ins = self._kept.pop(user_id, {})
        if len(sign_ins) >= SIGN_INS_MAX:
            sign_ins.clear()
        sign_ins[session_id] = _Kept(standing, read_at)
        # Put back at the end: the first is who was read longest ago.
        self._kept[user_id] = sign_ins
        if len(self._kept) > USERS_MAX:
            del self._kept[next(iter(self._kept))]
