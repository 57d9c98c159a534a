"""What may be spoken on a socket: the names that clients offer, and the messages they stand for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subprotocol:
    """One name of the handshake, and the opcode of every data message that follows it."""

    name: str
    opcode: int

    @property
    def encoding(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]
