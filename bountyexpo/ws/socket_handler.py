"""The protocol handler of WebSockets: handshake, admission, and over to the poller."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bountyexpo.close_codes import CloseCode
from bountyexpo.edge.refusal import Refusals
from bountyexpo.edge.request_head import HEAD_END
from bountyexpo.edge.socket_paths import SOCKET_PATHS
from bountyexpo.errors import BountyExpoError, InternalError, RateLimited, Unavailable
from bountyexpo.observability import logs
from bountyexpo.ws.transport.connection import Connection
from bountyexpo.ws.transport.handshake import VERSION_HEADER, Upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bountyexpo.edge.protocol_handler import Arrival
    from bountyexpo.edge.request_head import RequestHead
    from bountyexpo.ws.transport.handler import ConnectionHandler
    from bountyexpo.ws.transport.handshake import Handshake, UpgradeRequest
    from bountyexpo.ws.transport.poller import Poller

    HandlerFactory: TypeAlias = Callable[[Connection, UpgradeRequest], ConnectionHandler]
    Admission: TypeAlias = Callable[[UpgradeRequest], None]
    AddressOf: TypeAlias = Callable[[str, Mapping[str, str]], str]

_log = logs.get_logger("ws.socket_handler")

# When a client that meets a draining process should come back; another process is up by then.
DRAIN_RETRY_S = 5


class SocketHandler:
    """Turns an upgrade into a connection of the poller.

    ``address_of`` finds the client behind our own proxies, for limits count clients.
    ``check_address`` refuses an address that is over its limits before anything else is looked at,
    ``admit`` an upgrade; the ``BountyExpoError`` of either becomes an HTTP answer.
    ``create_handler`` makes the session; if it raises, the socket is closed with the error's code.
    """

    def __init__(
        self,
        poller: Poller,
        create_handler: HandlerFactory,
        handshake: Handshake,
        *,
        check_address: Callable[[str], None],
        admit: Admission,
        address_of: AddressOf,
        now: Callable[[], datetime],
    ) -> None:
        self._poller = poller
        self._create_handler = create_handler
        self._handshake = handshake
        self._check_address = check_address
        self._admit = admit
        self._address_of = address_of
        self._refusals = Refusals(now)
        self._is_draining = False

    @property
    def open_sockets(self) -> int:
        """The poller's sockets."""
        return len(self._poller)

    def accepts(self, head: RequestHead) -> bool:
        """Take each upgrade on a socket path, well-formed or not."""
        return head.is_upgrade and head.path in SOCKET_PATHS

    def start_draining(self) -> None:
        """Refuse new sockets with 503; the open ones are the session layer's to end."""
        self._is_draining = True

    def stop(self) -> None:
        """Nothing to do: ``serve`` holds nothing for long."""

    async def serve(self, arrival: Arrival) -> bytes | None:
        """Answer the handshake; a socket that passes belongs to the poller from then on.

        A refusal ends the connection, and says so.
        """
        try:
            upgrade = self._judge(arrival)
        except RateLimited as error:
            # One write and no wait for its arrival: who comes too often may come a thousand times
            # a second. The head was read, so nothing is left whose loss would reset the answer.
            arrival.sock.send(
                self._refusals.encode(error, VERSION_HEADER, asked=arrival.head.headers)
            )
        except BountyExpoError as error:
            await self._refusals.send(
                arrival.sock, error, VERSION_HEADER, asked=arrival.head.headers
            )
        else:
            # About 200 bytes into an empty buffer: who does not take them is not worth it.
            if arrival.sock.send(upgrade.response) == len(upgrade.response):
                self._open(arrival, upgrade)
        return None

    def _judge(self, arrival: Arrival) -> Upgrade:
        if self._is_draining or not self._poller.is_running:
            raise Unavailable(retry_after_s=DRAIN_RETRY_S)
        hop = arrival.peer
        arrival.peer = self._address_of(hop, arrival.head.headers)
        self._check_address(arrival.peer)
        upgrade = self._handshake.judge(arrival.head, arrival.data, arrival.peer, hop)
        try:
            self._admit(upgrade.request)
        except BountyExpoError:
            raise
        except Exception as error:
            _log.exception("admission failed", peer=arrival.peer)
            raise InternalError from error
        return upgrade

    def _open(self, arrival: Arrival, upgrade: Upgrade) -> None:
        connection = Connection(arrival.sock, upgrade.subprotocol, arrival.peer, self._poller)
        self._poller.add(connection)
        arrival.is_taken = True
        try:
            connection.handler = self._create_handler(connection, upgrade.request)
        except BountyExpoError as error:
            connection.close(error.close_code, error.message)
        except Exception:  # noqa: BLE001 - logged, and kept to this connection
            _log.exception("no session could be made", peer=arrival.peer)
            connection.fail(CloseCode.SERVER_ERROR, "server error")
        else:
            early = arrival.data.partition(HEAD_END)[2]
            if early:
                self._poller.feed(connection, early)
