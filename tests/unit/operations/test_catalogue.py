from __future__ import annotations

import msgspec
import pytest
from bountyexpo.domain.access import AccessLevel, grant_to, rows
from bountyexpo.operations.catalogue import CATALOGUE, READ, Catalogue, operation
from bountyexpo.operations.routes import CatalogueError, Route, parse_route


class Question(msgspec.Struct):
    thing_id: str
    tags: list[str] | None = None


async def ask(call, request: Question) -> dict[str, str]:
    """Ask about a thing.

    The longer story.
    """
    return {"id": request.thing_id}


async def bare(call) -> None:
    """Do nothing."""


THINGS = rows(
    grant_to(AccessLevel.USER, "thing.ask", "Things answer."),
    grant_to(AccessLevel.ADMIN, "other", "It is other."),
)


def declare(catalogue, handler=ask, name="thing.ask", **options):
    options.setdefault("http", "GET /things/{thing_id}")
    return catalogue.operation(name, rate=READ, **options)(handler)


def test_declaration_is_read_from_the_handler():
    catalogue = Catalogue(THINGS)

    assert declare(catalogue, frame="thing.ask") is ask

    found = catalogue.get("thing.ask")
    assert found is catalogue.by_frame("thing.ask")
    assert found.route == Route("GET", "/things/{thing_id}")
    assert (found.method, found.path) == ("GET", "/things/{thing_id}")
    assert found.request is Question
    assert found.reply == dict[str, str]
    assert found.summary == "Ask about a thing."
    assert found.description == "The longer story."
    assert found.list_fields == {"tags"}
    assert found.area == "thing"
    assert catalogue.all() == (found,)


def test_the_table_says_who_may():
    catalogue = Catalogue(THINGS)
    declare(catalogue)

    assert catalogue.get("thing.ask").grant is THINGS["thing.ask"]
    assert catalogue.get("thing.ask").access is AccessLevel.USER
    with pytest.raises(CatalogueError, match="no row in the table of access"):
        declare(catalogue, bare, name="thing.forgotten", http=None)


def test_operation_without_request_or_route_is_possible():
    catalogue = Catalogue(THINGS)

    declare(catalogue, bare, http=None, frame="nothing")

    found = catalogue.by_frame("nothing")
    assert found.request is None
    assert found.path is None


def test_default_catalogue_is_behind_the_bare_decorator():
    assert operation == CATALOGUE.operation


def test_unknown_names_are_none():
    assert Catalogue({}).get("x") is None
    assert Catalogue({}).by_frame("x") is None


@pytest.mark.parametrize(
    "options",
    [
        {"name": "thing.ask", "http": "GET /other/{thing_id}"},
        {"name": "other", "http": "GET /things/{thing_id}"},
        {"name": "other", "http": "GET /x/{thing_id}", "frame": "thing.ask"},
        {"name": "other", "http": "GET /x/{thing_id}", "aliases": ("GET /old/{thing_id}",)},
    ],
)
def test_second_claim_is_refused(options):
    catalogue = Catalogue(THINGS)
    declare(catalogue, frame="thing.ask", aliases=("GET /old/{thing_id}",))

    with pytest.raises(CatalogueError):
        declare(catalogue, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"http": "GET /things/{unknown}"},
        {"http": "FETCH /things/{thing_id}"},
        {"http": "GET things"},
        {"http": "GET /things/{thing_id"},
        {"aliases": ("GET /old/{nothing}",)},
        {"aliased_fields": {"thingId": "nothing"}},
        {"aliased_fields": {"tags": "thing_id"}},
        {"http": None, "aliases": ("GET /old/{thing_id}",)},
    ],
)
def test_inconsistent_declaration_is_refused(options):
    with pytest.raises(CatalogueError):
        declare(Catalogue(THINGS), **options)


async def undocumented(call) -> None:
    pass


async def unreplied(call):
    """Say nothing of the reply."""


async def greedy(call, one: Question, two: Question) -> None:
    """Take too much."""


async def shapeless(call, request: int) -> None:
    """Take no struct."""


async def hidden(call, request: NotImported) -> None:  # noqa: F821
    """Name a type that is not there."""


def blocking(call) -> None:
    """Not a coroutine function."""


@pytest.mark.parametrize("handler", [undocumented, unreplied, greedy, shapeless, hidden, blocking])
def test_unfit_handler_is_refused(handler):
    with pytest.raises(CatalogueError):
        declare(Catalogue(THINGS), handler, http="GET /things")


def test_alias_may_use_an_old_parameter_name():
    catalogue = Catalogue(THINGS)

    declare(
        catalogue,
        aliases=("GET /old/{thingId}",),
        aliased_fields={"thingId": "thing_id"},
    )

    assert catalogue.get("thing.ask").aliases[0].parameters == ("thingId",)


def test_route_shape_ignores_parameter_names():
    assert parse_route("GET /a/{x}/b").shape == parse_route("GET /a/{y}/b").shape
    assert str(parse_route("GET /a/{x}")) == "GET /a/{x}"
