"""Who may not: tokens that prove nothing, and people who act for somebody else."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import Person, refused
from tests.integration.product.wire import Wire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.integration.product.product import Product
    from tests.integration.product.scene import Scene

    MakeToken = Callable[[Product, Person], str]

FOREIGN_SECRET = "another-secret-of-more-than-32-bytes"
NOT_ALLOWED = "AUTHORIZATION_FAILED"


def unsigned(_: Product, person: Person) -> str:
    """A token that says itself that it need not be checked."""
    claims = {
        "sub": person.id,
        "aud": "authenticated",
        "role": "authenticated",
        "exp": int(time.time()) + 3600,
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b""]).decode()


def altered(product: Product, person: Person) -> str:
    """Somebody else's name under a good signature."""
    head, _, signature = product.token(new_id()).split(".")
    return f"{head}.{person.token.split('.')[1]}.{signature}"


NOBODY: dict[str, MakeToken] = {
    "rubbish": lambda *_: "rubbish",
    "a long text": lambda *_: "x" * 8_000,
    "signed with another secret": lambda p, who: p.token(who.id, secret=FOREIGN_SECRET),
    "signed with nothing": unsigned,
    "somebody else's signature": altered,
    "for another audience": lambda p, who: p.token(who.id, aud="another-app"),
    "for no audience": lambda p, who: p.token(who.id, aud=None),
    "without an end": lambda p, who: p.token(who.id, exp=None),
    "from the future": lambda p, who: p.token(who.id, iat=int(time.time()) + 3600),
    "of nobody": lambda p, _: p.token("nobody"),
    "of an anonymous role": lambda p, who: p.token(who.id, role="anon"),
    "the public key of the project": lambda p, _: p.key("anon"),
}


def expired(product: Product, person: Person) -> str:
    now = int(time.time())
    return product.token(person.id, iat=now - 7200, exp=now - 3600)


@pytest.mark.parametrize("make", NOBODY.values(), ids=NOBODY.keys())
def test_a_token_that_proves_nothing_is_refused(
    product: Product, scene: Scene, make: MakeToken
) -> None:
    caller = Person(scene.poster.id, scene.poster.email, make(product, scene.poster))
    request_id = scene.pending[1]

    with product.unchanged():
        response = product.post(f"/api/bounty-requests/{request_id}/accept", by=caller)

    refused(response, 401, "AUTHENTICATION_REQUIRED")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_no_token_is_refused(product: Product, scene: Scene) -> None:
    request_id = scene.pending[1]

    with product.unchanged():
        response = product.post(f"/api/bounty-requests/{request_id}/accept")

    refused(response, 401, "AUTHENTICATION_REQUIRED")


def test_an_expired_token_is_refused(product: Product, scene: Scene) -> None:
    caller = Person(scene.poster.id, scene.poster.email, expired(product, scene.poster))

    response = product.get("/wallet/balance", by=caller)

    refused(response, 401, "TOKEN_EXPIRED")


def test_the_service_key_is_not_a_person(product: Product) -> None:
    service = Person("", "", product.key("service_role"))

    response = product.get("/wallet/balance", by=service)

    refused(response, 403, NOT_ALLOWED)


def test_a_wrong_password_and_an_unknown_account_look_the_same(product: Product) -> None:
    name = f"known_{new_id()[:8]}"
    account = {"email": f"{name}@example.com", "password": "Correct-horse-9", "username": name}
    assert product.post("/auth/register", account).status_code == 201

    with product.unchanged():
        answers = [
            refused(
                product.post("/auth/sign-in", {"email": email, "password": "Wrong-9-horse"}), 401
            )
            for email in (account["email"], "nobody@example.com")
        ]

    assert answers[0]["message"] == answers[1]["message"]
    assert answers[0]["code"] == answers[1]["code"]


def test_two_names_that_sign_in_are_of_one_account(product: Product) -> None:
    name = f"owner_{new_id()[:8]}"
    account = {"email": f"{name}@example.com", "password": "Correct-horse-7"}
    assert product.post("/auth/register", account | {"username": name}).status_code == 201

    for good in ({"username": f"@{name.upper()}"}, {"username": account["email"]}):
        assert product.post("/auth/sign-in", account | good).status_code == 200
    other = product.post("/auth/sign-in", account | {"username": "somebody_else"})
    twice = product.post("/auth/sign-in", account | {"identifier": "other@example.com"})

    refused(other, 401, "invalid_credentials")
    assert [issue["path"] for issue in refused(twice, 400)["issues"]] == ["identifier"]


def test_a_dead_token_hears_so_even_where_anybody_may_look(product: Product, scene: Scene) -> None:
    caller = Person("", "", expired(product, scene.poster))

    refused(product.get("/api/bounties", by=caller), 401, "TOKEN_EXPIRED")
    assert product.get("/api/bounties").status_code == 200
    # Who has nothing but a dead token may leave.
    assert product.post("/auth/sign-out", by=caller).status_code == 200


@pytest.mark.parametrize("place", ["hello", "header"])
@pytest.mark.parametrize("make", NOBODY.values(), ids=NOBODY.keys())
async def test_a_socket_with_such_a_token_is_closed(
    product: Product, scene: Scene, make: MakeToken, place: str
) -> None:
    token = make(product, scene.poster)

    with trio.fail_after(PATIENCE_S), product.unchanged():
        async with Wire.connected(product, bearer=token if place == "header" else None) as wire:
            await wire.say(type="hello", v=1, **({"token": token} if place == "hello" else {}))

            error = await wire.refusal()
            assert (error["code"], await wire.closed()) == ("UNAUTHENTICATED", 4401)


async def test_a_socket_without_a_token_is_closed(product: Product) -> None:
    with trio.fail_after(PATIENCE_S):
        async with Wire.connected(product) as wire:
            await wire.say(type="hello", v=1)

            error = await wire.refusal()
            assert (error["code"], await wire.closed()) == ("UNAUTHENTICATED", 4401)


async def test_a_socket_with_an_expired_token_is_closed(product: Product, scene: Scene) -> None:
    with trio.fail_after(PATIENCE_S):
        async with Wire.connected(product) as wire:
            await wire.say(type="hello", v=1, token=expired(product, scene.poster))

            error = await wire.refusal()
            assert (error["code"], await wire.closed()) == ("TOKEN_EXPIRED", 4411)


@dataclass(frozen=True)
class Deed:
    """Something that somebody may not do."""

    name: str
    do: Callable[[Scene], httpx.Response]
    code: str = NOT_ALLOWED


def deed(who: str, path: str, body: Any = None) -> Callable[[Scene], httpx.Response]:
    """A request whose path and body name things of the scene."""

    def do(scene: Scene) -> httpx.Response:
        fields = {name: filled(value, scene) for name, value in (body or {}).items()}
        return scene.product.post(filled(path, scene), fields, by=getattr(scene, who))

    return do


def filled(text: str, scene: Scene) -> str:
    """Put the ids of the scene into a text."""
    return text.format(scene=scene) if "{" in text else text


ACCEPT = "/api/bounty-requests/{scene.pending[1]}/accept"
APPROVE = "/api/completions/{scene.completion_id}/approve"
SUBMIT = {"bounty_id": "{scene.job.bounty_id}", "message": "I have done it, pay me."}
MESSAGES = "/api/conversations/{scene.job.conversation_id}/messages"
CONFIRM = {"paymentIntentId": "{scene.intent_id}", "paymentMethodId": "pm_card_visa"}

DEEDS = [
    Deed("a stranger accepts an application", deed("stranger", ACCEPT)),
    Deed("the applicant accepts their own application", deed("hunter", ACCEPT)),
    Deed("the hunter approves their own work", deed("hunter", APPROVE)),
    Deed("a stranger approves the work", deed("stranger", APPROVE)),
    Deed("the poster hands in the work", deed("poster", "/api/completions", SUBMIT)),
    Deed("a stranger hands in the work", deed("stranger", "/api/completions", SUBMIT)),
    Deed("a stranger pays another's deposit", deed("stranger", "/payments/confirm", CONFIRM)),
    Deed("a stranger writes", deed("stranger", MESSAGES, {"text": "Hi"}), "NOT_PARTICIPANT"),
    Deed(
        "the poster applies to their own bounty",
        deed("poster", "/api/bounty-requests", {"bounty_id": "{scene.bounty_id}"}),
    ),
]


@pytest.mark.parametrize("case", DEEDS, ids=lambda case: case.name)
def test_acting_for_somebody_else_is_refused(product: Product, scene: Scene, case: Deed) -> None:
    with product.unchanged():
        refused(case.do(scene), 403, case.code)


def test_a_stranger_reads_no_messages(product: Product, scene: Scene) -> None:
    response = product.get(MESSAGES.format(scene=scene), by=scene.stranger)

    refused(response, 403, "NOT_PARTICIPANT")


@pytest.mark.parametrize("path", ["/api/completions/{scene.job.bounty_id}"])
def test_a_stranger_reads_no_submission(product: Product, scene: Scene, path: str) -> None:
    refused(product.get(path.format(scene=scene), by=scene.stranger), 403, NOT_ALLOWED)


def test_a_stranger_sees_no_application(product: Product, scene: Scene) -> None:
    path = f"/api/bounty-requests/{scene.pending[1]}"
    newcomer = product.person("newcomer")

    refused(product.get(path, by=newcomer), 404)
    assert product.get("/api/bounty-requests", by=newcomer).json() == []


def test_the_tree_is_for_administrators(product: Product, scene: Scene) -> None:
    claim = product.token(scene.poster.id, app_metadata={"role": "admin"})
    boaster = product.token(scene.stranger.id, user_metadata={"role": "admin"})

    refused(product.get("/debug/tree"), 401)
    refused(product.get("/debug/tree", by=scene.poster), 403, "ADMIN_REQUIRED")
    refused(product.get("/debug/tree", by=Person("", "", boaster)), 403, "ADMIN_REQUIRED")
    refused(product.get("/debug/tree", by=Person("", "", claim)), 403)
    assert product.get("/debug/tree", by=product.operator).status_code == 200
