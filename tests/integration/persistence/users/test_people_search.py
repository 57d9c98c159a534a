"""People are found by what they show of themselves, and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.search.questions import terms_of
from bountyexpo.persistence.users import blocks, search, users
from bountyexpo.persistence.users.search import PeopleSearch
from bountyexpo.persistence.users.users import NewUser

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


async def person(db: Pool, username: str) -> str:
    user_id = new_id()
    email = f"{username}.secret@example.com"
    new = NewUser(id=user_id, username=username, email=email, email_verified_at=None)
    await users.insert(db, new)
    return user_id


async def found(db: Pool, query: str, viewer_id: str = "", **wanted: Any) -> list[str]:
    asked = PeopleSearch(terms=terms_of(query), viewer_id=viewer_id or new_id(), **wanted)
    rows, _ = await search.search(db, asked)
    return [row.username for row in rows]


async def test_a_new_person_is_found_by_the_beginning_of_the_name(database: Pool) -> None:
    await person(database, "joiner_anna")

    assert await found(database, "JOIN") == ["joiner_anna"]
    assert await found(database, "ann joi") == ["joiner_anna"]
    assert await found(database, "oiner") == []


@pytest.mark.parametrize("query", ["secret", "example", "joiner_anna.secret@example.com", "!!"])
async def test_nobody_is_found_by_an_address(database: Pool, query: str) -> None:
    await person(database, "joiner_anna")

    assert await found(database, query) == []


async def test_what_a_person_shows_later_is_found_once_it_is_indexed(database: Pool) -> None:
    user_id = await person(database, "anna")
    shows = (
        "update user_profiles set display_name = 'Zoë', about = 'I prune roses' where user_id = %s"
    )
    await database.execute(shows, (user_id,))
    await database.execute("update users set username = 'hannah' where id = %s", (user_id,))

    async with database.transaction() as tx:
        assert await search.renew(tx, 10) == 1

    assert await found(database, "zoe") == await found(database, "roses") == ["hannah"]
    assert await found(database, "anna") == []


async def test_who_may_not_be_seen_is_not_found(database: Pool) -> None:
    viewer = await person(database, "viewer")
    await person(database, "smith_one")
    blocked, blocker, suspended = [
        await person(database, f"smith_{name}") for name in ("two", "three", "four")
    ]
    await blocks.add(database, viewer, blocked)
    await blocks.add(database, blocker, viewer)
    suspend = "update users set account_status = 'suspended' where id = %s"
    await database.execute(suspend, (suspended,))

    assert await found(database, "smith", viewer) == ["smith_one"]


async def test_pages_follow_each_other_in_the_order_that_was_asked_for(database: Pool) -> None:
    for n in range(5):
        await person(database, f"smith_{n}")

    pages = [await found(database, "smith", sort="username", limit=2, offset=n) for n in (0, 2, 4)]

    assert pages == [["smith_0", "smith_1"], ["smith_2", "smith_3"], ["smith_4"]]
