"""What one worker is to do: everything it needs, on one line of JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

SCENARIOS = ("connect", "idle", "chat", "room", "rest", "story", "reconnect", "mixed")

# What each scenario is judged by: the name of its main time.
MAIN_TIME = {
    "connect": "welcomed",
    "idle": "pong",
    "chat": "delivered",
    "room": "delivered",
    "rest": "answered",
    "story": "story",
    "reconnect": "back",
    "mixed": "delivered",
}


class Plan(msgspec.Struct, kw_only=True):
    """The part of one worker in a run; ``tokens`` are the people it plays."""

    scenario: str
    url: str
    tokens: list[str]
    run: str
    worker: int = 0
    workers: int = 1
    connections: int = 1
    rate: float = 0.0
    duration_s: float = 10.0
    ramp_s: float = 0.0
    payload_bytes: int = 60
    codec: str = "json"
    sources: list[str] = []
    # Bounties that everybody watches (scenario room), or reads (scenario rest).
    bounties: list[str] = []
    # How many people may apply to each of them: those of the first worker (scenario room).
    room_size: int = 1
    # Connections that are cut per second, and whether the server may be away for a while.
    drops_per_s: float = 0.0
    is_patient: bool = False
    # Whether people come back by their session first, and by streams only where it is gone.
    is_resuming: bool = False
    drain_s: float = 15.0
    # Of somebody who may judge disputes (scenario story).
    admin_token: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 80

    def text(self) -> str:
        """A message of the wanted size."""
        words = "Shall we meet at the fence at noon? I bring the green paint. "
        return (words * (self.payload_bytes // len(words) + 1))[: max(1, self.payload_bytes)]

    def message_id(self, number: int) -> str:
        """The client id of a message: a UUID that says whose run it is, and its number."""
        return f"{self.run}-{self.worker:04x}-4000-8000-{number:012d}"

    def message_number(self, client_msg_id: str | None) -> int | None:
        """The number of a message of this worker in this run, or None."""
        if client_msg_id and client_msg_id.startswith(f"{self.run}-{self.worker:04x}-"):
            return int(client_msg_id[-12:])
        return None


class Heard(msgspec.Struct, rename="camel"):
    """What the scenarios read of a frame; anything else is skipped unparsed."""

    type: str
    re: str | None = None
    n: int = 0
    sid: str | None = None
    resumed: bool = False
    stream: str | None = None
    seq: int | None = None
    epoch: Any = None
    replay: bool = False
    client_msg_id: str | None = None
    sender_id: str | None = None
    user_id: str | None = None
    code: str | None = None
    message: Any = None
    retryable: bool = False
    retry_after_ms: float = 100.0
    after_ms: float = 0.0
    t: Any = None
    duplicate: bool = False
    heads: dict[str, Any] = {}
    streams: list[str] = []
    limited: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    result: Any = None
