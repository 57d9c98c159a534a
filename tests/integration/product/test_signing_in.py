"""Coming in and leaving: names, addresses, devices, and what strangers may hear afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.ids import new_id

from tests.integration.product.product import Person, refused
from tests.integration.product.wire import Wire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    import httpx

    from tests.integration.product.product import Product

PASSWORD = "Right-password-1"


@dataclass
class Account:
    """Somebody who signs up, and in on several devices."""

    product: Product
    name: str
    email: str

    @classmethod
    def made(cls, product: Product) -> Account:
        name = f"p{new_id()[:8]}"
        found = cls(product, name, f"{name}@example.com")
        wanted = {"email": found.email, "username": name, "password": PASSWORD}
        assert product.post("/auth/register", wanted).status_code == 201
        return found

    def sign_in(self) -> dict[str, Any]:
        given = {"email": self.email, "password": PASSWORD}
        response = self.product.post("/auth/sign-in", given)
        assert response.status_code == 200, response.text
        return response.json()

    def device(self) -> Person:
        session = self.sign_in()
        return Person(session["user"]["id"], self.email, session["token"])


def sign_up_elsewhere(product: Product, data: dict[str, Any]) -> tuple[str, httpx.Response]:
    """Sign up at the auth server itself, as supabase-js does."""
    email = f"{new_id()[:12]}@example.com"
    body = {"email": email, "password": PASSWORD, "data": data}
    response = product.sandbox.post(
        "/auth/v1/signup", json=body, headers={"apikey": product.key("anon")}
    )
    return email, response


def at_auth_server(product: Product, change: str, *values: Any) -> None:
    """Change what the auth server knows, past the product."""
    assert product.rows(f"{change} returning id", *values)


@pytest.mark.parametrize("odd", ["x", "Not A Name", "ü" * 10, "a" * 200, 7, None])
def test_an_odd_name_at_the_auth_server_keeps_nobody_out(product: Product, odd: Any) -> None:
    email, _ = sign_up_elsewhere(product, {"username": odd})

    session = product.post("/auth/sign-in", {"email": email, "password": PASSWORD})
    again = product.post("/auth/refresh", {"refreshToken": session.json()["refreshToken"]})

    assert session.json()["user"]["username"].startswith("user_")
    assert again.status_code == 200


def test_a_name_at_the_auth_server_is_had_by_who_comes_first(product: Product) -> None:
    wished = f"n{new_id()[:8]}"
    names = []
    for _ in range(2):
        email, signed_up = sign_up_elsewhere(product, {"username": wished})
        # At a first call to us with their own token, too.
        token = signed_up.json()["access_token"]
        me = product.get("/auth/me", by=Person("", email, token))
        names.append(me.json()["username"])

    assert names[0] == wished
    assert names[1].startswith("user_")


def test_a_changed_address_arrives_with_the_next_token(product: Product) -> None:
    account = Account.made(product)
    session = account.sign_in()
    changed = f"new.{account.email}"
    at_auth_server(
        product, "update sandbox.auth_users set email = %s where email = %s", changed, account.email
    )

    session = product.post("/auth/refresh", {"refreshToken": session["refreshToken"]}).json()

    assert session["user"]["email"] == changed
    me = product.get("/auth/me", by=Person("", changed, session["token"]))
    assert me.json()["email"] == changed


def test_whoever_takes_an_address_over_comes_in(product: Product) -> None:
    former = Account.made(product)
    at_auth_server(
        product, "update sandbox.auth_users set email = 'x' || email where email = %s", former.email
    )

    wanted = {"email": former.email, "password": PASSWORD}
    made = product.post("/auth/register", wanted)
    successor = product.post("/auth/sign-in", wanted)

    assert made.status_code == 201, made.text
    assert successor.json()["user"] == {
        "id": made.json()["userId"],
        "email": former.email,
        "username": made.json()["username"],
    }
    # The former holder comes in with the address they have now.
    moved = product.post("/auth/sign-in", {"email": f"x{former.email}", "password": PASSWORD})
    assert moved.json()["user"]["username"] == former.name


@pytest.mark.parametrize(
    ("scope", "mine", "others"),
    [(None, 401, 200), ("local", 401, 200), ("others", 200, 401), ("global", 401, 401)],
)
async def test_signing_out_ends_what_it_means_and_nothing_else(
    product: Product, scope: str | None, mine: int, others: int
) -> None:
    account = Account.made(product)
    phone, tablet, unused = (account.device() for _ in range(3))
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, phone) as here, Wire.opened(product, tablet) as there:
            body = {"scope": scope} if scope else {}
            assert product.post("/auth/sign-out", body, by=phone).status_code == 200

            for wire, status in ((here, mine), (there, others)):
                if status == 401:
                    await wire.hear("session.revoked")
                    assert await wire.closed() == 4410
                else:
                    assert (await wire.ask("call", op="wallet.balance"))["ok"] is True
    # Never shown before: only when it was issued tells, and the auth server.
    for device, status in ((phone, mine), (tablet, others), (unused, others)):
        assert product.get("/auth/me", by=device).status_code == status
        ticket = product.post("/v1/socket/ticket", by=device)
        assert ticket.status_code == (201 if status == 200 else status)
        # Where anybody may look, a dead token is told that it is dead.
        assert product.get("/api/bounties", by=device).status_code == status
    assert product.get("/auth/me", by=account.device()).status_code == 200


async def test_a_ticket_of_a_sign_in_that_is_over_opens_nothing(product: Product) -> None:
    account = Account.made(product)
    device = account.device()
    ticket = product.post("/v1/socket/ticket", by=device).json()["ticket"]
    assert product.post("/auth/sign-out", by=device).status_code == 200
    with trio.fail_after(PATIENCE_S):
        async with Wire.connected(product, path=f"/v1/socket?ticket={ticket}") as wire:
            await wire.say(type="hello", v=1)

            assert (await wire.refusal())["code"] == "SESSION_REVOKED"
            assert await wire.closed() == 4410


def test_a_banned_person_cannot_come_in_by_any_way(product: Product) -> None:
    account = Account.made(product)
    session = account.sign_in()
    at_auth_server(
        product,
        "update app.users set account_status = 'banned' where username = %s",
        account.name,
    )

    given = {"email": account.email, "password": PASSWORD}
    refused(product.post("/auth/sign-in", given), 403, "ACCOUNT_SUSPENDED")
    refresh = {"refreshToken": session["refreshToken"]}
    refused(product.post("/auth/refresh", refresh), 403, "ACCOUNT_SUSPENDED")
    refused(product.post("/auth/sign-in", given | {"password": "wrong"}), 401)


async def test_the_stream_of_a_deleted_bounty_is_for_its_parties_alone(product: Product) -> None:
    poster, stranger = product.person("poster"), product.person("stranger")
    offer = {
        "title": f"Carry a sofa {new_id()[:8]}",
        "description": "It is heavy and must go up to the third floor.",
        "is_for_honor": True,
    }
    bounty = product.post("/api/bounties", offer, by=poster).json()["id"]
    stream = f"bounty:{bounty}"
    at_auth_server(product, "update app.bounties set status = 'deleted' where id = %s", bounty)
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(product, stranger) as theirs, Wire.opened(product, poster) as own:
            for wire, is_party in ((theirs, False), (own, True)):
                await wire.say(type="sync", id="s", streams={stream: {"seq": 0}})
                synced = await wire.hear("synced")
                told = [frame for frame in wire.heard if frame.get("stream") == stream]
                assert bool(told) is is_party
                assert synced["limited"] == (
                    [] if is_party else [{"stream": stream, "code": "FORBIDDEN"}]
                )
                reply = await wire.ask("subscribe", topics=[stream])
                assert (reply["accepted"] == [stream]) is is_party
                assert (stream in reply["heads"]) is is_party
