"""What actors say to each other, and to themselves: frozen, typed with kind and reply."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")


class Message(msgspec.Struct, Generic[K, R], frozen=True, kw_only=True):
    """Something said to an actor: ``Message[Kind, Reply]``.

    ``Kind`` is the marker class of the actors it may be sent to, so that a wrong destination is a
    type error; ``Reply`` is what they answer. A subclass states ``tag="kind.verb"`` once; the tag
    is what travels between nodes and never follows from the class name.
    """


class Continuation(Generic[K]):
    """What an actor goes on with after work outside its mailbox; it never leaves the process.

    So it may carry what no message may: the reply that is owed, the error that was met. It comes
    back to whoever owns the id by then, also when that is an actor loaded afresh. A subclass is a
    frozen dataclass.
    """

    __slots__ = ()


class Deferred(enum.Enum):
    """The type of ``DEFERRED``."""

    DEFERRED = "deferred"


DEFERRED: Final = Deferred.DEFERRED
"""Returned by a handler that took the reply with ``context.defer()`` and answers later."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a piece of slow work ended: ``error`` is None when ``value`` counts."""

    value: T | None = None
    error: Exception | None = None
