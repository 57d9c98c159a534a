"""The database of the service, embedded or not, and the one writer of chat messages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.composition.branch import branch
from bountyexpo.composition.process_name import process_name
from bountyexpo.domain.ids import new_id
from bountyexpo.persistence.after_commit import AfterCommit, Bell
from bountyexpo.persistence.chat.journal import Journal
from bountyexpo.persistence.pool import Pool
from bountyexpo.persistence.server.claim import ServiceClaim
from bountyexpo.persistence.server.preparation import Preparation
from bountyexpo.persistence.users.listening import Listening
from bountyexpo.sandbox.postgres import EmbeddedPostgres
from bountyexpo.supervisors import ChildSpec, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bountyexpo.persistence.streams import StreamEvent
    from bountyexpo.persistence.users.listening import Hearer
    from bountyexpo.settings import Settings

# The embedded server writes a checkpoint before it ends.
POSTGRES_SHUTDOWN_S = 15.0


class Storage:
    """The pool and the journal; ``publish`` hears what they commit, ``effects_left`` rings."""

    def __init__(
        self, settings: Settings, publish: Callable[[Sequence[StreamEvent]], None]
    ) -> None:
        self._embedded = (
            EmbeddedPostgres(settings.data_dir / "postgres")
            if settings.uses_embedded_database
            else None
        )
        self.effects_left = Bell()
        self._dsn = self._embedded.dsn if self._embedded else (settings.database_url or "")
        self.claim = ServiceClaim(
            process_name(settings.port), is_sole=settings.uses_embedded_database
        )
        self.db = Pool(
            self._dsn,
            AfterCommit(publish, self.effects_left.ring),
            size_min=settings.db_pool_min,
            size_max=settings.db_pool_max,
            prepare=Preparation(self.claim),
        )
        self.journal = Journal(self.db, publish)

    def listening(self, channel: str, hearer: Hearer) -> Listening:
        """Return what hears of the changes that any process commits."""
        return Listening(self._dsn, self.db, channel, new_id(), hearer)

    def branch(self) -> ChildSpec:
        """Return the spec of this part of the tree."""
        children = [
            ChildSpec(id="pool", start=self.db.run),
            ChildSpec(id="journal", start=self.journal.run),
            ChildSpec(id="claim", start=partial(self.claim.run, self.db)),
        ]
        if self._embedded is not None:
            server = ChildSpec(
                id="postgres", start=self._embedded.run, shutdown_s=POSTGRES_SHUTDOWN_S
            )
            children.insert(0, server)
        return branch("persistence", children, strategy=Strategy.ONE_FOR_ALL)
