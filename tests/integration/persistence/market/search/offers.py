"""A market to search in: a few posters, what they offer, and questions in short form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import Status
from bountyexpo.domain.market.search.filters import Filters
from bountyexpo.domain.policy import Policy
from bountyexpo.domain.search.questions import terms_of
from bountyexpo.persistence.market import bounty_writes
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.persistence.market.bounty_writes import NewBounty
from bountyexpo.persistence.market.search import finding
from bountyexpo.persistence.market.search.finding import Found, Search

if TYPE_CHECKING:
    from datetime import timedelta

    from bountyexpo.persistence.pool import Pool

LONG = "Somebody with time and care is wanted for this."


async def person(db: Pool) -> str:
    user_id = new_id()
    await db.execute("insert into users (id, username) values (%s, %s)", (user_id, user_id[:20]))
    await db.execute("insert into user_profiles (user_id) values (%s)", (user_id,))
    return user_id


class Offers:
    """Bounties by one poster unless another is named, and what is found of them."""

    def __init__(self, db: Pool) -> None:
        self.db = db
        self.poster = ""
        self.titles: dict[str, str] = {}

    async def begin(self) -> Offers:
        self.poster = await person(self.db)
        return self

    async def offer(
        self, title: str, *, by: str = "", age: timedelta | None = None, **terms: Any
    ) -> str:
        """Post a bounty; return its id."""
        bounty_id = new_id()
        whole = {"description": LONG, "amount_cents": 0} | terms
        wanted = Terms(title=title, is_for_honor=not whole["amount_cents"], **whole)
        new = NewBounty(
            terms=wanted,
            funding=Policy().terms(),
            status=Status.OPEN,
            posted_at=datetime.now(UTC),
        )
        async with self.db.transaction() as tx:
            await bounty_writes.insert(tx, bounty_id, by or self.poster, new)
        if age is not None:
            older = "update bounties set created_at = created_at - %s where id = %s"
            await self.db.execute(older, (age, bounty_id))
        self.titles[bounty_id] = title
        return bounty_id

    async def search(self, query: str = "", **wanted: Any) -> Found:
        """Return what is found by words, fields of the filters, and of the search."""
        of_search = {
            name: wanted.pop(name)
            for name in ("near", "sort", "limit", "offset", "until")
            if name in wanted
        }
        viewer_id = wanted.pop("viewer_id", None)
        terms = terms_of(query) if query else ()
        return await finding.search(
            self.db,
            Search(
                filters=Filters(terms=terms, has_query=bool(query), **wanted),
                viewer_id=viewer_id,
                now=datetime.now(UTC),
                **of_search,
            ),
        )

    async def found(self, query: str = "", **wanted: Any) -> list[str]:
        """Return the titles of what is found, in its order."""
        page = await self.search(query, **wanted)
        return [bounty.title for bounty in page.bounties]
