"""The state of a story: its two people, what it is about, and how far it has come.

It is plain data. It can be stored between any two steps, or after a step that failed, and the story
goes on from it with fresh connections: every key in it is fixed when it begins.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field

import msgspec

from bountyexpo.load.client.stream_log import StreamLog

DEPOSIT_CENTS = 10_000
PRICE_CENTS = 5_000
# Five percent, half a cent rounded up (contract money §1.2).
FEE_CENTS = 250
TITLE = "Paint the garden fence"


@dataclass
class Person:
    """One of the two, and all that they have heard."""

    role: str
    username: str
    email: str
    password: str
    user_id: str = ""
    token: str = ""
    log: StreamLog = field(default_factory=StreamLog)


@dataclass
class State:
    """Where the story is. ``key`` makes all its names and idempotency keys.

    ``price_cents`` is what the poster offers, nothing where the work is for honor.
    """

    key: str
    poster: Person
    hunter: Person
    price_cents: int = PRICE_CENTS
    deposit_cents: int = 0
    payment_intent_id: str = ""
    bounty_id: str = ""
    request_id: str = ""
    conversation_id: str = ""
    completion_id: str = ""
    cancellation_id: str = ""
    dispute_id: str = ""
    done: list[str] = field(default_factory=list)

    @property
    def left_cents(self) -> int:
        """What the poster can spend while the price is held."""
        return self.deposit_cents - self.price_cents

    @classmethod
    def new(cls, key: str | None = None, *, price_cents: int = PRICE_CENTS) -> State:
        """Begin a story with two people that nobody knows yet."""
        key = key or secrets.token_hex(5)

        def person(role: str) -> Person:
            name = f"{role}_{key}"
            return Person(role, name, f"{name}@example.com", f"Fence-{key}-9!")

        return cls(key, person("poster"), person("hunter"), price_cents)

    def dump(self) -> bytes:
        """Write it down."""
        return msgspec.json.encode(self)

    @classmethod
    def load(cls, written: bytes) -> State:
        """Read what ``dump`` wrote."""
        return msgspec.json.decode(written, type=cls)

    def id_for(self, what: str) -> str:
        """Return the same UUID each time for the same thing of this story."""
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.key}:{what}").hex
        return str(uuid.UUID(name, version=4))
