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
    """What a client should do after a close code."""

    meaning: str
    reconnect: bool
    resume: bool
    note: str = ""


# What the socket reference publishes, and what tells the session layer if it must keep the replay.
ADVICE: dict[int, Advice] = {
    CloseCode.NORMAL: Advice("client done", reconnect=False, resume=False),
    CloseCode.GOING_AWAY: Advice("going away", reconnect=True, resume=True),
    CloseCode.PROTOCOL_ERROR: Advice("broken frame", reconnect=False, resume=False, note="a bug"),
    CloseCode.WRONG_OPCODE: Advice("wrong opcode", reconnect=False, resume=False, note="a bug"),
    CloseCode.NO_CODE: Advice("closed without a code", reconnect=True, resume=True),
    CloseCode.ABNORMAL: Advice("connection lost", reconnect=True, resume=True),
    CloseCode.UNDECODABLE: Advice("undecodable", reconnect=False, resume=False, note="a bug"),
    CloseCode.TOO_LARGE: Advice(
        "frame too large", reconnect=True, resume=True, note="fix the payload first"
    ),
    CloseCode.SERVER_ERROR: Advice("server error", reconnect=True, resume=True, note="back off"),
    CloseCode.RESTART: Advice(
        "restart", reconnect=True, resume=True, note="after afterMs, without back-off growth"
    ),
    CloseCode.OVERLOAD: Advice("overload", reconnect=True, resume=True, note="after retryAfterMs"),
    CloseCode.PROTOCOL_VIOLATION: Advice(
        "protocol violation", reconnect=True, resume=False, note="at most three tries"
    ),
    CloseCode.NOT_AUTHENTICATED: Advice(
        "no or invalid credentials", reconnect=False, resume=False, note="only with a new token"
    ),
    CloseCode.SUSPENDED: Advice("account suspended", reconnect=False, resume=False),
    CloseCode.IDLE: Advice("hello or heartbeat missing", reconnect=True, resume=True),
    CloseCode.REPLACED: Advice(
        "too many sockets", reconnect=False, resume=False, note="until the app is in front again"
    ),
    CloseCode.REVOKED: Advice("session revoked", reconnect=False, resume=False),
    CloseCode.TOKEN_EXPIRED: Advice(
        "token expired", reconnect=True, resume=True, note="after a refresh"
    ),
    CloseCode.VERSION_UNSUPPORTED: Advice(
        "protocol version unsupported", reconnect=False, resume=False, note="update the app"
    ),
    CloseCode.RATE_LIMITED: Advice(
        "rate limited", reconnect=True, resume=True, note="after retryAfterMs"
    ),
    CloseCode.SLOW_CONSUMER: Advice(
        "slow consumer", reconnect=True, resume=False, note="recover each stream"
    ),
}


def may_resume(code: int) -> bool:
    """Tell whether a session that ended with ``code`` may be resumed; unknown codes may not."""
    advice = ADVICE.get(code)
    return advice is not None and advice.resume
