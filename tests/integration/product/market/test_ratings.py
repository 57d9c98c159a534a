"""Ratings: both sides, both vocabularies, once and for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import refused

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

RATINGS = "/api/ratings"
NOBODY = "6f1c2c0e-8a4b-4f0e-9d57-3b2f6a1e7c99"


@pytest.fixture
def hunter(product: Product) -> Person:
    """A hunter whom nobody has rated."""
    return product.person("hunter")


def completed(product: Product, scene: Scene, hunter: Person) -> str:
    """A bounty for which the poster has approved the hunter's work."""
    bounty_id = scene.new_bounty(cents=100)
    request_id = scene.apply(bounty_id, by=hunter)["id"]
    assert product.post(f"/api/bounty-requests/{request_id}/accept", by=scene.poster).is_success
    body = {"bounty_id": bounty_id, "message": "It is done."}
    work = product.post("/api/completions", body, by=hunter).json()
    assert product.post(f"/api/completions/{work['id']}/approve", {}, by=scene.poster).is_success
    return bounty_id


def stats(product: Product, person: Person) -> dict[str, Any]:
    found: dict[str, Any] = product.get(f"{RATINGS}/stats/{person.id}").json()
    return found


def test_each_side_rates_the_other_in_its_own_words(
    product: Product, scene: Scene, hunter: Person
) -> None:
    bounty_id = completed(product, scene, hunter)
    by_poster = {
        "bounty_id": bounty_id,
        "from_user_id": scene.poster.id,
        "to_user_id": hunter.id,
        "rating": 4.5,
        "comment": "Quick and kind.",
    }
    by_hunter = {
        "bountyId": bounty_id,
        "rater_id": hunter.id,
        "user_id": scene.poster.id,
        "score": 3,
    }

    first = product.post(RATINGS, by_poster, by=scene.poster)
    second = product.post(RATINGS, by_hunter, by=hunter)

    assert (first.status_code, second.status_code) == (201, 201), second.text
    told = first.json()
    assert told.items() >= by_poster.items()
    assert (told["rater_id"], told["user_id"], told["bountyId"], told["score"]) == (
        scene.poster.id,
        hunter.id,
        bounty_id,
        4.5,
    )
    assert told["createdAt"] == told["created_at"]
    assert second.json().items() >= by_hunter.items()
    assert product.get(f"{RATINGS}?user_id={hunter.id}").json() == [told]
    assert product.get(f"{RATINGS}/user/{hunter.id}").json() == [told]
    assert stats(product, hunter) == {"averageRating": 4.5, "ratingCount": 1}


def test_a_rating_is_given_once_and_never_changed(
    product: Product, scene: Scene, hunter: Person
) -> None:
    body = {"bounty_id": completed(product, scene, hunter), "rating": 2, "comment": "Late."}
    first = product.post(RATINGS, body, by=scene.poster).json()

    with product.unchanged():
        again = product.post(RATINGS, body, by=scene.poster)
        better = product.post(RATINGS, body | {"rating": 5}, by=scene.poster)

    assert (again.status_code, again.json()) == (200, first)
    refusal = refused(better, 409, "ALREADY_RATED")
    assert "already" in refusal["message"]
    assert refusal["rating"] == first


def test_averages_are_those_of_all_ratings_and_lists_are_pages(
    product: Product, scene: Scene, hunter: Person
) -> None:
    for stars in (5, 4, 4):
        body = {"bounty_id": completed(product, scene, hunter), "rating": stars}
        assert product.post(RATINGS, body, by=scene.poster).status_code == 201

    listed = product.get(f"{RATINGS}?user_id={hunter.id}").json()
    pages = [
        product.get(f"{RATINGS}?user_id={hunter.id}&limit=2&offset={offset}").json()
        for offset in (0, 2, 4)
    ]

    assert stats(product, hunter) == {"averageRating": 4.33, "ratingCount": 3}
    assert [row["rating"] for row in listed] == [4, 4, 5]
    assert pages == [listed[:2], listed[2:], []]
    assert product.get(f"{RATINGS}?user_id={hunter.id}&limit=100000").json() == listed


def test_only_the_sides_of_a_completed_bounty_rate_and_only_each_other(
    product: Product, scene: Scene, hunter: Person
) -> None:
    bounty_id = completed(product, scene, hunter)
    wish = {"bounty_id": bounty_id, "rating": 1}

    with product.unchanged():
        refused(product.post(RATINGS, wish, by=scene.stranger), 403)
        for wrong in (scene.poster, scene.stranger):
            named = wish | {"to_user_id": wrong.id}
            refused(product.post(RATINGS, named, by=scene.poster), 400)
        forged = wish | {"from_user_id": scene.poster.id}
        refused(product.post(RATINGS, forged, by=hunter), 403)
        for stars in (0, 6, 3.33):
            refused(product.post(RATINGS, wish | {"rating": stars}, by=hunter), 400)
        refused(product.post(RATINGS, wish | {"bounty_id": new_id()}, by=hunter), 404)
        running = wish | {"bounty_id": scene.job.bounty_id}
        refused(product.post(RATINGS, running, by=scene.poster), 409)


def test_whether_one_has_rated_can_be_asked(product: Product, scene: Scene, hunter: Person) -> None:
    bounty_id = completed(product, scene, hunter)
    query = f"rater_id={scene.poster.id}&bounty_id={bounty_id}&user_id={hunter.id}"

    before = product.get(f"{RATINGS}/check?{query}", by=scene.poster).json()
    product.post(RATINGS, {"bounty_id": bounty_id, "rating": 5}, by=scene.poster)

    assert before == {"exists": False}
    assert product.get(f"{RATINGS}/check?{query}", by=scene.poster).json() == {"exists": True}
    nobody = query.replace(hunter.id, "somebody")
    assert product.get(f"{RATINGS}/check?{nobody}", by=scene.poster).json() == {"exists": False}


@pytest.mark.parametrize("user_id", ["somebody", NOBODY])
def test_nobody_has_no_ratings(product: Product, user_id: str) -> None:
    assert product.get(f"{RATINGS}?user_id={user_id}").json() == []
    nothing = {"averageRating": 0, "ratingCount": 0}
    assert product.get(f"{RATINGS}/stats/{user_id}").json() == nothing
