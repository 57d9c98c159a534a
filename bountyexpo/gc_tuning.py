"""When the garbage collector runs, and over what: its pauses stop everybody.

Nearly everything here is freed by its reference count; the collector is needed for cycles only. A
full collection looks at every object there is, and with ten thousand sessions that takes a quarter
of a second. So what has survived is frozen after every few collections, and later ones do not look
at it. Frozen objects are still freed by their counts; a cycle that forms among them is found by the
rare whole collection, which runs when the frozen part has doubled, and at most once an hour.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping

# New containers, less those freed, before a young collection; so many of these before an older
# one. The oldest generation is empty, because survivors are frozen: its own turn never comes.
THRESHOLDS = (5_000, 2, 1_000_000)

WHOLE_INTERVAL_S = 3600.0


def install() -> None:
    """Freeze all that the start has left, and from now on what survives."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    if _freeze_survivors not in gc.callbacks:
        gc.callbacks.append(_freeze_survivors)


async def collect_rarely() -> None:
    """Look at everything once the frozen part has doubled; runs until cancelled."""
    frozen_before = gc.get_freeze_count()
    while True:
        await trio.sleep(WHOLE_INTERVAL_S)
        if gc.get_freeze_count() > 2 * frozen_before:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            frozen_before = gc.get_freeze_count()


def _freeze_survivors(phase: str, info: Mapping[str, int]) -> None:
    """Follow the collector (the signature is the interpreter's)."""
    if phase == "stop" and info["generation"] == 1:
        gc.freeze()
