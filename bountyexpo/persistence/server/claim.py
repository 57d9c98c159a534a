"""One service on one database, until several know of each other.

Two processes over one database do not hear each other's events, and people would miss messages
without a word. So a service takes a lease of the database (a row, which also holds behind poolers)
and renews it. One that finds it taken watches whether it is renewed: then its holder lives, and the
start is refused, naming it. A dead holder's lease runs out, at once when it was of this host. Over
an embedded database whoever owns the data folder is the only one, and need not watch.

Whoever takes the database frees what the last holder had taken and not given back: leases of jobs,
effects and webhooks at work. Nobody else is alive to end them, and they need not run out by time.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Final

import psutil
import trio

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import inbox, leases, outbox
from bountyexpo.persistence.leases import LeaseLost
from bountyexpo.persistence.server.check import DatabaseRefused

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.persistence.queries import Queries

NAME: Final = "service"

# A holder that died on another host keeps a new start waiting so long.
LEASE_S: Final = 15.0
RENEW_S: Final = 4.0

# How often a lease that is taken is looked at.
LOOK_S: Final = 0.25

# Giving it back at the end is not interrupted, but it is bounded.
RELEASE_S: Final = 2.0

_READ = "select owner, epoch, expires_at from leases where name = %s"
_FREE = "update leases set expires_at = clock_timestamp() where name = %s and epoch = %s"
_OWNER = re.compile(r"process (\d+) on host (\S+),")

_log = get_logger(__name__)


class ServiceClaim:
    """The claim of this process on its database.

    ``owner`` is what others call the process; ``is_sole`` says that nobody else can be alive.
    """

    def __init__(self, owner: str, *, is_sole: bool = False) -> None:
        assert _OWNER.match(owner), owner
        self._owner = owner
        self._is_sole = is_sole
        self._epoch: int | None = None
        # The epoch in which what the last holder had left was freed.
        self._freed_in: int | None = None

    @property
    def term(self) -> str:
        """Of the claim: what is begun under it and not under the present one is left behind.

        Raises:
            DatabaseUnavailable: nothing was claimed yet.
        """
        if self._epoch is None:
            raise DatabaseUnavailable
        return leases.term(NAME, self._epoch)

    async def take(self, db: Queries) -> None:
        """Take the database, or make sure that it is still ours.

        Raises:
            DatabaseRefused: another process has it; the text names it.
        """
        if self._epoch is None:
            await self._win(db)
        else:
            await self._renew(db)
        if self._freed_in != self._epoch:
            await _free_what_was_left(db)
            self._freed_in = self._epoch

    async def run(
        self, db: Pool, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Keep the claim until cancelled; whoever loses it is refused the database."""
        task_status.started()
        try:
            while True:
                await db.wait_ready()
                try:
                    await self.take(db)
                except DatabaseUnavailable:
                    _log.warning("the claim on the database could not be renewed")
                except DatabaseRefused as error:
                    db.refuse(error)
                await trio.sleep(RENEW_S)
        finally:
            with trio.move_on_after(RELEASE_S, shield=True):
                await self._release(db)

    async def _win(self, db: Queries) -> None:
        seen = None
        while self._epoch is None:
            self._epoch = await leases.take(db, NAME, self._owner, LEASE_S)
            found = None if self._epoch else await db.fetch_one(_READ, (NAME,))
            if found is None:
                continue
            if self._is_sole or _has_died(found["owner"]):
                await db.execute(_FREE, (NAME, found["epoch"]))
            elif seen in {None, found["expires_at"]}:
                seen = found["expires_at"]
                await trio.sleep(LOOK_S)
            else:
                raise _in_use(found["owner"])

    async def _renew(self, db: Queries) -> None:
        assert self._epoch is not None
        try:
            await leases.renew(db, NAME, self._epoch, LEASE_S)
        except LeaseLost:
            found = await db.fetch_one(_READ, (NAME,))
            raise _in_use(found["owner"] if found else "another process") from None

    async def _release(self, db: Queries) -> None:
        epoch, self._epoch = self._epoch, None
        if epoch is None:
            return
        try:
            await leases.release(db, NAME, epoch)
        except DatabaseUnavailable:
            _log.info("the claim on the database will run out by itself")


async def _free_what_was_left(db: Queries) -> None:
    """Let the jobs, effects and webhooks of a process that is no more be taken up at once."""
    await leases.end_others(db, NAME)
    effects, webhooks = await outbox.free(db), await inbox.free(db)
    if effects or webhooks:
        _log.info("work was left behind, and is taken up", effects=effects, webhooks=webhooks)


def _in_use(owner: str) -> DatabaseRefused:
    return DatabaseRefused(
        f"the database is in use by {owner}. Stop it first, or choose another database:"
        " this version runs as one process"
    )


def _has_died(owner: str) -> bool:
    """Tell whether a holder was a process of this host that is no more."""
    found = _OWNER.match(owner)
    if found is None or found[2] != socket.gethostname():
        return False
    try:
        # Nobody has reaped a zombie yet; it serves nobody either.
        return psutil.Process(int(found[1])).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
