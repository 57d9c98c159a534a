"""A toy catalogue and the smallest services that can serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from bountyexpo.domain.access import AccessLevel, grant_to, rows
from bountyexpo.domain.identity import Identity
from bountyexpo.errors import (
    AccountClosed,
    Conflict,
    NotAuthenticated,
    SessionRevoked,
    TokenExpired,
    Unavailable,
)
from bountyexpo.operations.call import Call, RawReply
from bountyexpo.operations.catalogue import READ, UNLIMITED, WRITE, Catalogue, Limit, RateClass
from bountyexpo.operations.rate_limits import RateLimiter
from bountyexpo.operations.routes import Alias

from tests.fixed_clock import FixedClock

AUTH = RateClass("auth", per_address=Limit(5, 900), per_identifier=Limit(5, 900))

NOW = datetime(2026, 5, 4, 3, 2, 1, 250000, tzinfo=UTC)

IDENTITIES = {
    "user": Identity(user_id="u1", expires_at=0),
    "admin": Identity(user_id="a1", expires_at=0, is_admin=True),
}


class Verifier:
    async def verify(self, token: str) -> Identity:
        if token == "expired":
            raise TokenExpired
        if token == "left":
            raise SessionRevoked
        if token == "banned":
            raise AccountClosed
        if token == "unlucky":
            raise Unavailable
        if token not in IDENTITIES:
            raise NotAuthenticated
        return IDENTITIES[token]


@dataclass
class Settings:
    allowed_origins: tuple[str, ...] = ("https://app.example",)
    trusted_proxies: tuple = ()
    metrics_token: str | None = "m" * 32
    stripe_secret_key: str | None = "sk_test_x"
    supabase_url: str | None = None


@dataclass
class ToyServices:
    settings: Settings = field(default_factory=Settings)
    verifier: Verifier = field(default_factory=Verifier)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    rate_limiter: Any = None
    not_ready: str | None = None
    webhooks: list = field(default_factory=list)

    def __post_init__(self):
        self.rate_limiter = self.rate_limiter or RateLimiter(self.clock.monotonic)

    def readiness(self) -> str | None:
        return self.not_ready

    def tree(self) -> dict:
        return {"name": "root", "children": []}

    async def receive_webhook(self, raw: bytes, signature: str) -> dict:
        if not signature:
            raise NotAuthenticated("Missing signature")
        self.webhooks.append((raw, signature))
        return {"received": True}


class Place(msgspec.Struct):
    """Where something is."""

    street: str
    floor: int | None = None


class CreateToy(msgspec.Struct):
    """A toy to be made."""

    shop_id: str
    title: Annotated[str, msgspec.Meta(min_length=3, max_length=20)]
    price: Annotated[float, msgspec.Meta(ge=0)] = 0
    kind: Literal["car", "doll"] = "car"
    place: Place | None = None


class ListToys(msgspec.Struct):
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    kinds: list[str] | None = None
    is_new: bool = False


class GetToy(msgspec.Struct):
    toy_id: str


class Toy(msgspec.Struct, kw_only=True):
    """One toy."""

    id: str
    title: str
    created_at: datetime
    idempotency_key: str | None = None


OPEN = ("list", "get", "sign_in", "picture", "crash", "conflict", "busy")
LEVELS = dict.fromkeys(OPEN, AccessLevel.ANYONE) | {
    "create": AccessLevel.USER,
    "wink": AccessLevel.USER,
    "delete": AccessLevel.ADMIN,
}
TOYS = Catalogue(
    rows(*(grant_to(level, f"toy.{name}", "A toy.") for name, level in LEVELS.items()))
)


@TOYS.operation(
    "toy.create",
    http="POST /api/shops/{shop_id}/toys",
    rate=WRITE,
    status=201,
    frame="toy.create",
    aliases=("POST /old/{shopId}/toys",),
    aliased_fields={"shopId": "shop_id", "name": "title"},
)
async def create(call: Call, request: CreateToy) -> Toy:
    """Make a toy.

    It is put into the shop.
    """
    return Toy(
        id=request.shop_id,
        title=request.title,
        created_at=NOW,
        idempotency_key=call.idempotency_key,
    )


@TOYS.operation("toy.list", http="GET /api/toys", rate=READ)
async def list_toys(call: Call, request: ListToys) -> dict[str, Any]:
    """List toys."""
    return {
        "limit": request.limit,
        "kinds": request.kinds,
        "is_new": request.is_new,
        "by": call.identity.user_id if call.identity else None,
    }


@TOYS.operation(
    "toy.get",
    http="GET /api/toys/{toy_id}",
    rate=UNLIMITED,
    aliases=(Alias("GET /old/toy/{toy_id}", reply=lambda toy: [{"toy": toy["id"]}]),),
)
async def get_toy(call: Call, request: GetToy) -> Toy:
    """Show one toy."""
    call.reply_headers["etag"] = '"1"'
    call.reply_status = 203
    return Toy(id=request.toy_id, title="x", created_at=NOW)


@TOYS.operation("toy.delete", http="DELETE /api/toys/{toy_id}", rate=WRITE)
async def delete_toy(call: Call, request: GetToy) -> None:
    """Delete a toy."""


@TOYS.operation("toy.sign_in", http="POST /toys/sign-in", rate=AUTH, heeds_token=False)
async def sign_in(call: Call) -> dict[str, str]:
    """Sign in a toy."""
    return {}


@TOYS.operation("toy.picture", http="GET /api/toy-picture", rate=UNLIMITED)
async def picture(call: Call) -> RawReply:
    """Show a picture."""
    return RawReply(body=b"GIF89a", content_type="image/gif")


@TOYS.operation("toy.crash", http="POST /crash", rate=UNLIMITED)
async def crash(call: Call) -> None:
    """Fail."""
    raise ZeroDivisionError("postgres://secret@host")


@TOYS.operation(
    "toy.conflict",
    http="POST /conflict",
    rate=UNLIMITED,
    aliases=(
        Alias("POST /old/conflict", refusal=lambda error: (418, {"msg": error.message})),
        Alias("POST /older/conflict", refusal=lambda _: None),
    ),
)
async def conflict(call: Call) -> None:
    """Refuse."""
    raise Conflict("You already have it.", current_status="open", details="x", hint="y")


@TOYS.operation("toy.busy", http="POST /busy", rate=UNLIMITED)
async def busy(call: Call) -> None:
    """Be busy."""
    raise Unavailable(retry_after_s=7)


@TOYS.operation("toy.wink", rate=WRITE, frame="wink")
async def wink(call: Call) -> None:
    """Wink over the socket only."""
