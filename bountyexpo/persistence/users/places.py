"""Where people have signed in before; a place is a digest, which tells nobody the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bountyexpo.persistence.queries import Queries

# Places kept of one person, and for how long after they were last there.
PLACES_MAX: Final = 20
PLACE_DAYS: Final = 90

_IS_KNOWN = "select 1 as found from sign_in_places where user_id = %s and place = %s"

# Once a day is enough to know that somebody still comes from there.
_NOTE = """
    insert into sign_in_places (user_id, place) values (%s, %s)
    on conflict (user_id, place) do update set seen_at = now()
        where sign_in_places.seen_at < now() - interval '1 day'
"""

_DROP_OLDEST = """
    delete from sign_in_places where user_id = %(user)s and place in (
        select place from sign_in_places where user_id = %(user)s
        order by seen_at desc, place offset %(most)s)
"""

_PRUNE = "delete from sign_in_places where seen_at < now() - make_interval(days => %s)"


async def is_known(db: Queries, user_id: str, place: str) -> bool:
    """Tell whether this person has signed in from there before."""
    return await db.fetch_one(_IS_KNOWN, (user_id, place)) is not None


async def note(db: Queries, user_id: str, place: str) -> None:
    """Remember that this person has signed in from there."""
    if await db.execute(_NOTE, (user_id, place)):
        await db.execute(_DROP_OLDEST, {"user": user_id, "most": PLACES_MAX})


async def prune(db: Queries) -> None:
    """Forget the places where nobody has been for long."""
    await db.execute(_PRUNE, (PLACE_DAYS,))
