"""Lists of applications, each with its bounty's main facts (contract rest-core §2.4, §4.6).

Only the poster and the applicant may see an application, and visibility comes before paging. Each
status of either side is a range of an index, of which no more is read than a page.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from bountyexpo.domain.market.application import Status
from bountyexpo.persistence.market.bounty_lists import COUNTED_MAX, OFFSET_MAX
from bountyexpo.persistence.market.requests import BESIDE, COLUMNS, Application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.persistence.queries import Queries

Direction = Literal["sent", "received"]

# Who the viewer is to an application that they have sent or received.
SIDES: Final[Mapping[Direction, str]] = {"sent": "r.hunter_id", "received": "r.poster_id"}

# What else may be asked for; only what is asked for stands in the statement, for each has a plan.
CONDITIONS: Final = {
    "bounty_ids": "r.bounty_id = any(%(bounty_ids)s::uuid[])",
    "hunter_id": "r.hunter_id = %(hunter_id)s::uuid",
    "before": "(r.created_at, r.id) < (%(before)s, %(before_id)s::uuid)",
}

ORDER: Final = "order by r.created_at desc, r.id desc"

OF_SIDE: Final = """
    select of.* from unnest(%(statuses)s::text[]) as asked(status) cross join lateral (
        select * from bounty_requests r where r.status = asked.status and {conditions}
        {order} limit %(reach)s) as of
"""

SUMMARY: Final = """
    b.title, b.amount_cents, b.location_text, b.work_type, b.deadline, b.is_for_honor,
    b.status as bounty_status
"""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The main facts of a bounty, as they stand beside an application."""

    id: str
    title: str
    amount_cents: int
    location_text: str | None
    work_type: str
    deadline: str | None
    is_for_honor: bool
    status: str


class ListedApplication(Application, frozen=True, kw_only=True):
    """An application with the bounty that it is about."""

    bounty: Summary


class Page(msgspec.Struct, kw_only=True):
    """Which applications to list; newest first, after the one that the cursor names."""

    bounty_ids: list[str] | None = None
    hunter_id: str | None = None
    statuses: list[str] = msgspec.field(default_factory=lambda: [each.value for each in Status])
    direction: Direction | None = None
    before: datetime | None = None
    before_id: str | None = None
    limit: int = 100
    offset: int = 0


async def page(db: Queries, viewer: str, wanted: Page) -> list[ListedApplication]:
    """Return a page of the applications that ``viewer`` made or received."""
    if wanted.offset >= OFFSET_MAX:
        return []
    statement = f"""
        select {COLUMNS}, {SUMMARY} from ({_visible(wanted)}) r
        join bounties b on b.id = r.bounty_id {BESIDE} {ORDER}
    """
    return [_listed(row) for row in await db.fetch(statement, _values(viewer, wanted))]


async def count(db: Queries, viewer: str, wanted: Page) -> int:
    """Return how many there are, at most ``COUNTED_MAX``; the place of the page says nothing."""
    whole = msgspec.structs.replace(wanted, before=None, offset=0, limit=COUNTED_MAX)
    statement = f"select count(*) as total from ({_visible(whole)}) counted"
    row = await db.fetch_one(statement, _values(viewer, whole))
    assert row is not None
    return int(row["total"])


def _visible(wanted: Page) -> str:
    asked = [text for name, text in CONDITIONS.items() if getattr(wanted, name) is not None]
    sides = [SIDES[wanted.direction]] if wanted.direction else SIDES.values()
    walks = [
        OF_SIDE.format(conditions=" and ".join((f"{side} = %(viewer)s::uuid", *asked)), order=ORDER)
        for side in sides
    ]
    return f"""
        select * from ({" union all ".join(walks)}) r {ORDER} limit %(limit)s offset %(offset)s
    """


def _values(viewer: str, wanted: Page) -> dict[str, Any]:
    said = msgspec.structs.asdict(wanted)
    return said | {"viewer": viewer, "reach": wanted.offset + wanted.limit}


def _listed(row: dict[str, Any]) -> ListedApplication:
    facts = {
        name: row.pop(name) for name in Summary.__struct_fields__ if name not in {"id", "status"}
    }
    bounty = Summary(id=row["bounty_id"], status=row.pop("bounty_status"), **facts)
    return ListedApplication(**row, bounty=bounty)
