"""The frame of an event: its fields, and where it stands in its stream.

A committed event gives the same frame whenever it is told, live or replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.domain.event_catalogue import redaction_of
from bountyexpo.domain.events import payload_of

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.domain.events import Event
    from bountyexpo.realtime.listener import StreamEvent


def full(source: StreamEvent) -> dict[str, Any]:
    """Return what those see whom it concerns; the envelope wins over a field of the same name."""
    return {**source.payload, **_envelope(source, source.type)}


def redacted(source: StreamEvent) -> dict[str, Any]:
    """Return what others see of a private event, so that no number is missing."""
    kind, id_field = redaction_of(source.stream)
    entity_id = source.stream.partition(":")[2]
    return {id_field: entity_id, **_envelope(source, kind)}


def ephemeral(event: Event, now: datetime) -> dict[str, Any]:
    """Return the frame of an event that has no number."""
    return {"type": event.spec().type, **payload_of(event), "timestamp": now}


def _envelope(source: StreamEvent, kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "stream": source.stream,
        "seq": source.seq,
        "epoch": source.epoch,
        "timestamp": source.created_at,
    }
