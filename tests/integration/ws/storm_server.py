"""A server in a process of its own with few descriptors: ``python -m … LIMIT`` prints its port."""

from __future__ import annotations

import resource
import sys

import trio
from bountyexpo.ws.acceptor import Acceptor, AcceptorSettings
from bountyexpo.ws.direct_door import DirectDoor
from bountyexpo.ws.quart_door import QuartDoor

from tests.integration.ws.direct_site import NOW, Answers, application


async def main() -> None:
    quart = QuartDoor(application())
    door = DirectDoor(Answers().find, quart, lambda: NOW)
    acceptor = Acceptor((door, quart), AcceptorSettings(host="127.0.0.1", port=0))
    async with trio.open_nursery() as nursery:
        await nursery.start(quart.run)
        await nursery.start(door.run)
        port = await nursery.start(acceptor.run)
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), hard))
    trio.run(main)
