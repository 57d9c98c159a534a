"""The actor mechanism: messages, mailboxes, refs, timers, time. Knows nothing of the marketplace.

Actors are run by the pools of ``bountyexpo.supervisors``; what is here can be read, and tested,
without them.
"""

from __future__ import annotations

from bountyexpo.runtime._actor import Actor, Context, Timer
from bountyexpo.runtime._ask import Ask, Reply
from bountyexpo.runtime._mailbox import Item, Mailbox, MailboxStatistics
from bountyexpo.runtime._message import DEFERRED, Continuation, Deferred, Message, Outcome
from bountyexpo.runtime._ref import ASK_TIMEOUT_S, Destination, Ref
from bountyexpo.runtime._wheel import TimerWheel
from bountyexpo.runtime.clock import Clock, RandomSource, SystemClock, system_random

__all__ = [
    "ASK_TIMEOUT_S",
    "DEFERRED",
    "Actor",
    "Ask",
    "Clock",
    "Context",
    "Continuation",
    "Deferred",
    "Destination",
    "Item",
    "Mailbox",
    "MailboxStatistics",
    "Message",
    "Outcome",
    "RandomSource",
    "Ref",
    "Reply",
    "SystemClock",
    "Timer",
    "TimerWheel",
    "system_random",
]
