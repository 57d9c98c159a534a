"""A branch of the supervisor tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.supervisors import ChildSpec, Strategy, Supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence


def branch(
    name: str, children: Sequence[ChildSpec], *, strategy: Strategy = Strategy.ONE_FOR_ONE
) -> ChildSpec:
    """Return the spec of a supervisor over ``children``."""
    return Supervisor(name, children, strategy=strategy).as_child()
