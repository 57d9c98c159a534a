"""Thousands of connections for little CPU: raw descriptors on one epoll, and nothing per task.

No task, no stream object and no library stands behind a connection, so that a load client on the
same machine leaves the machine to the server. Sockets (``fleet.py``) and plain HTTP
(``requests.py``) are built on it.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import TYPE_CHECKING

from bountyexpo.close_codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_BYTES = 65_536
# Connections from one source address to one port are limited by the range of local ports.
CONNECTIONS_PER_ADDRESS = 20_000
# Events taken from the kernel at a time.
EVENTS_AT_ONCE = 1024
# IP_BIND_ADDRESS_NO_PORT lets the kernel choose the local port at connect.
BIND_NO_PORT = 24

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class FleetFailed(Exception):
    """The connections could not be opened or kept open."""


class Connection:
    """One connection; ``number`` says which of the fleet it is, also after it was opened again."""

    __slots__ = ("close_code", "descriptor", "incoming", "is_writing", "number", "outgoing")

    def __init__(self, number: int) -> None:
        self.number = number
        self.descriptor: socket.socket | None = None
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.is_writing = False
        self.close_code: int | None = None


class Connections:
    """Many connections to one server; nothing happens outside of ``pump``.

    ``sources`` are the local addresses to come from, in turn; without any, a client of the
    loopback takes one more 127.0.0.x for every 20,000 connections.
    """

    def __init__(self, address: tuple[str, int], *, sources: Sequence[str] = ()) -> None:
        self._address = address
        self._sources = tuple(sources)
        self._epoll = select.epoll()
        self._by_fd: dict[int, Connection] = {}

    def pump(self, timeout_s: float) -> None:
        """Serve what is ready, waiting at most ``timeout_s`` for it."""
        by_fd = self._by_fd
        for fd, events in self._epoll.poll(max(timeout_s, 0), EVENTS_AT_ONCE):
            connection = by_fd.get(fd)
            if connection is None:
                continue
            if events & _OUT:
                self._flush(connection)
            if events & ~_OUT and connection.descriptor is not None:
                self._receive(connection)

    def send(self, connection: Connection, data: bytes) -> None:
        """Send now, or when the kernel has room; what is sent to a closed connection is gone."""
        descriptor = connection.descriptor
        if descriptor is None:
            return
        if connection.is_writing:
            connection.outgoing += data
            return
        try:
            sent = descriptor.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(connection, error.errno or CloseCode.ABNORMAL)
            return
        if sent < len(data):
            connection.outgoing += data[sent:]
            self._watch(connection, is_writing=True)

    def drop(self, connection: Connection) -> None:
        """Cut a connection without a word; nobody is told."""
        if connection.descriptor is not None:
            self._forget(connection)

    def close(self) -> None:
        """Cut every connection."""
        for connection in list(self._by_fd.values()):
            self._forget(connection)
        self._epoll.close()

    def _connect(self, connection: Connection, first: bytes) -> None:
        """Begin to open a connection, and send ``first`` over it.

        Raises:
            FleetFailed: When this machine cannot even begin.
        """
        descriptor = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        descriptor.setblocking(False)
        descriptor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source := self._source(connection.number):
            descriptor.setsockopt(socket.IPPROTO_IP, BIND_NO_PORT, 1)
            descriptor.bind((source, 0))
        problem = descriptor.connect_ex(self._address)
        if problem not in (0, errno.EINPROGRESS):
            descriptor.close()
            host, port = self._address
            raise FleetFailed(f"cannot connect to {host}:{port}: {errno.errorcode[problem]}")
        connection.descriptor = descriptor
        connection.close_code = None
        connection.is_writing = True
        connection.incoming.clear()
        connection.outgoing[:] = first
        self._by_fd[descriptor.fileno()] = connection
        self._epoll.register(descriptor.fileno(), _IN | _OUT)

    def _source(self, number: int) -> str | None:
        if self._sources:
            return self._sources[number % len(self._sources)]
        if self._address[0].startswith("127."):
            return f"127.0.0.{1 + number // CONNECTIONS_PER_ADDRESS}"
        return None

    def _flush(self, connection: Connection) -> None:
        assert connection.descriptor is not None
        try:
            sent = connection.descriptor.send(connection.outgoing) if connection.outgoing else 0
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(connection, error.errno or CloseCode.ABNORMAL)
            return
        del connection.outgoing[:sent]
        if not connection.outgoing:
            self._watch(connection, is_writing=False)

    def _watch(self, connection: Connection, *, is_writing: bool) -> None:
        assert connection.descriptor is not None
        connection.is_writing = is_writing
        self._epoll.modify(connection.descriptor.fileno(), _IN | (_OUT if is_writing else 0))

    def _receive(self, connection: Connection) -> None:
        assert connection.descriptor is not None
        try:
            data = connection.descriptor.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(connection, CloseCode.ABNORMAL)
            return
        connection.incoming += data
        self._received(connection)

    def _received(self, connection: Connection) -> None:
        """Use what is in ``connection.incoming``; a kind of connection says how."""

    def _lost(self, connection: Connection) -> None:
        """Learn that a connection ended, with ``connection.close_code``."""

    def _lose(self, connection: Connection, code: int) -> None:
        if connection.descriptor is not None:
            connection.close_code = code
            self._forget(connection)
            self._lost(connection)

    def _forget(self, connection: Connection) -> None:
        assert connection.descriptor is not None
        del self._by_fd[connection.descriptor.fileno()]
        self._epoll.unregister(connection.descriptor.fileno())
        connection.descriptor.close()
        connection.descriptor = None
        connection.is_writing = False
