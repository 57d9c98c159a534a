"""Old clients hear of the presence of those they talk to, without asking for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from bountyexpo.errors import BountyExpoError
from bountyexpo.observability.logs import get_logger
from bountyexpo.ws.legacy.session import LegacySession
from bountyexpo.ws.session.feature import SessionFeature
from bountyexpo.ws.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bountyexpo.realtime.listener import Listener

log = get_logger(__name__)

# Partners of whose presence an old socket hears.
PARTNERS_MAX: Final = 200


class LegacyPartnersFeature(SessionFeature[Session]):
    """Watches the partners of each old session, as soon as they are read.

    Bounded by the old sessions that were opened and not yet looked at.
    """

    def __init__(self, watch: Callable[[Listener, Iterable[str]], None]) -> None:
        self._watch_people = watch
        self._opened: dict[LegacySession, None] = {}
        self._arrival = trio.Event()

    def opened(self, session: Session) -> None:
        """Have the partners of an old client read."""
        if isinstance(session, LegacySession):
            self._opened[session] = None
            self._arrival.set()

    def detached(self, session: Session) -> None:
        """Read nothing for a client that left."""
        if isinstance(session, LegacySession):
            self._opened.pop(session, None)

    async def run(self) -> None:
        """Read for all who come, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                while self._opened:
                    session, _ = self._opened.popitem()
                    nursery.start_soon(self._watch, session)
                self._arrival = trio.Event()
                await self._arrival.wait()

    async def _watch(self, session: LegacySession) -> None:
        # Presence is best effort: without a database there is none.
        try:
            found = await session.context.reader.partners(session.user_id, PARTNERS_MAX)
            if session.is_connected:
                session.shared = found
                self._watch_people(session, found)
        except BountyExpoError as error:
            log.warning("partners not watched", reason=error.message)
        except Exception:
            log.exception("partners not watched")
