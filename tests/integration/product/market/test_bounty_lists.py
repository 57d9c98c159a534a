"""Lists of bounties over the wire: in which form they come, how they go on, and whom they show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.product.market.offers import Offer
from tests.integration.product.product import Person, refused
from tests.integration.product.scene import wish

if TYPE_CHECKING:
    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

PATH = "/api/bounties"
NOBODY = "00000000-0000-4000-8000-000000000000"
SORTS = ("created_at", "amount", "due_date")
ENVELOPE = {"bounties", "data", "pagination", "meta", "count", "total", "page", "pageSize"}


@pytest.fixture(scope="module")
def poster(product: Product) -> Person:
    """Somebody with seven bounties for honour; of them three have one end, and two no other."""
    poster = product.person("poster")
    for number in range(7):
        ends = {"end_date": f"2036-01-0{1 + number // 3}T12:00:00Z"} if number < 5 else {}
        body = wish(amount=0, is_for_honor=True, location=f"Quay {number}, Rotterdam", **ends)
        body |= {"category": "labor" if number % 2 else "tech", "skills_required": ["Go", "Rust"]}
        assert product.post(PATH, body, by=poster).status_code == 201
    return poster


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def listed(product: Product, query: str, by: Person | None = None) -> Any:
    response = product.get(f"{PATH}?{query}", by=by)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("query", "is_array"),
    [
        ("", False),
        ("status=open", False),
        ("offset=0", True),
        ("poster_id={poster}", True),
        ("creator_id={poster}", True),
        ("work_type=online", True),
        ("workType=online", True),
        ("userId={poster}", False),
        ("userId={poster}&work_type=online", False),
        ("poster_id={poster}&page=1", False),
        ("offset=0&page=1", False),
        ("work_type=online&cursor_id={row}&cursor_created_at=2036-01-01", False),
        ("format=array", True),
        ("format=array&page=1", True),
        ("poster_id={poster}&format=page", False),
    ],
)
def test_a_list_is_an_array_for_old_forms_only(
    product: Product, poster: Person, query: str, *, is_array: bool
) -> None:
    query = query.format(poster=poster.id, row=NOBODY)

    found = listed(product, query)
    old = product.get(f"/bounties?{query}").json()

    assert isinstance(found, list) == is_array
    # On the old path nobody wants one.
    assert old["bounties"]
    assert is_array or ("data" in found) == ("page=" not in query)
    assert is_array or ENVELOPE - {"data"} <= found.keys()


def test_an_array_holds_what_old_clients_skip_themselves(product: Product, poster: Person) -> None:
    everything = ids(listed(product, f"poster_id={poster.id}"))

    found = ids(listed(product, f"poster_id={poster.id}&limit=2&offset=3"))
    page = listed(product, f"poster_id={poster.id}&limit=2&offset=3&format=page")

    assert len(everything) == 7
    assert found == everything[:5]
    assert ids(page["bounties"]) == everything[3:5]


def test_a_page_tells_where_it_stands(product: Product, poster: Person) -> None:
    page = listed(product, f"userId={poster.id}&page=2&limit=3")

    assert page["pagination"] | {"nextCursor": ""} == {
        "page": 2,
        "limit": 3,
        "total": 7,
        "totalPages": 3,
        "hasMore": True,
        "nextCursor": "",
    }
    assert (page["count"], page["total"], page["page"], page["pageSize"]) == (3, 7, 2, 3)
    assert (page["meta"], page["hasMore"]) == ({"limit": 3, "count": 3}, True)
    last = listed(product, f"userId={poster.id}&page=3&limit=3")
    assert (last["count"], last["hasMore"], last["pagination"]["nextCursor"]) == (1, False, None)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
def test_both_cursors_go_on_in_every_order(
    product: Product, poster: Person, sort: str, order: str
) -> None:
    query = f"userId={poster.id}&sortBy={sort}&sortOrder={order}"
    everything = ids(listed(product, query)["bounties"])
    query += "&limit=2"
    opaque, legacy = [listed(product, query)], [listed(product, query)]

    while cursor := opaque[-1]["pagination"]["nextCursor"]:
        opaque.append(listed(product, f"{query}&cursor={cursor}"))
        last = legacy[-1]["bounties"][-1]
        at, row_id = last["created_at"], last["id"]
        legacy.append(listed(product, f"{query}&cursor_created_at={at}&cursor_id={row_id}"))

    assert len(everything) == 7
    for pages in (opaque, legacy):
        assert [row for page in pages for row in ids(page["bounties"])] == everything


def test_the_orders_of_the_app_are_those_of_the_others(product: Product, poster: Person) -> None:
    def order(query: str) -> list[str]:
        return ids(listed(product, f"userId={poster.id}&{query}")["bounties"])

    assert order("sortBy=date_asc") == order("sortBy=created_at&sortOrder=asc")
    assert order("sortBy=date_asc") == order("sortBy=date_desc")[::-1]
    assert order("sortBy=amount_asc") == order("sortBy=amount_desc")[::-1]
    assert order("sortBy=distance_asc") == order("")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("cursor={newest}&sortBy=amount", "cursor"),
        ("cursor={newest}&sortOrder=asc", "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor_id={row}", "cursor_created_at"),
        ("cursor_created_at=2036-01-01T00:00:00Z", "cursor_id"),
        ("cursor_id=7&cursor_created_at=2036-01-01T00:00:00Z", "cursor_id"),
        ("cursor_id={nobody}&cursor_created_at=2036-01-01T00:00:00Z&sortBy=amount", "cursor_id"),
        ("sortBy=date_asc&sortOrder=desc", "sortOrder"),
        ("sortBy=luck", "sortBy"),
        ("category=luck", "category"),
        ("work_type=luck", "work_type"),
        ("status=open,luck", "status"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    product: Product, poster: Person, query: str, path: str
) -> None:
    first = listed(product, f"userId={poster.id}&limit=1")
    cursor, row = first["pagination"]["nextCursor"], first["bounties"][0]["id"]

    query = query.format(newest=cursor, row=row, nobody=NOBODY)
    body = refused(product.get(f"{PATH}?userId={poster.id}&{query}"), 400)

    assert [issue["path"] for issue in body["issues"]] == [path]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("category=labor", 3),
        ("location=quay%204", 1),
        ("location=%25", 0),
        ("search=heavy%20sofa", 7),
        ("q=grand%20piano", 0),
        ("skills=rust,juggling", 7),
        ("skills=juggling", 0),
        ("isForHonor=false", 0),
        ("is_for_honor=true&maxAmount=0", 7),
        ("min_amount=0.01", 0),
        ("status=open,%20archived", 7),
        ("status=cancelled", 0),
        ("limit=0", 1),
        ("limit=100000", 7),
    ],
)
def test_each_filter_is_heeded(product: Product, poster: Person, query: str, count: int) -> None:
    assert listed(product, f"userId={poster.id}&{query}")["count"] == count


@pytest.mark.parametrize("name", ["poster_id", "userId", "accepted_by", "hunter_id"])
@pytest.mark.parametrize("user_id", ["7", "NaN", NOBODY])
def test_what_names_nobody_finds_nothing(product: Product, name: str, user_id: str) -> None:
    page = listed(product, f"{name}={user_id}&format=page")

    assert (page["bounties"], page["total"], page["hasMore"]) == ([], 0, False)


def test_a_token_that_is_over_is_told_so(product: Product, poster: Person) -> None:
    old = Person(poster.id, poster.email, product.token(poster.id, exp=int(time.time()) - 60))

    refused(product.get(PATH, by=old), 401)
    refused(product.get(f"{PATH}/{NOBODY}", by=old), 401)


def test_own_lists_hold_the_history_and_strangers_see_no_deleted_one(scene: Scene) -> None:
    offer, product = Offer(scene, cents=0), scene.product
    for _ in range(3):
        other = Offer(scene, cents=0)
        move = "update app.bounties set poster_id = %s where id = %s returning id"
        product.rows(move, offer.poster.id, other.id)
    mine = ids(listed(product, f"poster_id={offer.poster.id}"))
    gone, archived, cancelled, _ = mine
    for bounty_id, status in ((gone, "deleted"), (archived, "archived"), (cancelled, "cancelled")):
        product.rows(
            "update app.bounties set status = %s where id = %s returning id", status, bounty_id
        )

    def found(query: str, by: Person | None = None) -> list[str]:
        return ids(listed(product, f"poster_id={offer.poster.id}{query}", by))

    assert found("", offer.poster) == [row for row in mine if row != archived]
    assert found("&status=all", offer.poster) == mine
    assert found("&status=archived", offer.poster) == [archived]
    assert found("") == mine[3:]
    assert found("&status=all", offer.hunter) == mine[1:]
    assert found("&status=deleted") == []
    refused(product.get(f"{PATH}/{gone}", by=offer.hunter), 404)
    assert product.get(f"{PATH}/{gone}", by=offer.poster).json()["status"] == "deleted"


def test_what_is_hidden_stays_out_of_own_lists(scene: Scene) -> None:
    offer = Offer(scene, cents=0)
    offer.begin()
    offer.finish()
    query = f"accepted_by={offer.hunter.id}"
    assert ids(listed(scene.product, query, offer.hunter)["bounties"]) == [offer.id]

    assert offer.ask("POST", "/hide", by=offer.hunter).status_code == 200

    assert listed(scene.product, query, offer.hunter)["bounties"] == []
    theirs = listed(scene.product, f"poster_id={offer.poster.id}", offer.poster)
    assert ids(theirs) == [offer.id]


def test_blocked_pairs_and_the_offers_of_who_is_gone_are_not_shown(scene: Scene) -> None:
    offer, product = Offer(scene, cents=0), scene.product
    query = f"poster_id={offer.poster.id}"
    assert ids(listed(product, query, offer.hunter)) == [offer.id]

    block = "insert into app.user_blocks (blocker_id, blocked_id) values (%s, %s) returning 1"
    product.rows(block, offer.hunter.id, offer.poster.id)
    assert listed(product, query, offer.hunter) == []
    product.rows("delete from app.user_blocks where blocker_id = %s returning 1", offer.hunter.id)
    product.rows(block, offer.poster.id, offer.hunter.id)
    assert listed(product, query, offer.hunter) == []
    assert ids(listed(product, query)) == [offer.id]

    gone = "update app.users set account_status = 'suspended' where id = %s returning id"
    product.rows(gone, offer.poster.id)
    assert listed(product, query) == []


def test_only_the_two_sides_see_the_payment(scene: Scene) -> None:
    offer, product = Offer(scene, title="Gild the orangery"), scene.product
    card = "update app.escrows set source = 'card', intent_id = %s where bounty_id = %s returning 1"
    product.rows(card, f"pi_{offer.id}", offer.id)
    product.rows(
        "insert into app.user_stats (user_id, rating_sum_tenths, rating_count)"
        " values (%s, 45, 1) returning 1",
        offer.poster.id,
    )

    def seen(by: Person | None) -> tuple[Any, Any]:
        read = product.get(f"{PATH}/{offer.id}", by=by).json()
        [row] = listed(product, f"poster_id={offer.poster.id}", by)
        assert row == read
        [found] = product.get(f"{PATH}/search?keywords=orangery", by=by).json()["results"]
        assert found | {"distance": None} == read | {"distance": None}
        trending = product.get(f"{PATH}/trending?limit=100", by=by).json()["bounties"]
        [hot] = [each for each in trending if each["id"] == offer.id]
        assert hot == read | {"trendingScore": hot["trendingScore"]}
        assert (read["averageRating"], read["ratingCount"]) == (4.5, 1)
        assert (read["skills"], read["skills_required"]) == ([], "")
        return read["payment_intent_id"], read["payment_architecture_version"]

    assert seen(offer.poster) == (f"pi_{offer.id}", 2)
    assert seen(offer.hunter) == seen(None) == (None, 2)
