"""What is found of the market, in which order, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.persistence.market import bounties, bounty_writes, overlays
from bountyexpo.persistence.market.search import index as search_index
from bountyexpo.persistence.market.search.finding import CONSIDERED_MAX, Near
from bountyexpo.persistence.users import blocks

from tests.integration.persistence.market.search.offers import Offers, person

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

DAY = timedelta(days=1)


@pytest.fixture
async def offers(database: Pool) -> Offers:
    return await Offers(database).begin()


@pytest.mark.parametrize(
    "query",
    ["photographer", "PHOTO", "wed photo", "photgrapher", "photogrpaher", "Phötographer", "weding"],
)
async def test_a_word_is_found_by_its_beginning_and_with_mistakes(
    offers: Offers, query: str
) -> None:
    await offers.offer("Photographer for a wedding")
    await offers.offer("Walk the neighbour's dog")

    assert await offers.found(query) == ["Photographer for a wedding"]


@pytest.mark.parametrize(
    "query", ["photographer cat", "grapher", "phxtxgrxpher", "dxg", "!!", "дом"]
)
async def test_what_is_not_meant_is_not_found(offers: Offers, query: str) -> None:
    await offers.offer("Photographer for a wedding")
    await offers.offer("Walk the neighbour's dog")

    assert await offers.found(query) == []


async def test_skills_description_and_place_are_found_too(offers: Offers) -> None:
    await offers.offer("Number one", skills_required="C++, plumbing")
    await offers.offer("Number two", description="The washing machine leaks badly.")
    await offers.offer("Number three", location_text="São Paulo")

    assert await offers.found("c++") == ["Number one"]
    assert await offers.found("machin") == ["Number two"]
    assert await offers.found("sao paulo") == ["Number three"]


async def test_the_best_comes_first_and_of_equals_the_newest(offers: Offers) -> None:
    for title, age in (("Garden work", 3 * DAY), ("Garden help", DAY)):
        await offers.offer(title, age=age)
    await offers.offer("Gardening lessons")
    await offers.offer("Carry stones", description="They must go behind the garden, by hand.")
    await offers.offer("Graden is pretty")

    found = await offers.found("garden")

    assert found == [
        "Garden help",
        "Garden work",
        "Gardening lessons",
        "Carry stones",
        "Graden is pretty",
    ]


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({"cents_min": 5_000}, {"Dear one"}),
        ({"cents_max": 5_000}, {"Cheap one", "Free one"}),
        ({"is_for_honor": True}, {"Free one"}),
        ({"is_for_honor": False, "cents_max": 5_000}, {"Cheap one"}),
        ({"work_type": "in_person"}, {"Cheap one"}),
        ({"category": "design"}, {"Dear one"}),
        ({"place": "erli"}, {"Cheap one"}),
        ({"place": "li"}, {"Cheap one"}),
        ({"place": "b%li"}, set()),
        ({"skills": ("cooking", "typing")}, {"Cheap one", "Dear one"}),
        ({"skills": ("ty", "rust")}, {"Dear one"}),
        ({"statuses": ("archived",)}, set()),
    ],
)
async def test_each_filter_keeps_out_what_does_not_fit(
    offers: Offers, filters: dict[str, Any], titles: set[str]
) -> None:
    await offers.offer(
        "Cheap one",
        amount_cents=500,
        work_type="in_person",
        location_text="Berlin",
        skills_required="Cooking",
    )
    await offers.offer(
        "Dear one", amount_cents=50_000, category="design", skills_required="Touch typing"
    )
    await offers.offer("Free one")

    assert set(await offers.found(**filters)) == titles
    assert set(await offers.found("one", **filters)) == titles


async def test_the_order_is_what_was_asked_for(offers: Offers) -> None:
    for title, cents, age in (
        ("Old one", 900, 2 * DAY),
        ("Mid one", 100, DAY),
        ("New one", 300, 0 * DAY),
    ):
        await offers.offer(title, amount_cents=cents, age=age)

    assert await offers.found(sort="date_desc") == ["New one", "Mid one", "Old one"]
    assert await offers.found("one", sort="date_asc") == ["Old one", "Mid one", "New one"]
    assert await offers.found(sort="amount_desc") == ["Old one", "New one", "Mid one"]
    assert await offers.found("one", sort="amount_asc") == ["Mid one", "New one", "Old one"]


async def test_pages_follow_each_other_without_loss(offers: Offers) -> None:
    titles = {await offers.offer(f"Sofa number {n}") for n in range(7)}

    pages = [await offers.search("sofa", limit=3, offset=n) for n in (0, 3, 6, 9)]

    assert [len(page.bounties) for page in pages] == [3, 3, 1, 0]
    assert {page.total for page in pages} == {7}
    assert {bounty.id for page in pages for bounty in page.bounties} == titles


async def test_nobody_finds_what_is_not_for_them(offers: Offers) -> None:
    db, viewer = offers.db, await person(offers.db)
    blocked, blocker, suspended = [await person(db) for _ in range(3)]
    await offers.offer("Sofa of somebody")
    await offers.offer("Sofa of who is blocked", by=blocked)
    await offers.offer("Sofa of who blocks", by=blocker)
    await offers.offer("Sofa of who is suspended", by=suspended)
    await offers.offer("Sofa that was put away")
    hidden = await offers.offer("Sofa that is hidden")
    await blocks.add(db, viewer, blocked)
    await blocks.add(db, blocker, viewer)
    await overlays.set_hidden(db, hidden, viewer, is_hidden=True)
    await db.execute("update users set account_status = 'suspended' where id = %s", (suspended,))
    await db.execute("update bounties set status = 'deleted' where title like '%%put away'")

    assert await offers.found("sofa", viewer_id=viewer) == ["Sofa of somebody"]
    assert len(await offers.found("sofa")) == 4


async def test_what_is_changed_is_found_as_it_is_now(offers: Offers) -> None:
    db, bounty_id = offers.db, await offers.offer("Carry the piano")
    bounty = await bounties.get(db, bounty_id)
    assert bounty is not None
    terms = {name: getattr(bounty, name) for name in bounties.Terms.__struct_fields__}

    async with db.transaction() as tx:
        await bounty_writes.set_terms(
            tx, bounty_id, bounties.Terms(**terms | {"title": "Carry the wardrobe"})
        )

    assert await offers.found("piano") == []
    assert await offers.found("wardrobe") == ["Carry the wardrobe"]
    assert await offers.found("wardrboe") == ["Carry the wardrobe"]


async def test_what_others_wrote_is_found_once_it_is_indexed(offers: Offers) -> None:
    db, bounty_id = offers.db, await offers.offer("Carry the piano")
    await db.execute("update bounties set title = 'Carry the harp' where id = %s", (bounty_id,))

    async with db.transaction() as tx:
        renewed = await search_index.renew(tx, 10)

    assert renewed == 1
    assert await offers.found("harp") == ["Carry the harp"]
    assert await offers.found("piano") == []


async def test_words_are_counted_by_the_bounties_they_stand_in(offers: Offers) -> None:
    db = offers.db
    for title in ("Paint the fence", "Paint the paint shop"):
        await offers.offer(title)
    await db.execute("update bounties set title = 'Mow the lawn' where title = 'Paint the fence'")
    async with db.transaction() as tx:
        await search_index.renew(tx, 10)
        await search_index.add_up(tx, 10)

    rows = await db.fetch(
        "select word, bounties from search_words where word = any(%s)",
        (["paint", "fence", "lawn", "w:online"],),
    )

    assert {row["word"]: row["bounties"] for row in rows} == {
        "paint": 1,
        "fence": 0,
        "lawn": 1,
        "w:online": 2,
    }


@pytest.mark.parametrize(
    ("near", "titles"),
    [
        (
            Near(latitude=0.0, longitude=179.99, radius_km=50),
            ["West of the line", "East of the line"],
        ),
        (Near(latitude=0.0, longitude=179.99, radius_km=5), ["West of the line"]),
        (Near(latitude=89.9, longitude=-100.0, radius_km=100), ["Near the pole"]),
        (Near(latitude=10.0, longitude=10.0, radius_km=400), []),
    ],
)
async def test_what_is_near_is_found_over_every_edge_of_the_map(
    offers: Offers, near: Near, titles: list[str]
) -> None:
    for title, latitude, longitude in (
        ("East of the line", 0.1, -179.9),
        ("West of the line", 0.0, 179.98),
        ("Near the pole", 89.95, 80.0),
    ):
        await offers.offer(title, latitude=latitude, longitude=longitude)
    await offers.offer("Somewhere")

    page = await offers.search(near=near, sort="distance_asc")

    assert [bounty.title for bounty in page.bounties] == titles
    assert all(0 < (distance or 0) <= near.radius_km for distance in page.distances)


async def test_a_question_looks_at_so_many_and_no_more(offers: Offers) -> None:
    bounty_id = await offers.offer("Carry the sofa")
    await offers.db.execute(
        """insert into bounties (id, poster_id, title, description, amount_cents, platform_fee_bps,
                                 policy_version, is_for_honor, status, search, is_search_old)
           select gen_random_uuid(), poster_id, title, description, 0, 0, 1, true, 'open', search,
                  false
           from bounties, generate_series(1, %s) where id = %s""",
        (CONSIDERED_MAX + 5, bounty_id),
    )

    page = await offers.search("sofa", offset=CONSIDERED_MAX - 2)

    assert (len(page.bounties), page.total) == (2, CONSIDERED_MAX)
