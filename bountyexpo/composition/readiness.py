"""Whether the service can take requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


class Readiness:
    """Not ready while it drains, and while there is no database."""

    def __init__(self, db: Pool) -> None:
        self._db = db
        self._is_draining = False

    def reason(self) -> str | None:
        """Return why the service cannot serve at present, or None; waits for nothing."""
        if self._is_draining:
            return "draining"
        return None if self._db.is_ready else "the database is not available"

    def start_draining(self) -> None:
        """From now on the service is not ready, whatever else is."""
        self._is_draining = True
