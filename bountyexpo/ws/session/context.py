"""What every session works with, put together once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

from bountyexpo.operations.catalogue import CATALOGUE, Catalogue
from bountyexpo.ws.session.limits import SessionLimits, Timings
from bountyexpo.ws.session.resumable import SessionT

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.services import Authority, Services
    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.listener import NewId, Reader
    from bountyexpo.ws.admission import Admission
    from bountyexpo.ws.session.feature import Features
    from bountyexpo.ws.session.frame_rate import FrameRate
    from bountyexpo.ws.session.resumable import ResumableSessions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext(Generic[SessionT]):
    """The surroundings of the sessions of one process; the same object for all of them.

    Generic in the type of a session, whose file imports this one; it is ``Session`` always.
    """

    now: Callable[[], datetime]
    new_id: NewId
    hub: Hub
    reader: Reader
    # What calls of operations are carried out with.
    services: Services
    admission: Admission
    frame_rate: FrameRate
    # Who bears a token, and whether a known caller may still act; and whose a ticket is.
    authority: Authority
    redeem: Callable[[str], Identity | None]
    features: Features[SessionT]
    resumable: ResumableSessions[SessionT]
    catalogue: Catalogue = CATALOGUE
    limits: SessionLimits = field(default_factory=SessionLimits)
    timings: Timings = field(default_factory=Timings)
