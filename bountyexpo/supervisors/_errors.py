"""How supervision fails. These never reach a client, so they are not ``BountyExpoError``s.

Exception groups are split here and nowhere else: a child that opened a nursery fails with a
group, and whoever reads the log wants the cause.
"""

from __future__ import annotations


class SupervisorFailed(Exception):
    """A child could not be kept running, so its supervisor gave up and failed upward."""

    def __init__(self, supervisor: str, child: str, error: Exception | None) -> None:
        self.supervisor = supervisor
        self.child = child
        self.last_error = error
        why = "ended too often" if error is None else f"{type(error).__name__}: {error}"
        super().__init__(f"supervisor {supervisor!r} gave up on {child!r} ({why})")


class ChildRefused(Exception):
    """A supervisor was asked for something that its children's state does not allow."""


def root_cause(error: Exception) -> Exception:
    """Return the one error inside nested groups; a group of several stays a group."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
