"""Everything that speaks with clients: sessions, poller, both ways of HTTP, the acceptor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.composition.branch import branch
from bountyexpo.composition.limits import session_limits
from bountyexpo.domain.ids import new_id
from bountyexpo.edge.acceptor import Acceptor, AcceptorSettings
from bountyexpo.edge.client_address import client_address, is_proxy
from bountyexpo.edge.origins import Origins
from bountyexpo.edge.seats import descriptor_budget
from bountyexpo.errors import Unavailable
from bountyexpo.http.app import create_app
from bountyexpo.http.health import EDGE
from bountyexpo.http.others import other_routes
from bountyexpo.http.server.fast_path import FastPath
from bountyexpo.http.server.hypercorn_fallback import HypercornFallback
from bountyexpo.http.server.router import Router
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.supervisors import ChildSpec, Strategy
from bountyexpo.ws.admission import ADDRESS_SHARE, SOCKETS_PER_ADDRESS, Admission
from bountyexpo.ws.chat.typing import TypingFeature
from bountyexpo.ws.chat.unread import UnreadFeature
from bountyexpo.ws.gateway import SessionGateway
from bountyexpo.ws.legacy.partners import LegacyPartnersFeature
from bountyexpo.ws.session.context import SessionContext
from bountyexpo.ws.session.feature import Features
from bountyexpo.ws.session.frame_rate import FrameRate
from bountyexpo.ws.session.resumable import ResumableSessions
from bountyexpo.ws.socket_handler import SocketHandler
from bountyexpo.ws.transport.epoll_poller import create_poller
from bountyexpo.ws.transport.handshake import Handshake
from bountyexpo.ws.users.presence import PresenceFeature
from bountyexpo.ws.v1.reference import FRAMES
from bountyexpo.ws.v1.serializer import SUBPROTOCOLS

if TYPE_CHECKING:
    from bountyexpo.operations.services import Services
    from bountyexpo.operations.session_reader import SessionReader
    from bountyexpo.operations.users.authority import Authority
    from bountyexpo.operations.users.tickets import TicketStore
    from bountyexpo.realtime.chat.typing_tracker import TypingTracker
    from bountyexpo.realtime.chat.unread_counts import UnreadCounts
    from bountyexpo.realtime.hub import Hub
    from bountyexpo.realtime.users.presence import Presence
    from bountyexpo.settings import Settings
    from bountyexpo.ws.session.limits import SessionLimits
    from bountyexpo.ws.session.session import Context
    from bountyexpo.ws.transport.handshake import UpgradeRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """How callers are known: by a token and the standing of their account, or by a ticket."""

    authority: Authority
    tickets: TicketStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What people hear at once, and how they are seen."""

    hub: Hub
    reader: SessionReader
    presence: Presence
    typing: TypingTracker
    unread: UnreadCounts


class Edge:
    """The one listening port and all behind it."""

    def __init__(
        self, settings: Settings, services: Services, callers: Callers, live: Live
    ) -> None:
        self._services = services
        self._live = live
        self._admission = Admission(
            services.rate_limiter,
            sockets_per_address=min(SOCKETS_PER_ADDRESS, int(descriptor_budget() * ADDRESS_SHARE)),
        )
        limits = session_limits(settings)
        self._gateway = SessionGateway(self._context(callers, limits))
        self._poller = create_poller(limits.transport)
        others = other_routes(FRAMES, CATALOGUE, EDGE)
        self._fallback = HypercornFallback(create_app(services, others), services.clock.now)
        self._fast_path = FastPath(
            Router(services, others).find, self._fallback, services.clock.now
        )
        self._acceptor = self._accept(settings)

    def branch(self) -> ChildSpec:
        """Return the spec of this part of the tree."""
        children = [
            ChildSpec(id="hub", start=partial(self._live.hub.run, self._live.reader.read_after)),
            ChildSpec(id="sessions", start=self._gateway.run),
            ChildSpec(id="poller", start=self._poller.run),
            ChildSpec(id="hypercorn_fallback", start=self._fallback.run),
            ChildSpec(id="fast_path", start=self._fast_path.run),
            ChildSpec(id="acceptor", start=self._acceptor.run),
        ]
        return branch("edge", children, strategy=Strategy.REST_FOR_ONE)

    async def drain(self, sockets_grace_s: float) -> None:
        """Send clients elsewhere and finish what is in flight; the caller bounds it."""
        self._acceptor.start_draining()
        self._gateway.start_draining(sockets_grace_s)
        await self._gateway.drained.wait()
        self._acceptor.stop_accepting()
        await self._acceptor.wait_served()

    def _context(self, callers: Callers, limits: SessionLimits) -> Context:
        live = self._live
        return SessionContext(
            now=self._services.clock.now,
            new_id=new_id,
            hub=live.hub,
            reader=live.reader,
            services=self._services,
            admission=self._admission,
            frame_rate=FrameRate(limits, self._admission.is_exempt),
            authority=callers.authority,
            redeem=callers.tickets.redeem,
            features=Features(
                PresenceFeature(live.presence),
                TypingFeature(live.typing),
                UnreadFeature(live.unread),
                LegacyPartnersFeature(live.presence.watch),
            ),
            resumable=ResumableSessions(),
            limits=limits,
        )

    def _accept(self, settings: Settings) -> Acceptor:
        sockets = SocketHandler(
            self._poller,
            self._gateway.handler_factory,
            Handshake(
                SUBPROTOCOLS, origins=Origins(settings.allowed_origins, settings.trusted_proxies)
            ),
            check_address=self._admission.check_address,
            admit=self._admit,
            address_of=lambda peer, headers: client_address(
                peer, headers, settings.trusted_proxies
            ),
            now=self._services.clock.now,
        )
        plain = (self._fast_path,) if settings.http_direct else ()
        return Acceptor(
            (sockets, *plain, self._fallback),
            self._services.clock.now,
            AcceptorSettings(host=settings.host, port=settings.port),
            is_free=lambda peer: (
                not self._admission.is_limited(peer) or is_proxy(peer, settings.trusted_proxies)
            ),
        )

    def _admit(self, upgrade: UpgradeRequest) -> None:
        """Refuse an upgrade whose hello could not be answered; open sockets stay as they are."""
        if self._services.readiness() is not None:
            raise Unavailable
        self._gateway.admit(upgrade)
