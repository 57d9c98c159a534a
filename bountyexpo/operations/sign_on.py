"""Sign-ons gathered: whoever waits while one statement runs is served by the next one together.

There is no task for it. The first who comes leads: it runs the statement for all who wait, hands
out the answers, and passes the lead to the first of those who came meanwhile. A leader that is
cancelled passes it on as well, and those it worked for are simply asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bountyexpo.persistence import sign_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.queries import Queries
    from bountyexpo.persistence.sign_on import Head, SignOn

# The client learns of one less at sign-on, and that there are more; the rest is in the REST list.
CONVERSATIONS_MAX = 501

# People of one statement: enough to make its price per head small, few enough to stay short.
BATCH_MAX = 128

# Statements at one time; the pool has others to serve.
LEADERS_MAX = 2


class _Waiter:
    """One who waits for an answer, or for the lead."""

    __slots__ = ("answer", "error", "heads", "is_answered", "is_gone", "streams", "turn", "user_id")

    def __init__(self, user_id: str, streams: Sequence[str]) -> None:
        self.user_id = user_id
        self.streams = streams
        self.turn = trio.Event()
        self.answer: SignOn | None = None
        self.heads: dict[str, Head] = {}
        self.error: Exception | None = None
        self.is_answered = False
        self.is_gone = False


class SignOns:
    """Answers sign-ons in batches; a lone one is served at once.

    Unbounded by itself: who waits here is a socket, and those are bounded by the edge.
    """

    def __init__(self, db: Queries) -> None:
        self._db = db
        self._waiting: dict[int, _Waiter] = {}
        self._leaders = 0

    async def read(
        self, user_id: str, streams: Sequence[str]
    ) -> tuple[SignOn | None, dict[str, Head]]:
        """Return the account, None when there is none, and the heads of ``streams``.

        Raises:
            DatabaseUnavailable: it cannot be read at present.
        """
        waiter = _Waiter(user_id, streams)
        self._waiting[id(waiter)] = waiter
        is_leader = self._leaders < LEADERS_MAX
        self._leaders += is_leader
        try:
            if not is_leader:
                await waiter.turn.wait()
            if not waiter.is_answered:
                is_leader = True
                await self._lead(waiter)
        finally:
            waiter.is_gone = True
            self._waiting.pop(id(waiter), None)
            # The lead may have come to somebody who was cancelled at the same moment.
            if is_leader or (waiter.turn.is_set() and not waiter.is_answered):
                self._pass_on()
        if waiter.error is not None:
            raise waiter.error
        return waiter.answer, waiter.heads

    async def _lead(self, leader: _Waiter) -> None:
        batch = [leader]
        batch += [each for each in self._waiting.values() if each is not leader][: BATCH_MAX - 1]
        # Somebody who was woken to lead and does not run yet leads a batch of his own.
        batch = [each for each in batch if each is leader or not each.turn.is_set()]
        for each in batch:
            self._waiting.pop(id(each), None)
        try:
            await self._answer(batch)
        finally:
            for each in batch:
                if each.is_answered:
                    each.turn.set()
                elif not each.is_gone and each is not leader:
                    self._waiting[id(each)] = each

    async def _answer(self, batch: list[_Waiter]) -> None:
        users = {each.user_id for each in batch}
        streams = list({name for each in batch for name in each.streams})
        error: Exception | None = None
        found: dict[str, SignOn] = {}
        heads: dict[str, Head] = {}
        try:
            found, heads = await sign_on.read(self._db, users, streams, CONVERSATIONS_MAX)
        except Exception as failure:  # noqa: BLE001 - each one who asked raises it
            error = failure
        for each in batch:
            each.answer = found.get(each.user_id)
            each.heads = {name: heads[name] for name in each.streams if name in heads}
            each.error = error
            each.is_answered = True

    def _pass_on(self) -> None:
        """Wake the next leader, or let the lead go."""
        for each in self._waiting.values():
            if not each.turn.is_set():
                each.turn.set()
                return
        self._leaders -= 1
