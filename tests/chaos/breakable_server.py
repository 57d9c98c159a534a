"""The real server with a hand inside that breaks its parts, on a port that only tests know.

``CHAOS_PORT=… python -m tests.chaos.breakable_server`` serves as ``bountyexpo serve`` does. Each
line on the port is an order, answered with a line when it was carried out:

    child NAME          a child of the tree fails as by a bug, wherever it waits; it runs again
    actor KIND before   the next actor of a kind to get a message crashes instead of handling it
    actor KIND after    ... or when it has handled it and has still to answer
    cut before COUNT    the process is killed once so many decisions are about to commit
    cut after COUNT     ... or have committed and are still to be answered
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from bountyexpo.app import App
from bountyexpo.lifecycle import serve
from bountyexpo.observability import logs
from bountyexpo.persistence.transaction import Transaction
from bountyexpo.sandbox.emulators import with_ports
from bountyexpo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bountyexpo.runtime import Actor, Context
    from bountyexpo.supervisors import ActorPool, ChildSpec, Supervisor

    Handler = Callable[[Any], Awaitable[Any]]


# Tests break more, and faster, than a supervisor bears; that it gives up is tested with it.
INTENSITY = 1_000


class Breakage(Exception):
    """A bug."""


class Weak:
    """A child that fails on demand."""

    def __init__(self, spec: ChildSpec) -> None:
        self._spec = spec
        self._order = trio.Event()
        self._is_up = trio.Event()

    async def start(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run the child beside what may break it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._fail)
            await nursery.start(self._run, nursery)
            self._is_up.set()
            task_status.started()

    async def break_down(self) -> None:
        """Let it fail, and wait until its supervisor has started it again."""
        await self._is_up.wait()
        self._is_up = trio.Event()
        self._order.set()
        await self._is_up.wait()

    async def _run(self, nursery: trio.Nursery, *, task_status: trio.TaskStatus[None]) -> None:
        await self._spec.start(task_status=task_status)
        nursery.cancel_scope.cancel()

    async def _fail(self) -> None:
        self._order = trio.Event()
        await self._order.wait()
        raise Breakage(f"{self._spec.id} was broken")


class WeakKind:
    """The actors of one kind, of which the next one at work crashes on demand."""

    def __init__(self, pool: ActorPool) -> None:
        self._make = pool.config.factory
        self._wanted = ""
        self._crashed = trio.Event()
        pool.config = dataclasses.replace(pool.config, factory=self.make)

    def make(self, actor_id: str, context: Context) -> Actor:
        """Make an actor that looks for orders."""
        actor = self._make(actor_id, context)
        actor.handle = self._weaken(actor, actor.handle)  # type: ignore[method-assign]
        go_on = self._weaken(actor, actor.continue_with)
        actor.continue_with = go_on  # type: ignore[method-assign]
        return actor

    def _weaken(self, actor: Actor, handle: Handler) -> Handler:
        async def handle_or_crash(message: Any) -> Any:
            self._crash_if("before", actor)
            reply = await handle(message)
            self._crash_if("after", actor)
            return reply

        return handle_or_crash

    async def crash(self, moment: str) -> None:
        """Let the next actor at work crash, and wait until one has."""
        self._crashed = trio.Event()
        self._wanted = moment
        await self._crashed.wait()

    def _crash_if(self, moment: str, actor: Actor) -> None:
        if self._wanted == moment:
            self._wanted = ""
            self._crashed.set()
            raise Breakage(f"{actor} was broken {moment} its message")


class Cut:
    """Stops decisions at one side of their commit, and kills the process at the last of them."""

    def __init__(self) -> None:
        self._moment, self._left = "", 0
        command = Transaction._command

        async def command_or_die(tx: Transaction, sql: bytes) -> None:
            # Each decision about a bounty leaves a record of it, and nothing else does.
            is_meant = sql == b"commit" and any(r["category"] == "bounty" for r in tx._records)
            if is_meant:
                await self._reach("before")
            await command(tx, sql)
            if is_meant:
                await self._reach("after")

        Transaction._command = command_or_die  # type: ignore[method-assign]

    def wait_for(self, moment: str, count: str) -> None:
        """Die when so many have come there."""
        self._moment, self._left = moment, int(count)

    async def _reach(self, moment: str) -> None:
        if moment != self._moment:
            return
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        await trio.sleep_forever()


class Hand:
    """Takes orders and carries them out."""

    def __init__(self, app: App) -> None:
        self._children = dict(weaken(app.root))
        self._kinds = {pool.kind: WeakKind(pool) for pool in app.actors.pools}
        self._cut = Cut()

    async def obey(self, stream: trio.SocketStream) -> None:
        """Serve one client."""
        rest = b""
        async for data in stream:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                await self._carry_out(*line.decode().split())
                await stream.send_all(b"done\n")

    async def _carry_out(self, what: str, name: str, *how: str) -> None:
        if what == "child":
            await self._children[name].break_down()
        elif what == "cut":
            self._cut.wait_for(name, *how)
        else:
            await self._kinds[name].crash(*how)


def weaken(supervisor: Supervisor) -> Iterator[tuple[str, Weak]]:
    """Put a weak child into the place of each worker below a supervisor that does not run yet."""
    specs = []
    supervisor.intensity = INTENSITY
    for spec in supervisor._specs:
        if spec.kind == "supervisor":
            yield from weaken(spec.start.__self__)  # type: ignore[attr-defined]
            specs.append(spec)
        else:
            weak = Weak(spec)
            yield spec.id, weak
            specs.append(dataclasses.replace(spec, start=weak.start))
    supervisor._specs = tuple(specs)


async def main() -> None:
    settings = with_ports(Settings.load(os.environ))
    logs.configure(settings.log_level, json=True)
    app = App(settings)
    hand = Hand(app)
    async with trio.open_nursery() as nursery:
        port = int(os.environ["CHAOS_PORT"])
        await nursery.start(partial(trio.serve_tcp, hand.obey, port, host="127.0.0.1"))
        await serve(app, say_that_it_serves)
        nursery.cancel_scope.cancel()


def say_that_it_serves() -> None:
    sys.stdout.write("the breakable server serves on its port\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main)
