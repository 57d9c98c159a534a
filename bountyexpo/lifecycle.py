"""Running the service as a process: start, drain when told to stop, end.

The order of a clean stop: readiness goes off, sockets are asked to come back elsewhere, requests in
flight finish, then the tree stops from the edge inwards. The grace time bounds all of it.

Whoever stops a process may say so twice: ``make`` and ``timeout`` hand a signal on that the whole
group has heard. So a termination that is repeated is the same one, and only somebody at a terminal
who interrupts again, later, wants the end at once.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import trio

from bountyexpo import gc_tuning
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bountyexpo.app import App

# Of the grace time, sockets get this share to move; requests in flight get the rest.
SOCKETS_SHARE = 0.6

# Signals within this time of the first one are the same order, handed on.
ONE_ORDER_S = 2.0

# After the grace time the tree has this long before the process just ends.
ABORT_S = 2.0

EXIT_ABORTED = 1

log = get_logger(__name__)


async def serve(app: App, on_started: Callable[[], None]) -> None:
    """Serve until a signal; returns after a clean stop.

    Raises:
        SupervisorFailed: the tree could not be kept up.
        DatabaseRefused: the database can never be used as it is.
    """
    grace_s = app.settings.shutdown_grace_s
    if app.settings.redis_url is not None:
        log.warning("REDIS_URL is set, but this version runs as one process without it")
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(_run_tree, app, nursery.cancel_scope)
            gc_tuning.install()
            metrics.install_gc_metric()
            nursery.start_soon(gc_tuning.collect_rarely)
            nursery.start_soon(_end_when_refused, app)
            on_started()
            await anext(signals)
            log.info("draining", grace_s=grace_s)
            nursery.start_soon(_abort_on_interrupt, signals)
            nursery.start_soon(_abort_after, grace_s + ABORT_S)
            with trio.move_on_after(grace_s):
                await app.drain(grace_s * SOCKETS_SHARE)
            app.root.stop()


async def _run_tree(
    app: App, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    """Run the tree; when it has ended in good order there is nothing left to wait for."""
    await app.root.run(task_status=task_status)
    scope.cancel()


async def _end_when_refused(app: App) -> None:
    raise await app.wait_refused()


async def _abort_on_interrupt(signals: AsyncIterator[int]) -> None:
    """End the process at a later interrupt, whatever is still going on."""
    told_at = trio.current_time()
    async for number in signals:
        if number == signal.SIGINT and trio.current_time() - told_at > ONE_ORDER_S:
            log.warning("interrupted again: stopping at once")
            _abort()


async def _abort_after(seconds: float) -> None:
    await trio.sleep(seconds)
    log.error("the grace time is over: stopping at once")
    _abort()


def _abort() -> None:
    # What was acknowledged is durable; nothing else is owed to anybody.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_ABORTED)
