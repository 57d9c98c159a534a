"""Close codes of the socket protocol, and what each asks of the client (contract realtime §4.9).

The client's published back-off is full jitter, base 1 s, doubling, at most 30 s, and a fresh start
after 5 s of a stable connection; it honours ``afterMs`` and ``retryAfterMs`` where they are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class CloseCode(IntEnum):
    """A WebSocket close code that this service sends, receives or reports."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    WRONG_OPCODE = 1003
    # The next two are never on the wire: a close frame without a code, and no close frame at all.
    NO_CODE = 1005
    ABNORMAL = 1006
    UNDECODABLE = 1007
    TOO_LARGE = 1009
    SERVER_ERROR = 1011
    RESTART = 1012
    OVERLOAD = 1013
    PROTOCOL_VIOLATION = 4400
    NOT_AUTHENTICATED = 4401
    SUSPENDED = 4403
    IDLE = 4408
    REPLACED = 4409
    REVOKED = 4410
    TOKEN_EXPIRED = 4411
    VERSION_UNSUPPORTED = 4426
    RATE_LIMITED = 4429
    SLOW_CONSUMER = 4430


@dataclass(frozen=True, slots=True)
class Advice:
    """What a code means to a client; ``resume`` is also why a session is kept or not."""

    meaning: str
    reconnect: str
    resume: bool


# The references of the socket are written from this, and sessions that may be resumed are kept.
ADVICE: dict[int, Advice] = {
    CloseCode.NORMAL: Advice("The client is done", "no", resume=False),
    CloseCode.GOING_AWAY: Advice("The page or app is going away", "yes", resume=True),
    CloseCode.PROTOCOL_ERROR: Advice("Broken frame", "no, it is a bug", resume=False),
    CloseCode.WRONG_OPCODE: Advice("Wrong kind of frame", "no, it is a bug", resume=False),
    CloseCode.NO_CODE: Advice("Closed without a code", "yes", resume=True),
    CloseCode.ABNORMAL: Advice("Lost without a close frame", "yes, with backoff", resume=True),
    CloseCode.UNDECODABLE: Advice(
        "A frame that cannot be decoded", "no, it is a bug", resume=False
    ),
    CloseCode.TOO_LARGE: Advice("Frame too large", "yes, with a smaller one", resume=True),
    CloseCode.SERVER_ERROR: Advice("A fault on our side", "yes, with backoff", resume=True),
    CloseCode.RESTART: Advice("Restart", "yes, after afterMs", resume=True),
    CloseCode.OVERLOAD: Advice("Overload", "yes, after retryAfterMs", resume=True),
    CloseCode.PROTOCOL_VIOLATION: Advice("Protocol violation", "at most 3 times", resume=False),
    CloseCode.NOT_AUTHENTICATED: Advice(
        "No valid credentials", "with a new token only", resume=False
    ),
    CloseCode.SUSPENDED: Advice("Account suspended", "no", resume=False),
    CloseCode.IDLE: Advice("No hello or no heartbeat in time", "yes, with backoff", resume=True),
    CloseCode.REPLACED: Advice(
        "Replaced by a newer socket", "when the app is in front again", resume=False
    ),
    CloseCode.REVOKED: Advice("Signed out, or session revoked", "no", resume=False),
    CloseCode.TOKEN_EXPIRED: Advice("Token expired", "after a refresh", resume=True),
    CloseCode.VERSION_UNSUPPORTED: Advice(
        "Protocol version not supported", "no, update the app", resume=False
    ),
    CloseCode.RATE_LIMITED: Advice("Too many requests", "after retryAfterMs", resume=True),
    CloseCode.SLOW_CONSUMER: Advice(
        "Reads too slowly", "yes, and sync stream by stream", resume=False
    ),
}


def may_resume(code: int) -> bool:
    """Tell whether a session that ended with ``code`` may be resumed; unknown codes may not."""
    advice = ADVICE.get(code)
    return advice is not None and advice.resume
