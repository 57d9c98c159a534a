"""Parts with people who may no longer be here: a change of standing ends their open sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import trio

from bountyexpo.errors import AccountClosed, SessionRevoked, Unavailable
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bountyexpo.domain.identity import Identity
    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.listener import Listener

# How often everybody is looked at while changes may be missed.
SWEEP_S: Final = 5.0

# How soon somebody is looked at again who could not be judged.
AGAIN_S: Final = 1.0

# Sessions that are judged at one time.
AT_ONCE: Final = 64

log = get_logger(__name__)


class Changes(Protocol):
    """Who has changed."""

    @property
    def is_hearing(self) -> bool:
        """Tell whether every change is heard of at once."""

    async def wait_changed(self) -> Collection[str] | None:
        """Return the users who have changed since the last time, None for everybody."""


class Judge(Protocol):
    """Tells whether somebody may still be here."""

    async def admit(self, identity: Identity) -> Identity:
        """Return them, or raise ``AccountClosed`` or ``SessionRevoked``."""


class StandingWatch:
    """Looks after the live sessions of users whose standing has changed.

    Bounded: it keeps the ids of live users only.
    """

    def __init__(self, hub: Hub, changes: Changes, judge: Judge) -> None:
        self._hub = hub
        self._changes = changes
        self._judge = judge
        self._left: set[str] = set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled."""
        task_status.started()
        while True:
            wait_s = AGAIN_S if self._left else SWEEP_S
            changed: Collection[str] | None = ()
            with trio.move_on_after(wait_s) as patience:
                changed = await self._changes.wait_changed()
            is_sweep = patience.cancelled_caught and not self._changes.is_hearing
            if changed is None or is_sweep:
                self._left = set(self._hub.users)
            else:
                self._left.update(user_id for user_id in changed if user_id in self._hub.users)
            await self._look_after(self._take())

    def _take(self) -> list[Listener]:
        taken, self._left = self._left, set()
        return [each for user_id in taken for each in self._hub.users.get(user_id, ())]

    async def _look_after(self, listeners: Iterable[Listener]) -> None:
        bound = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                await bound.acquire_on_behalf_of(listener)
                nursery.start_soon(self._judge_one, listener, bound)

    async def _judge_one(self, listener: Listener, bound: trio.CapacityLimiter) -> None:
        try:
            await self._judge.admit(listener.identity)
        except AccountClosed as refusal:
            listener.disconnect(refusal.close_code, "account closed")
        except SessionRevoked as refusal:
            listener.disconnect(refusal.close_code, "signed out")
        except Unavailable:
            self._left.add(listener.user_id)
        except Exception:
            log.exception("standing not judged", user_id=listener.user_id)
        finally:
            bound.release_on_behalf_of(listener)
