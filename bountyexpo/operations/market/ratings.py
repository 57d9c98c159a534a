"""Ratings between the two sides of a completed bounty (contract rest-core §2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from bountyexpo.actors.market.bounty_messages import Said, TakeStep
from bountyexpo.domain import limits
from bountyexpo.domain.field_types import Id, Moment, Stars, clamped, text
from bountyexpo.domain.ids import is_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event
from bountyexpo.errors import Conflict, InvalidRequest, NotAllowed
from bountyexpo.operations.catalogue import READ, WRITE, operation
from bountyexpo.operations.require import parse_id, require
from bountyexpo.persistence.market import bounties, ratings
from bountyexpo.persistence.users import user_stats

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.ratings import Rating

PAGE_LIMIT_MAX = 100


class NewRating(msgspec.Struct, kw_only=True):
    """What the caller thinks of the other side of a bounty; the two can be named, but not chosen.

    ``rating`` is from 1 to 5, with at most one decimal.
    """

    bounty_id: Id
    rating: Stars
    comment: Annotated[str, text(0, limits.COMMENT_CHARS_MAX)] | None = None
    from_user_id: Id | None = None
    to_user_id: Id | None = None


class ListRatings(msgspec.Struct, kw_only=True):
    """Whose ratings to list; newest first."""

    user_id: Id
    limit: Annotated[int, clamped(1, PAGE_LIMIT_MAX)] = 20
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0


class CheckRating(msgspec.Struct, kw_only=True):
    """Who may have rated whom, and for which bounty."""

    rater_id: Id
    bounty_id: Id
    user_id: Id


class RatedUser(msgspec.Struct, kw_only=True):
    """Whose ratings are counted."""

    user_id: Id


class RatingView(msgspec.Struct, kw_only=True):
    """A rating, with every name that clients read it by."""

    id: str
    bounty_id: str
    bountyId: str
    from_user_id: str
    rater_id: str
    to_user_id: str
    user_id: str
    rating: float
    score: float
    comment: str | None
    created_at: Moment
    createdAt: Moment


class RatingExists(msgspec.Struct, kw_only=True):
    """Whether there is such a rating."""

    exists: bool


class RatingStats(msgspec.Struct, kw_only=True):
    """How somebody is rated on average, and how often; zeros where nobody has."""

    averageRating: float
    ratingCount: int


@operation(
    "rating.create",
    http="POST /api/ratings",
    rate=WRITE,
    status=201,
    repeat_status=200,
    aliased_fields={
        "bountyId": "bounty_id",
        "score": "rating",
        "rater_id": "from_user_id",
        "raterId": "from_user_id",
        "user_id": "to_user_id",
        "userId": "to_user_id",
    },
)
async def create_rating(call: Call, request: NewRating) -> RatingView:
    """Rate the other side of a completed bounty, once and for good.

    The same rating again is answered with 200. Another one is refused with 409 and carries the
    first as ``rating``.
    """
    bounty_id = parse_id(request.bounty_id, "bounty")
    tenths = limits.rating_tenths(request.rating)
    comment = limits.optional_text(request.comment, "comment", limits.COMMENT_CHARS_MAX)
    db = call.services.db
    _check_sides(call, request, require(await bounties.get(db, bounty_id), "bounty"))
    said = Said(rating_tenths=tenths, comment=comment)
    taken = await call.services.actors.bounty(bounty_id).ask(
        TakeStep(event=Event.RATE, actor_id=call.user_id, said=said)
    )
    found = require(await ratings.of_rater(db, bounty_id, call.user_id), "rating")
    if taken.is_move or call.is_repeat:
        return rating_view(found)
    if (found.rating_tenths, found.comment) != (tenths, comment):
        view = rating_view(found)
        raise Conflict("You have already rated this bounty.", code="ALREADY_RATED", rating=view)
    call.reply_status = 200
    return rating_view(found)


@operation(
    "rating.list",
    http="GET /api/ratings",
    rate=READ,
    aliases=("GET /api/ratings/user/{user_id}",),
    aliased_fields={"to_user_id": "user_id", "userId": "user_id"},
)
async def list_ratings(call: Call, request: ListRatings) -> list[RatingView]:
    """List the ratings that somebody has got, newest first."""
    if not is_id(request.user_id):
        return []
    limit = max(1, min(request.limit, PAGE_LIMIT_MAX))
    rows = await ratings.of_user(call.services.db, request.user_id, limit, request.offset)
    return [rating_view(row) for row in rows]


@operation(
    "rating.check",
    http="GET /api/ratings/check",
    rate=READ,
    aliased_fields={"from_user_id": "rater_id", "bountyId": "bounty_id", "to_user_id": "user_id"},
)
async def check_rating(call: Call, request: CheckRating) -> RatingExists:
    """Tell whether somebody has rated somebody for a bounty."""
    named = (request.rater_id, request.bounty_id, request.user_id)
    if not all(is_id(each) for each in named):
        return RatingExists(exists=False)
    found = await ratings.of_rater(call.services.db, request.bounty_id, request.rater_id)
    is_same = found is not None and found.to_user_id == request.user_id.lower()
    return RatingExists(exists=is_same)


@operation("rating.stats", http="GET /api/ratings/stats/{user_id}", rate=READ)
async def rating_stats(call: Call, request: RatedUser) -> RatingStats:
    """Tell how somebody is rated on average."""
    if not is_id(request.user_id):
        return RatingStats(averageRating=0, ratingCount=0)
    found = await user_stats.rated(call.services.db, request.user_id)
    return RatingStats(averageRating=found.average, ratingCount=found.count)


def _check_sides(call: Call, request: NewRating, bounty: Bounty) -> None:
    """Refuse a rating in another's name, or of anybody but the other side."""
    if request.from_user_id is not None and request.from_user_id.lower() != call.user_id:
        raise NotAllowed("You can only rate in your own name.")
    role = bounty.parties.role_of(call.user_id)
    if request.to_user_id is None or role is Role.OTHER:
        # Whoever is no side is refused by the rules.
        return
    other = bounty.hunter_id if role is Role.POSTER else bounty.poster_id
    if request.to_user_id.lower() != other:
        message = "You can only rate the other side of this bounty."
        raise InvalidRequest(message, issues=[{"path": "to_user_id", "message": message}])


def rating_view(row: Rating) -> RatingView:
    """Return the wire shape of a rating."""
    stars = row.rating_tenths / 10
    return RatingView(
        id=row.id,
        bounty_id=row.bounty_id,
        bountyId=row.bounty_id,
        from_user_id=row.from_user_id,
        rater_id=row.from_user_id,
        to_user_id=row.to_user_id,
        user_id=row.to_user_id,
        rating=stars,
        score=stars,
        comment=row.comment,
        created_at=row.created_at,
        createdAt=row.created_at,
    )
