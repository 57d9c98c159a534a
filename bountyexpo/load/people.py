"""Whom a run plays: tokens from a file, signed here, or of accounts made for it by REST."""

from __future__ import annotations

import uuid
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx
import jwt
import trio

from bountyexpo.load.client.connections import FleetFailed
from bountyexpo.load.client.rest import Rest, ServerAway, is_loopback, sandbox_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

# A run is shorter than this.
TOKEN_LIFE_S = 6 * 3600
# Accounts that are being made at a time: each costs the server a slow password hash.
REGISTER_AT_ONCE = 4


def read_tokens(path: Path, count: int) -> list[str]:
    """Take the first tokens of a file that has one on each line.

    Raises:
        FleetFailed: When there are not enough.
    """
    tokens = path.read_text().split()
    if len(tokens) < count:
        raise FleetFailed(f"{path} holds {len(tokens)} tokens, but {count} people are needed")
    return tokens[:count]


def sign_tokens(url: str, secret: str, names: list[str], issuer: str | None = None) -> list[str]:
    """Sign a token for each of these people; the same name is the same person in every run.

    The server makes the account when it sees the token for the first time.
    """
    now = int(server_time(url).timestamp())
    more = {"iss": issuer or f"{sandbox_at(url)}/auth/v1"}
    return [jwt.encode(_claims(name, now) | more, secret, algorithm="HS256") for name in names]


def person_id(name: str) -> str:
    """The id of the load run's person with this name."""
    return str(uuid.UUID(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.load.bountyexpo").hex, version=4))


def server_time(url: str) -> datetime:
    """What time it is for the server, whose word counts where tokens expire.

    Raises:
        FleetFailed: When it does not say.
    """
    try:
        reply = httpx.get(f"{url}/readyz", trust_env=not is_loopback(url), timeout=10)
        return parsedate_to_datetime(reply.headers["date"])
    except httpx.HTTPError as error:
        raise FleetFailed(f"no server answers at {url}: {error}") from error
    except (KeyError, ValueError) as error:
        raise FleetFailed(f"{url} does not tell its time in a Date header") from error


async def make_accounts(
    url: str, names: list[str], say: Callable[[str], None] = lambda _text: None
) -> list[str]:
    """Register and sign in these people.

    Raises:
        FleetFailed: When the server refuses one.
    """
    tokens = [""] * len(names)
    numbers = iter(range(len(names)))
    problems: list[str] = []
    rest = Rest(url)

    async def worker() -> None:
        for number in numbers:
            try:
                tokens[number] = await _make_account(rest, names[number])
            except (FleetFailed, ServerAway) as problem:
                problems.append(str(problem))
            if problems:
                return
            if number % 100 == 99:
                say(f"{number + 1} of {len(names)} accounts made")

    async with trio.open_nursery() as nursery:
        for _ in range(REGISTER_AT_ONCE):
            nursery.start_soon(worker)
    await rest.aclose()
    if problems:
        raise FleetFailed(problems[0])
    return tokens


async def make_bounties(url: str, owners: list[str], run: str, count: int) -> list[str]:
    """Create bounties for honor, that others can watch, read and apply to.

    Raises:
        FleetFailed: When the server refuses one.
    """
    rest = Rest(url)
    ids = []
    for number in range(count):
        wish = {
            "title": f"Load run {run}, bounty {number}",
            "description": "A bounty that a load run watches, reads and applies to.",
            "is_for_honor": True,
            "work_type": "online",
        }
        key = f"load:{run}:{number}"
        owner = owners[number % len(owners)]
        reply = await rest.post("/api/bounties", wish, token=owner, key=key)
        if reply.status not in (200, 201):
            raise FleetFailed(f"a bounty was refused with {reply.status}: {reply.message}")
        ids.append(str(reply.body["id"]))
    await rest.aclose()
    return ids


async def _make_account(rest: Rest, name: str) -> str:
    password = f"Load-{name}-9!"
    account = {"email": f"{name}@example.com", "username": name, "password": password}
    reply = await rest.post("/auth/register", account)
    if reply.status not in (200, 201, 409):
        raise FleetFailed(f"an account was refused with {reply.status}: {reply.message}")
    credentials = {"email": account["email"], "password": password}
    reply = await rest.post("/auth/sign-in", credentials)
    if reply.status != 200:
        raise FleetFailed(f"signing in was refused with {reply.status}: {reply.message}")
    return str(reply.body["session"]["access_token"])


def _claims(name: str, now: int) -> dict[str, object]:
    user_id = person_id(name)
    return {
        "sub": user_id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": f"{name}@example.com",
        "iat": now,
        "exp": now + TOKEN_LIFE_S,
        "session_id": user_id,
        "app_metadata": {"provider": "email"},
        "user_metadata": {"username": name, "email_verified": True},
    }
