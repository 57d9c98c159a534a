"""The administrator of a machine that runs on emulators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.errors import DatabaseUnavailable
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

OPERATOR_ID: Final = "00000000-0000-4000-8000-00000000ad01"

# Claims alone make no administrator: the account must be one as well.
_MAKE = """
    with account as (
        insert into users (id, username, role) values (%s, 'bountyexpo_operator', 'admin')
        on conflict do nothing returning id
    )
    insert into user_profiles (user_id) select id from account
"""

_log = get_logger(__name__)


async def make_operator(db: Pool) -> None:
    """Make the account in whose name commands on this machine ask the server."""
    is_made = False
    while not is_made:
        await db.wait_ready()
        try:
            await db.execute(_MAKE, (OPERATOR_ID,))
            is_made = True
        except DatabaseUnavailable:
            _log.info("the operator's account waits for the database")
