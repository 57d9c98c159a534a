"""Thousands of connections for little CPU: raw descriptors on one epoll, and nothing per task.

No task, no stream object and no library stands behind a connection, so that a load client on the
same machine leaves the machine to the server. Sockets (``load/socket.py``) and plain HTTP
(``load/requests.py``) are built on it.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import TYPE_CHECKING

from bountyexpo.close_codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_BYTES = 65_536
# Connections from one source address to one port are limited by the range of local ports.
WIRES_PER_ADDRESS = 20_000
# Events taken from the kernel at a time.
EVENTS_AT_ONCE = 1024
# IP_BIND_ADDRESS_NO_PORT lets the kernel choose the local port at connect.
BIND_NO_PORT = 24

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class FleetFailed(Exception):
    """The connections could not be opened or kept open."""


class Wire:
    """One connection; ``number`` says which of the fleet it is, also after it was opened again."""

    __slots__ = ("close_code", "descriptor", "incoming", "is_writing", "number", "outgoing")

    def __init__(self, number: int) -> None:
        self.number = number
        self.descriptor: socket.socket | None = None
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.is_writing = False
        self.close_code: int | None = None


class Wires:
    """Many connections to one server; nothing happens outside of ``pump``.

    ``sources`` are the local addresses to come from, in turn; without any, a client of the
    loopback takes one more 127.0.0.x for every 20,000 connections.
    """

    def __init__(self, address: tuple[str, int], *, sources: Sequence[str] = ()) -> None:
        self._address = address
        self._sources = tuple(sources)
        self._epoll = select.epoll()
        self._by_fd: dict[int, Wire] = {}

    def pump(self, timeout_s: float) -> None:
        """Serve what is ready, waiting at most ``timeout_s`` for it."""
        by_fd = self._by_fd
        for fd, events in self._epoll.poll(max(timeout_s, 0), EVENTS_AT_ONCE):
            wire = by_fd.get(fd)
            if wire is None:
                continue
            if events & _OUT:
                self._flush(wire)
            if events & ~_OUT and wire.descriptor is not None:
                self._receive(wire)

    def pump_for(self, seconds: float) -> None:
        """Serve for some time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.pump(left)

    def send(self, wire: Wire, data: bytes) -> None:
        """Send now, or when the kernel has room; what is sent to a closed wire is gone."""
        descriptor = wire.descriptor
        if descriptor is None:
            return
        if wire.is_writing:
            wire.outgoing += data
            return
        try:
            sent = descriptor.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(wire, error.errno or CloseCode.ABNORMAL)
            return
        if sent < len(data):
            wire.outgoing += data[sent:]
            self._watch(wire, is_writing=True)

    def drop(self, wire: Wire) -> None:
        """Cut a connection without a word; nobody is told."""
        if wire.descriptor is not None:
            self._forget(wire)

    def close(self) -> None:
        """Cut every connection."""
        for wire in list(self._by_fd.values()):
            self._forget(wire)
        self._epoll.close()

    def _connect(self, wire: Wire, first: bytes) -> None:
        """Begin to open a connection, and send ``first`` over it.

        Raises:
            FleetFailed: When this machine cannot even begin.
        """
        descriptor = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        descriptor.setblocking(False)
        descriptor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source := self._source(wire.number):
            descriptor.setsockopt(socket.IPPROTO_IP, BIND_NO_PORT, 1)
            descriptor.bind((source, 0))
        problem = descriptor.connect_ex(self._address)
        if problem not in (0, errno.EINPROGRESS):
            descriptor.close()
            host, port = self._address
            raise FleetFailed(f"cannot connect to {host}:{port}: {errno.errorcode[problem]}")
        wire.descriptor = descriptor
        wire.close_code = None
        wire.is_writing = True
        wire.incoming.clear()
        wire.outgoing[:] = first
        self._by_fd[descriptor.fileno()] = wire
        self._epoll.register(descriptor.fileno(), _IN | _OUT)

    def _source(self, number: int) -> str | None:
        if self._sources:
            return self._sources[number % len(self._sources)]
        if self._address[0].startswith("127."):
            return f"127.0.0.{1 + number // WIRES_PER_ADDRESS}"
        return None

    def _flush(self, wire: Wire) -> None:
        assert wire.descriptor is not None
        try:
            sent = wire.descriptor.send(wire.outgoing) if wire.outgoing else 0
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(wire, error.errno or CloseCode.ABNORMAL)
            return
        del wire.outgoing[:sent]
        if not wire.outgoing:
            self._watch(wire, is_writing=False)

    def _watch(self, wire: Wire, *, is_writing: bool) -> None:
        assert wire.descriptor is not None
        wire.is_writing = is_writing
        self._epoll.modify(wire.descriptor.fileno(), _IN | (_OUT if is_writing else 0))

    def _receive(self, wire: Wire) -> None:
        assert wire.descriptor is not None
        try:
            data = wire.descriptor.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(wire, CloseCode.ABNORMAL)
            return
        wire.incoming += data
        self._take(wire)

    def _take(self, wire: Wire) -> None:
        """Use what is in ``wire.incoming``; a kind of connection says how."""

    def _lost(self, wire: Wire) -> None:
        """Learn that a connection ended, with ``wire.close_code``."""

    def _lose(self, wire: Wire, code: int) -> None:
        if wire.descriptor is not None:
            wire.close_code = code
            self._forget(wire)
            self._lost(wire)

    def _forget(self, wire: Wire) -> None:
        assert wire.descriptor is not None
        del self._by_fd[wire.descriptor.fileno()]
        self._epoll.unregister(wire.descriptor.fileno())
        wire.descriptor.close()
        wire.descriptor = None
        wire.is_writing = False
