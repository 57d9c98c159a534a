"""Limits that are on: who asks too often waits, and everybody else does not notice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.operations.users.signing_in import REFUSAL_STEP_S

from tests.integration.product.product import Product, refused, standing_product
from tests.integration.product.wire import Wire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGN_INS_MAX = 5
FRAMES_BURST = 60
BOUNTIES_A_DAY = 10


def honor(number: int) -> dict[str, object]:
    return {
        "title": f"Water plant number {number}",
        "description": "It stands on the window sill of the kitchen.",
        "is_for_honor": True,
    }


@pytest.fixture(scope="module")
def limited(module_dsn: str) -> Iterator[Product]:
    """The product with its limits as production has them."""
    limits = {"RATE_LIMITS": "on", "RATE_LIMIT_MULTIPLIER": "1"}
    with standing_product(module_dsn, **limits) as found:
        yield found


def test_guessing_a_password_is_slowed_down(limited: Product) -> None:
    guess = {"email": f"{new_id()}@example.com", "password": "Guess-number-1"}
    for _ in range(SIGN_INS_MAX):
        refused(limited.post("/auth/sign-in", guess), 401)

    with limited.unchanged():
        response = limited.post("/auth/sign-in", guess)

    body = refused(response, 429, "RATE_LIMIT_EXCEEDED")
    assert int(response.headers["retry-after"]) == body["retryAfter"] > 0
    assert response.headers["ratelimit-remaining"] == "0"
    assert limited.get("/api/bounties").status_code == 200


@pytest.fixture
def account(limited: Product) -> dict[str, str]:
    """Somebody who has signed up from here."""
    name = f"owner_{new_id()[:8]}"
    wanted = {"email": f"{name}@example.com", "username": name, "password": "Right-password-1"}
    assert limited.post("/auth/register", wanted).status_code == 201
    return wanted


def spellings(account: dict[str, str]) -> list[dict[str, str]]:
    email, name = account["email"], account["username"]
    return [
        {"email": email},
        {"identifier": email.upper()},
        {"username": name},
        {"identifier": f" @{name.title()} "},
        {"email": f" {email} "},
    ]


def test_another_spelling_of_the_account_is_no_other_account(
    limited: Product, account: dict[str, str]
) -> None:
    wrong = [each | {"password": "Wrong-password-1"} for each in spellings(account)]
    assert len(wrong) == SIGN_INS_MAX
    for guess in wrong:
        refused(limited.post("/auth/sign-in", guess), 401)

    for guess in wrong[:2]:
        refused(limited.post("/auth/sign-in", guess), 429, "RATE_LIMIT_EXCEEDED")

    # From where its owner has been before, the right password opens all the same.
    for named in spellings(account)[:4]:
        response = limited.post("/auth/sign-in", named | {"password": account["password"]})
        assert response.status_code == 200, response.text


def test_the_time_of_a_refusal_does_not_tell_who_exists(
    limited: Product, account: dict[str, str]
) -> None:
    for named in (
        {"email": account["email"]},
        {"username": account["username"]},
        {"email": f"{new_id()[:8]}@example.com"},
        {"username": f"nobody_{new_id()[:8]}"},
    ):
        started = time.monotonic()
        refused(limited.post("/auth/sign-in", named | {"password": "Wrong-password-1"}), 401)
        assert time.monotonic() - started >= REFUSAL_STEP_S


def test_many_may_sign_up_behind_one_address(limited: Product) -> None:
    for _ in range(3 * SIGN_INS_MAX):
        wanted = {"email": f"{new_id()}@example.com", "password": "Right-password-1"}
        assert limited.post("/auth/register", wanted).status_code == 201


def test_one_address_of_mail_is_not_tried_without_end(
    limited: Product, account: dict[str, str]
) -> None:
    for number in range(SIGN_INS_MAX - 1):
        again = account | {"email": account["email"].upper() if number % 2 else account["email"]}
        refused(limited.post("/auth/register", again), 409)

    refused(limited.post("/auth/register", account), 429, "RATE_LIMIT_EXCEEDED")


def test_a_limit_is_told_before_it_is_reached(limited: Product) -> None:
    response = limited.get("/api/bounties")

    left = int(response.headers["ratelimit-remaining"])
    assert 0 < left < int(response.headers["ratelimit-limit"])


def test_the_eleventh_bounty_of_a_day_is_refused(limited: Product) -> None:
    poster = limited.person("busy")
    for number in range(BOUNTIES_A_DAY):
        assert limited.post("/api/bounties", honor(number), by=poster).status_code == 201

    with limited.unchanged():
        response = limited.post("/api/bounties", honor(BOUNTIES_A_DAY), by=poster)

    refused(response, 429, "RATE_LIMIT_EXCEEDED")
    assert int(response.headers["retry-after"]) > 0


def test_probes_are_never_limited(limited: Product) -> None:
    statuses = {limited.get("/livez").status_code for _ in range(100)}

    assert statuses == {200}


async def test_a_flood_of_frames_is_refused_and_then_ends_the_socket(limited: Product) -> None:
    flooder, neighbour = limited.person("flooder"), limited.person("neighbour")
    with trio.fail_after(PATIENCE_S):
        async with (
            Wire.opened(limited, neighbour) as other,
            Wire.opened(limited, flooder) as wire,
        ):
            for _ in range(FRAMES_BURST + 10):
                await wire.say(type="ping")
            error = await wire.refusal()

            assert (error["code"], error["retryable"]) == ("RATE_LIMITED", True)
            assert error["retryAfterMs"] > 0
            assert await wire.closed() == 4429
            await other.say(type="ping")
            await other.hear("pong")


async def test_a_flood_of_messages_is_refused_and_the_socket_stays(limited: Product) -> None:
    talker, friend = limited.person("talker"), limited.person("friend")
    made = limited.post("/api/conversations", {"participantIds": [friend.id]}, by=talker)
    sent = {"conversationId": made.json()["id"], "text": "Hello?"}
    with trio.fail_after(PATIENCE_S):
        async with Wire.opened(limited, talker) as wire:
            for _ in range(30):
                await wire.say(type="message.send", clientMsgId=new_id(), id="m", **sent)
            replies = [await wire.hear("ack", "error") for _ in range(30)]
            await wire.say(type="ping")
            await wire.hear("pong")

    acks = [reply["seq"] for reply in replies if reply["type"] == "ack"]
    refusals = {reply["code"] for reply in replies if reply["type"] == "error"}
    assert refusals == {"RATE_LIMITED"}
    assert acks == list(range(1, len(acks) + 1))
    stored = limited.value("select count(*) from app.messages where sender_id = %s", talker.id)
    assert stored == len(acks)


async def test_a_socket_that_never_says_hello_is_closed(limited: Product) -> None:
    with trio.fail_after(PATIENCE_S):
        async with Wire.connected(limited) as wire:
            assert await wire.closed() == 4408


async def test_a_token_that_ends_is_asked_for_anew(limited: Product) -> None:
    person = limited.person("leaving")
    token = limited.token(person.id, exp=int(time.time()) + 5)
    with trio.fail_after(PATIENCE_S):
        async with Wire.connected(limited) as wire:
            await wire.say(type="hello", v=1, token=token)
            await wire.hear("welcome")
            await wire.hear("auth.expiring")

            reply = await wire.ask("auth.refresh", token=person.token)

    assert reply["ok"] is True
