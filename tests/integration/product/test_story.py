"""The story of one bounty, on every codec and over every kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.load.story.driver import open_story
from bountyexpo.load.story.state import State
from bountyexpo.load.story.steps import STEPS
from bountyexpo.sandbox.postgres import EmbeddedPostgres

from tests.databases import temporary_folder
from tests.integration.product.product import Product, standing
from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def embedded() -> Iterator[Product]:
    """The product over the database that it makes and starts itself."""
    with temporary_folder() as folder, standing(ServerProcess(folder)) as server:
        database = EmbeddedPostgres(folder / "postgres")
        found = Product(server, database.start())
        try:
            yield found
        finally:
            found.close()
            database.stop()


@pytest.fixture(params=["embedded", "product"], ids=["embedded", "separate"])
def storyteller(request: pytest.FixtureRequest) -> Product:
    """The product over the database of its own, and over one that was started separately."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_the_story_is_told_to_its_end(storyteller: Product, codec: str) -> None:
    state = State.new()

    with trio.fail_after(PATIENCE_S):
        async with open_story(storyteller.url, state, codec=codec) as story:
            for step in STEPS:
                await step.run(story)

    assert state.done == [step.name for step in STEPS]
    assert storyteller.books_balance()


def test_a_given_database_takes_the_place_of_the_embedded_one(product: Product) -> None:
    assert not (product.server.folder / "postgres").exists()
    assert product.value("select count(*) from app.streams") >= 0
