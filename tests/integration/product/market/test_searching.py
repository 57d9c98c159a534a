"""Searching as clients ask for it: names, forms and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.product.market.offers import Offer
from tests.integration.product.product import refused
from tests.integration.product.wire import Wire

if TYPE_CHECKING:
    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

PATH = "/api/bounties/search"
FIELDS = ["keywords", "search", "location", "skills"]


@pytest.fixture(scope="module")
def offers(scene: Scene) -> list[Offer]:
    """Two bounties with a word that no other has."""
    return [
        Offer(scene, cents=0, title=f"Tune the harpsichord {n}", latitude=48.2, longitude=16.4 + n)
        for n in range(2)
    ]


def found(product: Product, query: str, path: str = PATH) -> Any:
    response = product.get(f"{path}?{query}")
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("path", [PATH, "/search/bounties", f"/functions/v1{PATH}"])
@pytest.mark.parametrize("name", ["keywords", "q"])
def test_every_name_finds_the_same(
    product: Product, offers: list[Offer], path: str, name: str
) -> None:
    page = found(product, f"{name}=harpsicord", path)

    assert page["results"] == page["bounties"]
    assert {row["id"] for row in page["results"]} == {offer.id for offer in offers}
    assert (page["total"], page["page"], page["hasMore"], page["nextCursor"]) == (2, 1, False, None)


def test_an_old_client_gets_a_bare_array(product: Product, offers: list[Offer]) -> None:
    rows = found(product, "search=harpsichord&sortBy=date_asc&isForHonor=true&workType=online")

    assert [row["id"] for row in rows] == [offer.id for offer in offers]


def test_a_cursor_goes_on_where_the_page_ended(product: Product, offers: list[Offer]) -> None:
    first = found(product, "keywords=harpsichord&limit=1")
    second = found(product, f"keywords=harpsichord&limit=1&cursor={first['nextCursor']}")

    rows = first["results"] + second["results"]
    assert {row["id"] for row in rows} == {offer.id for offer in offers}
    assert (first["hasMore"], second["hasMore"], second["page"]) == (True, False, 2)


def test_the_nearest_comes_first(product: Product, offers: list[Offer]) -> None:
    where = "latitude=48.2&longitude=17.4&radius=60&unit=mi&sortBy=distance_asc"

    rows = found(product, f"keywords=harpsichord&{where}")["results"]

    assert [row["id"] for row in rows] == [offer.id for offer in reversed(offers)]
    assert rows[0]["distance"] == 0
    assert 74 < rows[1]["distance"] < 75


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("keywords=a", "keywords"),
        ("minAmount=much", "minAmount"),
        ("status=open,lost", "status"),
        ("latitude=48", "longitude"),
        ("latitude=48&longitude=16&radius=-1", "radius"),
        ("cursor=MjAyNi0wMS0wMVQwMDowMDowMCswMDowMHx4", "cursor"),
    ],
)
def test_what_cannot_be_asked_is_refused(product: Product, query: str, field: str) -> None:
    body = refused(product.get(f"{PATH}?{query}"), 400)

    assert field in body["message"] or field == body["issues"][0]["path"]


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(max_size=60), field=st.sampled_from(["keywords", "search", "location", "skills"])
)
def test_no_text_is_too_odd(product: Product, text: str, field: str) -> None:
    response = product.get(f"{PATH}?{field}={quote(text, errors='surrogatepass')}")

    assert response.status_code in {200, 400}, response.text


def test_whoever_types_is_told_what_may_be_meant(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=0, title="Shear the alpaca", skills_required="Alpaca care, patience")
    path = "/api/search/suggestions?q=alpac"

    told = product.get(path, by=offer.poster).json()["suggestions"]
    skills = product.get(f"{path}&type=skill", by=offer.poster).json()["suggestions"]

    assert [(each["id"], each["text"]) for each in told] == [
        (f"bounty_{offer.id}", "Shear the alpaca"),
        ("skill_alpaca care", "Alpaca care"),
    ]
    assert skills == told[1:]
    assert told[0]["subtitle"] == "For honor"


def test_people_are_found_by_who_is_signed_in(scene: Scene, product: Product) -> None:
    username = product.get("/auth/me", by=scene.hunter).json()["username"]
    path = f"/api/users/search?q={username}"

    page = product.get(path, by=scene.poster).json()

    assert [row["username"] for row in page["results"]] == [username]
    assert page["results"][0]["id"] == scene.hunter.id
    assert "email" not in page["results"][0]
    refused(product.get(path), 401)


def test_what_was_just_posted_is_trending(scene: Scene, product: Product) -> None:
    offer = Offer(scene, cents=0)

    rows = product.get("/api/bounties/trending?limit=50").json()["bounties"]
    scores = {row["id"]: row["trendingScore"] for row in rows}

    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    # What pays well stands before it.
    assert 109 < scores[offer.id] <= 110


async def test_a_saved_search_is_heard_live(scene: Scene, product: Product) -> None:
    def saved() -> dict[str, Any]:
        body = {"name": "Zithers", "query": "zither", "filters": {"isForHonor": True}}
        response = product.post("/api/search/saved", body, by=scene.hunter)
        assert response.status_code == 201, response.text
        listed = product.get("/api/search/saved", by=scene.hunter).json()["searches"]
        assert response.json() in listed
        return response.json()

    search = await trio.to_thread.run_sync(saved)

    async with Wire.opened(product, scene.hunter) as wire:
        reply = await wire.ask("subscribe", topics=[search["topic"], "feed:q=a"])
        offer = await trio.to_thread.run_sync(
            lambda: Offer(scene, cents=0, title="Tune the zithers")
        )
        news = await wire.hear("bounty.updated")

        assert reply["accepted"] == [search["topic"]]
        assert reply["rejected"] == [{"topic": "feed:q=a", "code": "UNKNOWN_TOPIC"}]
        assert (news["bountyId"], news["title"]) == (offer.id, "Tune the zithers")
        left = await wire.ask("unsubscribe", topics=[search["topic"]])
        assert left["accepted"] == [search["topic"]]
