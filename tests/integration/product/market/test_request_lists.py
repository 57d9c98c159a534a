"""Lists of applications over the wire: of whom, in which form, and how they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.product.market.offers import Offer
from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

PATH = "/api/bounty-requests"
NOBODY = "00000000-0000-4000-8000-000000000000"


class Crowd(Offer):
    """A bounty to which five people have applied, the hunter first."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene, cents=0)
        self.people = [self.hunter, *(self.product.person("hunter") for _ in range(4))]
        self.made = [self.apply(person) for person in self.people]


@pytest.fixture(scope="module")
def crowd(scene: Scene) -> Crowd:
    return Crowd(scene)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def listed(product: Product, query: str, by: Person) -> Any:
    response = product.get(f"{PATH}{query}", by=by)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("query", "is_array"),
    [
        ("", True),
        ("?status=pending", True),
        ("?bounty_id={bounty}", True),
        ("?hunter_id={hunter}", True),
        ("?page=1", False),
        ("?limit=3", False),
        ("?direction=received", False),
    ],
)
def test_a_list_is_an_array_until_a_page_is_asked_for(
    crowd: Crowd, query: str, *, is_array: bool
) -> None:
    query = query.format(bounty=crowd.id, hunter=crowd.hunter.id)

    found = listed(crowd.product, query, crowd.poster)
    old = crowd.product.get(f"/bounty-requests{query}", by=crowd.poster).json()

    assert isinstance(found, list) == is_array
    rows, old_rows = (found, old) if is_array else (found["requests"], old["data"])
    assert rows
    assert [row["bountyId"] for row in old_rows] == [row["bounty_id"] for row in rows]


def test_pages_by_number_and_by_cursor_hold_the_same(crowd: Crowd) -> None:
    everything = crowd.made[::-1]

    pages = [
        listed(crowd.product, f"?page={number}&limit=2", crowd.poster) for number in (1, 2, 3, 4)
    ]
    walked = [pages[0]]
    while cursor := walked[-1]["pagination"]["nextCursor"]:
        walked.append(listed(crowd.product, f"?limit=2&cursor={cursor}", crowd.poster))

    assert [ids(page["requests"]) for page in pages] == [
        everything[:2],
        everything[2:4],
        everything[4:],
        [],
    ]
    assert [row for page in walked for row in ids(page["data"])] == everything
    assert pages[1]["pagination"] | {"nextCursor": None} == {
        "page": 2,
        "limit": 2,
        "total": 5,
        "totalPages": 3,
        "hasMore": True,
        "nextCursor": None,
    }
    assert (pages[2]["hasMore"], pages[2]["count"], pages[2]["total"]) == (False, 1, 5)


def test_directions_part_what_was_sent_from_what_was_received(crowd: Crowd) -> None:
    def found(direction: str, by: Person) -> list[str]:
        return ids(listed(crowd.product, f"?direction={direction}", by)["requests"])

    assert found("received", crowd.poster) == crowd.made[::-1]
    assert found("sent", crowd.poster) == []
    assert found("sent", crowd.hunter) == crowd.made[:1]
    assert found("received", crowd.hunter) == []


def test_a_row_carries_the_bounty_and_how_the_hunter_is_rated(crowd: Crowd) -> None:
    crowd.product.rows(
        "insert into app.user_stats (user_id, rating_sum_tenths, rating_count)"
        " values (%s, 95, 2) returning 1",
        crowd.hunter.id,
    )

    [row] = listed(crowd.product, f"?user_id={crowd.hunter.id}", crowd.poster)
    read = listed(crowd.product, f"/{row['id']}", crowd.hunter)

    assert row == read
    assert row["bounty"] == row["bounties"]
    assert row["profile"] == row["profiles"]
    assert row["bounty"] == {name: crowd.posted[name] for name in row["bounty"]}
    assert {"id", "title", "amount", "location", "work_type", "deadline", "status"} < {
        *row["bounty"]
    }
    assert (row["profile"]["averageRating"], row["profile"]["ratingCount"]) == (4.75, 2)


def test_a_batch_is_of_these_bounties_only(crowd: Crowd) -> None:
    product = crowd.product

    def batch(by: Person, **body: Any) -> Any:
        response = product.post(f"{PATH}/batch", {"bounty_ids": [crowd.id]} | body, by=by)
        assert response.status_code == 200, response.text
        return ids(response.json())

    assert batch(crowd.poster) == crowd.made[::-1]
    assert batch(crowd.poster, page=2, page_size=2) == crowd.made[::-1][2:4]
    assert batch(crowd.poster, status="rejected,withdrawn") == []
    assert batch(crowd.poster, bounty_ids=[NOBODY, "7"]) == []
    assert batch(crowd.poster, bounty_ids=[]) == []
    assert batch(crowd.hunter) == crowd.made[:1]
    body = refused(product.post(f"{PATH}/batch", {}, by=crowd.poster), 400)
    assert body["message"] == "bounty_ids (array) is required"
    many = {"bounty_ids": [NOBODY] * 201}
    assert product.post(f"{PATH}/batch", many, by=crowd.poster).status_code == 400
    assert product.post(f"{PATH}/batch", {"bounty_ids": [crowd.id]}).status_code == 401


def test_somebodys_applications_are_theirs_and_the_posters_to_see(crowd: Crowd) -> None:
    path = f"/user/{crowd.hunter.id}"

    assert ids(listed(crowd.product, path, crowd.hunter)) == crowd.made[:1]
    assert ids(listed(crowd.product, path, crowd.poster)) == crowd.made[:1]
    assert listed(crowd.product, path, crowd.people[1]) == []
    assert listed(crowd.product, "/user/NaN", crowd.poster) == []
    assert crowd.product.get(f"{PATH}{path}").status_code == 401


@pytest.mark.parametrize("query", ["?bounty_id=7", "?hunter_id=NaN", f"?bountyId={NOBODY}"])
def test_what_names_nothing_finds_nothing(crowd: Crowd, query: str) -> None:
    assert listed(crowd.product, query, crowd.poster) == []
    page = listed(crowd.product, f"{query}&page=1", crowd.poster)
    assert (page["requests"], page["total"]) == ([], 0)


@pytest.mark.parametrize("query", ["?status=lost", "?direction=up", "?page=0", "?cursor=forged"])
def test_what_cannot_be_meant_is_refused(crowd: Crowd, query: str) -> None:
    refused(crowd.product.get(f"{PATH}{query}", by=crowd.poster), 400)


def test_limits_are_taken_for_the_nearest(crowd: Crowd) -> None:
    assert listed(crowd.product, "?limit=0", crowd.poster)["count"] == 1
    assert listed(crowd.product, "?limit=5000", crowd.poster)["pageSize"] == 200
