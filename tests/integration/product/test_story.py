"""The stories: the first on every codec and over every kind of database, the others on one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.load.story.demo import Report, play
from bountyexpo.load.story.driver import Backstage
from bountyexpo.load.story.plots.catalogue import PLOTS
from bountyexpo.load.story.plots.work import WORK
from bountyexpo.sandbox.postgres import EmbeddedPostgres

from tests.databases import temporary_folder
from tests.integration.product.product import Product, standing
from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.load.story.plot import Plot


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


async def told(product: Product, plot: Plot, codec: str = "json") -> None:
    """Tell a story to its end, and look at what is stored then."""
    backstage = Backstage(
        admin_token=product.operator.token, sandbox_url=product.server.sandbox_url
    )
    report = Report(io.StringIO())
    with trio.fail_after(PATIENCE_S):
        state = await play(product.url, plot, codec=codec, backstage=backstage, report=report)

    assert state.done == [step.name for step in plot.steps]
    ended = product.rows(
        "select state from app.escrows where bounty_id = %s order by round", state.bounty_id
    )
    assert {row["state"] for row in ended} <= {"released", "refunded"}
    assert len(ended) == bool(plot.price_cents)
    assert product.books_balance()


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_the_story_is_told_to_its_end(storyteller: Product, codec: str) -> None:
    await told(storyteller, WORK, codec)


@pytest.mark.parametrize("name", [name for name in PLOTS if name != WORK.name])
async def test_every_other_story_is_told_to_its_end(product: Product, name: str) -> None:
    await told(product, PLOTS[name])


def test_a_given_database_takes_the_place_of_the_embedded_one(product: Product) -> None:
    assert not (product.server.folder / "postgres").exists()
    assert product.value("select count(*) from app.streams") >= 0
