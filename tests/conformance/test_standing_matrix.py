"""Every route, old ones too, as somebody whose authority has ended: the running service says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from bountyexpo.domain.access import AccessLevel
from bountyexpo.domain.ids import new_id
from bountyexpo.http.health import EDGE
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.operations.routes import PATH_PARAMETER

from tests.databases import temporary_folder
from tests.integration.product.product import Person, Product, refused, standing
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.operations.routes import Route

areas.declare()

ROUTES = [
    pytest.param(operation, route, id=f"{operation.name}:{route}")
    for operation in (*CATALOGUE.all(), *EDGE.all())
    for route in operation.routes
]
# What who is signed out needs, and what knows nobody.
FOR_ANYBODY = {
    *("auth.register", "auth.sign_in", "auth.refresh", "auth.sign_out"),
    *(operation.name for operation in EDGE.all() if operation.name != "debug.tree"),
}


class Stage(NamedTuple):
    """A server, and people whose authority has ended while their tokens have not."""

    product: Product
    banned: Person
    left: Person
    demoted: Person


@pytest.fixture(scope="module")
def stage(module_dsn: str) -> Iterator[Stage]:
    with (
        temporary_folder() as folder,
        standing(ServerProcess(folder, DATABASE_URL=module_dsn)) as server,
    ):
        product = Product(server, module_dsn)
        banned, left = product.person("banned"), product.person("left")
        set_to(product, "account_status", "banned", banned)
        assert product.post("/auth/sign-out", by=left).status_code == 200
        demoted = admin(product)
        wait_for(product, demoted, 200)
        set_to(product, "role", "user", demoted)
        wait_for(product, demoted, 403)
        yield Stage(product, banned, left, demoted)
        product.close()


def admin(product: Product) -> Person:
    admin_id = new_id()
    email = f"admin.{admin_id[:8]}@example.com"
    token = product.token(admin_id, email=email, app_metadata={"role": "admin"})
    person = Person(admin_id, email, token)
    assert product.get("/auth/me", by=person).status_code == 200
    set_to(product, "role", "admin", person)
    return person


def set_to(product: Product, column: str, value: str, person: Person) -> None:
    """Change an account beside the service, as another process does."""
    changed = f"update app.users set {column} = %s where id = %s returning id"
    assert product.rows(changed, value, person.id)


def wait_for(product: Product, person: Person, status: int) -> None:
    """Wait for the bell to be heard: at most as long as a process may be deaf."""
    product.until(lambda: product.get("/debug/tree", by=person).status_code == status)


def ask(stage: Stage, route: Route, person: Person):
    path = PATH_PARAMETER.sub(lambda _: new_id(), route.path)
    body = {} if route.method in {"POST", "PUT", "PATCH"} else None
    return stage.product.send(route.method, path, body, by=person)


def test_what_is_for_anybody_is_told_apart_by_the_catalogue() -> None:
    lenient = {each.name for each in (*CATALOGUE.all(), *EDGE.all()) if not each.heeds_token}

    assert lenient == FOR_ANYBODY


@pytest.mark.parametrize(("operation", "route"), ROUTES)
def test_whoever_is_banned_is_refused(stage: Stage, operation: Operation, route: Route) -> None:
    response = ask(stage, route, stage.banned)

    if operation.heeds_token:
        refused(response, 403, "ACCOUNT_SUSPENDED")
    else:
        assert response.status_code < 500
        assert "ACCOUNT_SUSPENDED" not in response.text


@pytest.mark.parametrize(("operation", "route"), ROUTES)
def test_whoever_has_signed_out_is_refused(
    stage: Stage, operation: Operation, route: Route
) -> None:
    response = ask(stage, route, stage.left)

    if operation.heeds_token:
        refused(response, 401, "SESSION_REVOKED")
    else:
        assert response.status_code < 500
        assert "SESSION_REVOKED" not in response.text


@pytest.mark.parametrize(
    ("operation", "route"),
    [each for each in ROUTES if each.values[0].access is AccessLevel.ADMIN],
)
def test_whoever_is_no_admin_any_more_is_refused(
    stage: Stage, operation: Operation, route: Route
) -> None:
    refused(ask(stage, route, stage.demoted), 403, "ADMIN_REQUIRED")


def test_a_claim_alone_makes_no_admin(stage: Stage) -> None:
    user_id = new_id()
    token = stage.product.token(
        user_id, email=f"{user_id[:8]}@example.com", app_metadata={"roles": ["admin"]}
    )

    refused(stage.product.get("/debug/tree", by=Person(user_id, "", token)), 403, "ADMIN_REQUIRED")


def test_a_withdrawn_ban_is_over_at_once(stage: Stage) -> None:
    person = stage.product.person("pardoned")
    for status, expected in (("suspended", 403), ("active", 200)):
        set_to(stage.product, "account_status", status, person)
        stage.product.until(
            lambda expected=expected: (
                stage.product.get("/auth/me", by=person).status_code == expected
            )
        )
