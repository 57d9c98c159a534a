"""The collector looks at what is new; what has survived is frozen, and looked at rarely."""

from __future__ import annotations

import gc
import weakref

import pytest
import trio
from bountyexpo import gc_tuning


class Node:
    """Something that can be part of a cycle."""


def make_cycle() -> weakref.ref[Node]:
    node = Node()
    node.own = node
    return weakref.ref(node)


@pytest.fixture
def _installed():
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    gc_tuning.install()
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("_installed")
def test_survivors_of_two_collections_are_frozen_and_still_freed_by_their_count():
    kept, cycle = Node(), make_cycle()
    before = gc.get_freeze_count()

    gc.collect(1)

    assert gc.get_freeze_count() > before
    assert cycle() is None
    seen = weakref.ref(kept)
    del kept
    assert seen() is None


@pytest.mark.usefixtures("_installed")
def test_the_oldest_generation_has_no_turn_of_its_own():
    runs = []
    gc.callbacks.append(lambda phase, info: runs.append(info["generation"]))
    kept = [[number] for number in range(200_000)]

    assert len(kept) == 200_000
    assert {0, 1} <= set(runs)
    assert 2 not in runs


@pytest.mark.usefixtures("_installed")
async def test_a_cycle_among_the_frozen_is_found_once_they_have_doubled(autojump_clock):
    node = Node()
    gc.collect(1)
    node.own = node
    cycle = weakref.ref(node)
    del node
    gc.collect()
    assert cycle() is not None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(gc_tuning.collect_rarely)
        await trio.sleep(gc_tuning.WHOLE_INTERVAL_S + 1)
        assert cycle() is not None
        more = [[number] for number in range(2 * gc.get_freeze_count())]
        gc.collect(1)
        await trio.sleep(gc_tuning.WHOLE_INTERVAL_S)
        assert cycle() is None
        assert more
        nursery.cancel_scope.cancel()
