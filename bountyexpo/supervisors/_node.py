"""The picture of the running tree, for people and for the debug endpoint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One supervisor, pool, job, worker or troubled actor, as it is at this moment."""

    name: str
    kind: str
    state: str
    restarts: int = 0
    mailbox_depth: int = 0
    last_error: str | None = None
    children: tuple[Node, ...] = ()

    def render(self, indent: int = 0) -> str:
        """Return the picture as indented text, one node per line."""
        parts = [f"{'  ' * indent}{self.name} ({self.kind}) {self.state}"]
        if self.restarts:
            parts.append(f"restarts={self.restarts}")
        if self.mailbox_depth:
            parts.append(f"mail={self.mailbox_depth}")
        if self.last_error:
            parts.append(f"last_error={self.last_error}")
        lines = [" ".join(parts), *(child.render(indent + 1) for child in self.children)]
        return "\n".join(lines)


def describe(error: BaseException | None) -> str | None:
    """Return an error as one short line."""
    if error is None:
        return None
    return f"{type(error).__name__}: {error}".rstrip(": ")
