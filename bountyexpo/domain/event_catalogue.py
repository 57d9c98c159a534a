"""The whole catalogue of events: what every area declares, found by stream and type.

Who only declares or sends events needs ``domain.events``; who looks them up needs them all.
"""

from __future__ import annotations

from bountyexpo.domain.chat import events as chat
from bountyexpo.domain.events import declared, redaction_of, spec_of
from bountyexpo.domain.market import events as market
from bountyexpo.domain.money import events as money
from bountyexpo.domain.users import events as users

__all__ = ["AREAS", "declared", "redaction_of", "spec_of"]

AREAS = (users, money, chat, market)
