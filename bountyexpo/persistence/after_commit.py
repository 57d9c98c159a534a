"""Who is told of a commit, and the bell that the relay of effects waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bountyexpo.persistence.streams import StreamEvent


@dataclass(frozen=True, slots=True)
class AfterCommit:
    """What happens after a transaction has committed; neither may block or raise.

    ``publish`` gets the stream events, in the order of the decision; ``wake_relay`` is called when
    effects were left in the outbox.
    """

    publish: Callable[[Sequence[StreamEvent]], None]
    wake_relay: Callable[[], None]


class Bell:
    """Rung by one part and waited for by another, and made before both.

    What rings while nobody waits is heard by the next who does.
    """

    __slots__ = ("_rung",)

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake who waits, or who waits next."""
        self._rung.set()

    async def wait(self, at_most_s: float) -> None:
        """Wait until it is rung, or for so long."""
        with trio.move_on_after(at_most_s):
            await self._rung.wait()
        self._rung = trio.Event()
