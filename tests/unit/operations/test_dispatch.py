from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated

import msgspec
import pytest
from bountyexpo.domain.access import AccessLevel, grant_to, rows
from bountyexpo.domain.identity import Identity
from bountyexpo.errors import (
    Conflict,
    InternalError,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    RateLimited,
)
from bountyexpo.operations.call import Call
from bountyexpo.operations.catalogue import UNLIMITED, WRITE, Catalogue, Limit, RateClass
from bountyexpo.operations.dispatch import check_access, dispatch
from bountyexpo.operations.rate_limits import RateLimiter

AUTH = RateClass("auth", per_address=Limit(5, 900), per_identifier=Limit(5, 900))

USER_ONE = Identity(user_id="u1", expires_at=0)
ADMIN_ONE = Identity(user_id="a1", expires_at=0, is_admin=True)
SERVICE_ONE = Identity(user_id="s1", expires_at=0, is_service=True)


class Inner(msgspec.Struct):
    depth: int


class Create(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, msgspec.Meta(min_length=3, max_length=8)]
    count: int = 1
    price: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0
    urgent: bool = False
    tags: list[str] = []
    inner: Inner | None = None


class SignIn(msgspec.Struct):
    email: str


class Anything(msgspec.Struct):
    value: object = None


CATALOGUE = Catalogue(
    rows(
        grant_to(AccessLevel.USER, "toy.create", "A toy has an owner."),
        *(
            grant_to(AccessLevel.ANYONE, name, "A toy.")
            for name in ("toy.sign_in", "toy.any", "toy.crash", "toy.refuse")
        ),
    )
)


@CATALOGUE.operation("toy.create", rate=WRITE, aliased_fields={"name": "title"})
async def create(call, request: Create) -> Create:
    """Echo the request."""
    return request


@CATALOGUE.operation("toy.sign_in", rate=AUTH)
async def sign_in(call, request: SignIn) -> dict:
    """Sign nobody in."""
    return {}


@CATALOGUE.operation("toy.any", rate=UNLIMITED)
async def anything(call, request: Anything) -> dict:
    """Take anything."""
    return {}


@CATALOGUE.operation("toy.crash", rate=UNLIMITED)
async def crash(call) -> None:
    """Fail."""
    raise ZeroDivisionError("a secret of the house")


@CATALOGUE.operation("toy.refuse", rate=UNLIMITED)
async def refuse(call) -> None:
    """Refuse."""
    raise Conflict("already")


def call_by(identity=USER_ONE, transport="rest", **clock):
    clock = SimpleNamespace(
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC), monotonic=lambda: 5.0, **clock
    )
    services = SimpleNamespace(clock=clock, rate_limiter=RateLimiter(clock.monotonic))
    return Call(
        services, request_id="req_1", identity=identity, transport=transport, peer="10.0.0.1"
    )


async def run(name, arguments=None, **options):
    return await dispatch(CATALOGUE.get(name), call_by(**options), arguments or {})


@pytest.mark.parametrize(
    ("level", "identity", "refusal"),
    [
        (AccessLevel.ANYONE, None, None),
        (AccessLevel.ANYONE, USER_ONE, None),
        (AccessLevel.USER, None, NotAuthenticated),
        (AccessLevel.USER, USER_ONE, None),
        (AccessLevel.USER, ADMIN_ONE, None),
        (AccessLevel.USER, SERVICE_ONE, NotAllowed),
        (AccessLevel.ADMIN, None, NotAuthenticated),
        (AccessLevel.ADMIN, USER_ONE, NotAllowed),
        (AccessLevel.ADMIN, ADMIN_ONE, None),
        (AccessLevel.ADMIN, SERVICE_ONE, NotAllowed),
        (AccessLevel.SERVICE, None, NotAuthenticated),
        (AccessLevel.SERVICE, USER_ONE, NotAllowed),
        (AccessLevel.SERVICE, ADMIN_ONE, NotAllowed),
        (AccessLevel.SERVICE, SERVICE_ONE, None),
    ],
)
def test_each_level_admits_whom_it_is_for(level, identity, refusal):
    operation = SimpleNamespace(grant=grant_to(level, "toy.any", "A toy."))

    if refusal is None:
        check_access(operation, identity)
    else:
        with pytest.raises(refusal):
            check_access(operation, identity)


async def test_handler_gets_the_decoded_request():
    reply = await run("toy.create", {"title": "Lawn", "count": 2, "tags": ["a"]})

    assert reply == Create(title="Lawn", count=2, tags=["a"])


async def test_rest_text_becomes_numbers_and_truth_values():
    reply = await run("toy.create", {"title": "Lawn", "count": "2", "urgent": "true"})

    assert (reply.count, reply.urgent) == (2, True)


async def test_socket_text_stays_text():
    with pytest.raises(InvalidRequest):
        await run("toy.create", {"title": "Lawn", "count": "2"}, transport="socket")


@pytest.mark.parametrize(
    "given", [{"name": "Lawn"}, {"name": "Lawn", "title": "lawn"}, {"name": None, "title": "Lawn"}]
)
async def test_old_name_is_understood_beside_the_present_one(given):
    assert (await run("toy.create", given)).title.casefold() == "lawn"


async def test_two_names_that_contradict_each_other_are_refused():
    with pytest.raises(InvalidRequest) as refusal:
        await run("toy.create", {"name": "Old", "title": "New"})

    message = "title is given twice, with different values."
    assert refusal.value.fields["issues"] == [{"path": "title", "message": message}]


async def test_every_fault_is_listed_in_plain_words():
    with pytest.raises(InvalidRequest) as refusal:
        await run(
            "toy.create", {"title": "x", "count": "many", "price": 101, "inner": {"depth": "d"}}
        )

    assert refusal.value.fields["issues"] == [
        {"path": "title", "message": "title must have at least 3 characters."},
        {"path": "count", "message": "count must be a whole number, not text."},
        {"path": "price", "message": "price must be at most 100.0."},
        {"path": "inner.depth", "message": "inner.depth must be a whole number, not text."},
    ]
    assert refusal.value.message.startswith("title must have at least 3 characters.")


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        ({}, "title", "title is required."),
        ({"title": "Lawn", "extra": 1}, "extra", "extra is not known here."),
        ({"title": "Lawn", "inner": {}}, "inner.depth", "inner.depth is required."),
        ({"title": "Lawn", "tags": [1]}, "tags[0]", "tags[0] must be text, not a whole number."),
    ],
)
async def test_fault_names_its_place(arguments, path, message):
    with pytest.raises(InvalidRequest) as refusal:
        await run("toy.create", arguments)

    assert refusal.value.fields["issues"] == [{"path": path, "message": message}]


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", 2**63, "9223372036854775808"])
async def test_number_out_of_range_is_refused(number):
    field = "price" if isinstance(number, str) and not number[0].isdigit() else "count"

    with pytest.raises(InvalidRequest):
        await run("toy.create", {"title": "Lawn", field: number})


def nested(depth):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        *("a\x00b", {"a\x00": 1}, ["ok", {"x": "\x00"}], nested(40), float("nan"), -(2**70)),
        *({None: 1}, {True: 1}, [{7: 1}], {b"a": 1}, {(1,): 1}, "\ud800", [0] * 10_000),
        *("x" * 65_537, b"x" * 65_537),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_shape_that_nothing_can_use_is_refused(value):
    with pytest.raises(InvalidRequest) as refusal:
        await run("toy.any", {"value": value})

    assert refusal.value.fields["issues"][0]["path"] == "value"


async def test_reasonable_nesting_is_fine():
    assert await run("toy.any", {"value": nested(20)}) == {}


async def test_crash_tells_the_caller_nothing():
    with pytest.raises(InternalError) as failure:
        await run("toy.crash")

    assert "secret" not in failure.value.message


async def test_refusal_of_the_handler_passes_unchanged():
    with pytest.raises(Conflict, match="already"):
        await run("toy.refuse")


async def test_limit_is_kept_and_told():
    call = call_by()
    for _ in range(60):
        await dispatch(CATALOGUE.get("toy.create"), call, {"title": "Lawn"})
    assert call.reply_headers["ratelimit-remaining"] == "0"

    with pytest.raises(RateLimited):
        await dispatch(CATALOGUE.get("toy.create"), call, {"title": "Lawn"})

    assert call.reply_headers["ratelimit-limit"] == "60"
    assert call.reply_headers["x-ratelimit-reset"].startswith("17672256")


async def test_account_is_recognised_however_it_is_written():
    call = call_by(identity=None)
    for number, email in enumerate(["Ann@x.org", " ann@x.org", "ANN@X.ORG ", "ann@x.org"] * 2):
        call.peer = str(number)
        if number < 5:
            await dispatch(CATALOGUE.get("toy.sign_in"), call, {"email": email})

    with pytest.raises(RateLimited):
        await dispatch(CATALOGUE.get("toy.sign_in"), call, {"email": "aNN@x.org"})


async def test_socket_call_carries_no_http_headers():
    call = call_by(transport="socket")

    await dispatch(CATALOGUE.get("toy.create"), call, {"title": "Lawn"})

    assert call.reply_headers == {}


async def test_idempotency_key_in_the_body_is_taken_out():
    call = call_by()

    await dispatch(CATALOGUE.get("toy.create"), call, {"title": "Lawn", "idempotencyKey": "k1"})

    assert call.idempotency_key == "k1"


async def test_idempotency_key_of_the_header_wins():
    call = call_by()
    call.idempotency_key = "header"

    await dispatch(CATALOGUE.get("toy.create"), call, {"title": "Lawn", "idempotency_key": "k1"})

    assert call.idempotency_key == "header"


@pytest.mark.parametrize("key", ["k" * 256, 7, "a\x00", "a\n", "\x7f", "\u2028"])
async def test_unfit_idempotency_key_is_refused(key):
    with pytest.raises(InvalidRequest):
        await run("toy.create", {"title": "Lawn", "idempotencyKey": key})


def test_call_knows_its_caller():
    assert call_by().user_id == "u1"
    assert call_by(ADMIN_ONE).is_admin
    assert not call_by(None).is_admin
    assert "anonymous" in repr(call_by(None))
    with pytest.raises(NotAuthenticated):
        _ = call_by(None).user_id
