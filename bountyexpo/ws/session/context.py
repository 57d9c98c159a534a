"""What every session works with, put together once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bountyexpo.operations.catalogue import CATALOGUE, Catalogue
from bountyexpo.ws.session.limits import SessionLimits, Timings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bountyexpo.domain.identity import Identity
    from bountyexpo.operations.call import Services, Verifier
    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.listener import NewId, Reader
    from bountyexpo.realtime.presence import Presence
    from bountyexpo.realtime.typing_tracker import TypingTracker
    from bountyexpo.realtime.unread_counts import UnreadCounts
    from bountyexpo.ws.admission import Admission


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext:
    """The surroundings of the sessions of one process; the same object for all of them."""

    services: Services
    now: Callable[[], datetime]
    hub: Hub
    reader: Reader
    new_id: NewId
    admission: Admission
    presence: Presence
    typing: TypingTracker
    unread: UnreadCounts
    # How a token is checked without touching the account, how an account is made of an identity,
    # and whose a ticket is.
    tokens: Verifier
    make_account: Callable[[Identity], Awaitable[None]]
    redeem: Callable[[str], Identity | None]
    catalogue: Catalogue = CATALOGUE
    limits: SessionLimits = field(default_factory=SessionLimits)
    timings: Timings = field(default_factory=Timings)
