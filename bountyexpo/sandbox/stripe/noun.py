"""A kind of object of Stripe's API, declared: its address, what may be done with it, what it names.

Reading one and listing them come by themselves. A new noun is a file in ``nouns`` and a line in
``nouns/catalogue``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from bountyexpo.sandbox.stripe.store import Answer
from bountyexpo.sandbox.stripe.work import Json, Work

# Given the object that it is called on; a new one of a parent is given the parent.
Run: TypeAlias = Callable[[Work, Json], Awaitable[Json | Answer]]


class Action(msgspec.Struct, frozen=True):
    """A request that changes something, and the parameters that it knows."""

    run: Run
    params: frozenset[str] = frozenset()


def action(run: Run, *params: str) -> Action:
    """Return an action with these parameters."""
    return Action(run, frozenset(params))


class Noun(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of object.

    ``actions`` are named by method and by what follows the noun's address: nothing, the id of the
    object, or that and a verb. The address of one with a ``parent`` has ``<parent_id>`` in it, and
    its objects name their parent in a field of the parent's name, or of ``parent_field``.
    """

    name: str
    path: str
    parent: str | None = None
    parent_field: str | None = None
    # What its objects call themselves, where that is not the noun's name.
    kinds: tuple[str, ...] = ()
    # One that cannot be read or listed is only made.
    is_listed: bool = True
    # Only the platform has it; no connected account does.
    is_platform: bool = False
    actions: Mapping[tuple[str, str], Action] = msgspec.field(default_factory=dict)
    # Fields of the objects by which a list may be narrowed.
    filters: frozenset[str] = frozenset()
    # Fields that hold the id of another object, which is shown whole when asked for.
    expandable: frozenset[str] = frozenset()

    @property
    def known_as(self) -> tuple[str, ...]:
        """What its objects call themselves."""
        return self.kinds or (self.name,)

    @property
    def of(self) -> str:
        """The field of its objects that names their parent."""
        assert self.parent is not None
        return self.parent_field or self.parent
