"""The whole catalogue of events: what every area declares, found by stream and type.

Who only declares or sends events needs ``domain.events``; who looks them up needs them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain import events
from bountyexpo.domain.chat import events as chat
from bountyexpo.domain.events import redaction_of, spec_of
from bountyexpo.domain.market import events as market
from bountyexpo.domain.money import events as money
from bountyexpo.domain.users import events as users

if TYPE_CHECKING:
    from bountyexpo.domain.events import EventSpec

__all__ = ["declared", "redaction_of", "spec_of"]

AREAS = (users, money, chat, market)


def declared() -> tuple[EventSpec, ...]:
    """Return the events of all areas, in the order in which each declares them."""
    modules = {area.__name__ for area in AREAS}
    return tuple(spec for spec in events.declared() if spec.struct.__module__ in modules)
