"""Bounds and times of the socket protocol (contract realtime §4.2-§4.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from bountyexpo.ws.transport.limits import Limits


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one session may ask of us; ``enabled=False`` lifts the frame rate, for load tests.

    ``transport`` bounds the socket below it: the poller is made with the same object.
    """

    transport: Limits = field(default_factory=Limits)
    enabled: bool = True
    frames_per_s: float = 20.0
    frames_burst: int = 60
    # Breaches of one kind within the window that end the socket.
    strikes_max: int = 3
    strikes_window_s: float = 60.0
    # Frames of one socket that wait for their turn.
    queue_frames_max: int = 256
    sockets_per_user: int = 10
    sockets_max: int = 50_000
    subscriptions_max: int = 200
    conversations_listed_max: int = 500
    heads_listed_max: int = 200
    reply_bytes_max: int = 256 * 1024
    replay_stream_events_max: int = 200
    replay_events_max: int = 2_000
    replay_bytes_max: int = 1024 * 1024
    # Events that wait behind a replay; what does not fit is announced as a gap.
    buffered_frames_max: int = 1_024
    buffered_bytes_max: int = 512 * 1024


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each step may take; the heartbeat and its limit are the transport's."""

    hello_s: float = 10.0
    authenticating_s: float = 15.0
    # How long before its end a token is asked for anew, and how long after it is still served.
    expiry_notice_s: float = 60.0
    expiry_grace_s: float = 30.0
    # How long a replay waits for room; the transport ends a stuck socket before that.
    room_s: float = 30.0
    # A late duplicate of a replayed event arrives within this time or never.
    watermark_s: float = 60.0
