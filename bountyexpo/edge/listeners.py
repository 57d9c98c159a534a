"""Where to listen: the sockets of every address that a host stands for.

``::`` means every address of this machine, those of IPv4 too, whatever the system's default for it
is; a name such as ``localhost`` may stand for several addresses, and clients use any of them.
"""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import Final

from bountyexpo.domain.addresses import EVERY_IPV6

# The usual length of the queue of connections that nobody has accepted yet.
BACKLOG: Final = 4096

# A name may stand for an address of a protocol that this machine does not speak.
NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def open_listeners(
    host: str, port: int, *, backlog: int = BACKLOG, reuse_port: bool = False
) -> list[socket.socket]:
    """Listen at every address of ``host``, at one port; 0 is any that is free.

    Raises:
        OSError: nobody can listen there, or somebody does already.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    missing: OSError | None = None
    with ExitStack() as opened:
        listeners: list[socket.socket] = []
        for family, address in dict.fromkeys((family, info) for family, *_, info in found):
            bound = listeners[0].getsockname()[1] if listeners else port
            try:
                listener = socket.create_server(
                    (address[0], bound, *address[2:]),
                    family=family,
                    backlog=backlog,
                    reuse_port=reuse_port,
                    dualstack_ipv6=address[0] == EVERY_IPV6,
                )
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                missing = error
                continue
            listener.setblocking(False)
            listeners.append(opened.enter_context(listener))
        if not listeners:
            raise missing or OSError(errno.EADDRNOTAVAIL, "no address")
        opened.pop_all()
    return listeners
