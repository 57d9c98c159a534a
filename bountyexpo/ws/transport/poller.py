"""What both ways of driving sockets share: the set of connections, their time, their faults.

Time comes from a wheel: every connection sits in one of its slots and is looked at once per turn
(two seconds). Each call into a connection stands inside its own try/except, so that a fault ends
that connection only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from bountyexpo.close_codes import CloseCode
from bountyexpo.errors import Unavailable
from bountyexpo.observability import logs, metrics
from bountyexpo.ws.transport.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.ws.transport.connection import Connection

_log = logs.get_logger("ws.poller")

_CONNECTIONS_V1 = metrics.WS_CONNECTIONS.labels(channel="v1")

# Slots of the timer wheel; one is looked at per step, so a step stays short with many sockets.
WHEEL_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Statistics:
    """A picture of one poller."""

    sockets: int
    blocked_sockets: int
    queued_bytes: int
    frames_sent: int
    frames_received: int
    faults: int
    slow_consumers: int


class Poller(ABC):
    """Drives connections; ``poller.create_poller`` picks the way that this machine offers.

    Owns:      every connection from ``add`` until it is closed.
    Restarts:  permanent; a restart begins without connections, so their clients reconnect.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.now = 0.0
        self.is_running = False
        self.frames_sent = 0
        self.frames_received = 0
        self.faults = 0
        self.slow_consumers = 0
        self._connections: dict[int, Connection] = {}
        self._wheel: list[set[Connection]] = [set() for _ in range(WHEEL_SLOTS)]
        self._blocked: set[Connection] = set()
        self._unsettled: list[Connection] = []
        self._step = 0
        self._step_s = self.limits.tick_interval_s / WHEEL_SLOTS
        # Three times per interval it is seen who was silent for long enough to be pinged.
        turns = round(self.limits.ping_interval_s / self.limits.tick_interval_s / 3)
        self._turns_per_ping = max(1, turns)
        self._counted = (0, 0, 0, 0)
        self._read_buffer = bytearray(self.limits.read_bytes_max)
        self._read_view = memoryview(self._read_buffer)

    def __len__(self) -> int:
        return len(self._connections)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; then every connection is closed."""
        self.now = trio.current_time()
        self.is_running = True
        try:
            await self._serve(task_status)
        finally:
            self.is_running = False
            for connection in list(self._connections.values()):
                self._guard(connection, connection.lose)
            self._flush_counters()

    def add(self, connection: Connection) -> None:
        """Take over a connection.

        Raises:
            Unavailable: The poller does not run.
        """
        if not self.is_running:
            raise Unavailable
        connection.slot = connection.fd % WHEEL_SLOTS
        self._connections[connection.fd] = connection
        self._wheel[connection.slot].add(connection)
        self._watch(connection)

    def feed(self, connection: Connection, early: bytes) -> None:
        """Give a connection what had arrived behind its handshake."""
        self._guard(connection, connection.on_readable, early)

    def remove(self, connection: Connection) -> None:
        """Forget a connection and close its descriptor."""
        if self._connections.get(connection.fd) is connection:
            del self._connections[connection.fd]
            self._unwatch(connection)
        self._wheel[connection.slot].discard(connection)
        self._blocked.discard(connection)
        connection.sock.close()

    def watch_writable(self, fd: int, *, wanted: bool) -> None:
        """Start or stop to report room in the kernel's buffer; who waits for it is looked at."""
        connection = self._connections.get(fd)
        if connection is None:
            return
        if wanted:
            self._blocked.add(connection)
            connection.next_look = 0.0
        else:
            self._blocked.discard(connection)

    def current_time(self) -> float:
        """Return the time now; ``now`` is that of the last wake."""
        return trio.current_time()

    def settle_soon(self, connection: Connection) -> None:
        """Call ``connection.settle()`` before the next wait, at the latest at the next step."""
        self._unsettled.append(connection)

    def statistics(self) -> Statistics:
        """Return the present picture."""
        return Statistics(
            sockets=len(self._connections),
            blocked_sockets=len(self._blocked),
            queued_bytes=sum(connection.queued_bytes for connection in self._blocked),
            frames_sent=self.frames_sent,
            frames_received=self.frames_received,
            faults=self.faults,
            slow_consumers=self.slow_consumers,
        )

    # What differs between the two ways.

    @abstractmethod
    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        """Report events and turn the wheel until cancelled."""

    @abstractmethod
    def resume_soon(self, connection: Connection) -> None:
        """Call ``connection.resume()`` when others have had their turn."""

    @abstractmethod
    def _watch(self, connection: Connection) -> None:
        """Begin to report the connection's events."""

    @abstractmethod
    def _unwatch(self, connection: Connection) -> None:
        """Stop to report them; the descriptor is still open."""

    # Shared steps.

    def _read(self, connection: Connection) -> None:
        """Read once, at most ``read_bytes_max``: a loud client waits for its next turn."""
        if connection.has_unread:
            return
        try:
            size = connection.sock.recv_into(self._read_buffer)
        except BlockingIOError:
            return
        except OSError:
            connection.lose()
            return
        connection.on_readable(bytes(self._read_view[:size]))

    def _guard(self, connection: Connection, call: Callable[..., None], *args: Any) -> None:
        """Run one step of one connection; a fault in it ends that connection only."""
        try:
            call(*args)
        except Exception:  # noqa: BLE001 - logged, and kept to this connection
            _log.exception("a connection failed", peer=connection.peer)
            self._fail(connection)

    def _fail(self, connection: Connection) -> None:
        try:
            connection.fail(CloseCode.SERVER_ERROR, "server error")
        except Exception:  # noqa: BLE001 - logged, and kept to this connection
            _log.exception("a failed connection could not be closed", peer=connection.peer)
            self.remove(connection)

    def _settle(self) -> None:
        while self._unsettled:
            waiting, self._unsettled = self._unsettled, []
            for connection in waiting:
                self._guard(connection, connection.settle)

    async def _keep_time(self) -> None:
        """Turn the wheel, step by step, until cancelled."""
        next_step = self.now + self._step_s
        while True:
            await trio.sleep_until(next_step)
            self.now = trio.current_time()
            self._turn_wheel()
            # After a stall the wheel catches up by one turn, not by all that were missed.
            next_step = max(next_step + self._step_s, self.now - self.limits.tick_interval_s)

    def _turn_wheel(self) -> None:
        """Look at the connections of the next slot."""
        turn, slot = divmod(self._step, WHEEL_SLOTS)
        self._step += 1
        self._settle()
        now = self.now
        for connection in tuple(self._wheel[slot]):
            # Pings are spread by descriptor: nothing has to be remembered per connection.
            is_ping_due = (turn + connection.fd) % self._turns_per_ping == 0
            if now < connection.next_look and not is_ping_due:
                continue
            self._guard(connection, connection.on_tick, now, is_ping_due)
        self._settle()
        if slot == 0:
            self._flush_counters()

    def _flush_counters(self) -> None:
        counted = (self.frames_sent, self.frames_received, self.faults, self.slow_consumers)
        sent, received, faults, slow = (
            new - old for new, old in zip(counted, self._counted, strict=True)
        )
        self._counted = counted
        metrics.WS_SENT.inc(sent)
        metrics.WS_RECEIVED.inc(received)
        metrics.WS_ERRORS.inc(faults)
        metrics.WS_SLOW_DISCONNECTS.inc(slow)
        _CONNECTIONS_V1.set(len(self._connections))
        metrics.WS_QUEUED_BYTES.set(sum(connection.queued_bytes for connection in self._blocked))
