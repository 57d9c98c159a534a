"""The composition root: builds every part of the service and the supervisor tree over them.

    root (rest_for_one)
    ├─ persistence (one_for_all)   [postgres] · pool · journal
    ├─ [sandbox]                   emulators of the auth server and of Stripe
    ├─ actors (one_for_one)        user · contacts · conversation · bounty · payment
    ├─ jobs (one_for_one)          outbox · webhooks · books · prune
    └─ edge (rest_for_one)         hub · sessions · poller · fallback · fast path · acceptor

Parts in brackets exist only where nothing real is configured in their place.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import httpx
import msgspec

from bountyexpo.actors.chat.conversation_messages import Type
from bountyexpo.actors.dependencies import ActorDependencies
from bountyexpo.actors.money.provider_inbox import ProviderInbox
from bountyexpo.actors.system import Actors
from bountyexpo.domain.chat.conversation import TYPING_ENDS_AFTER_S
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.policy import Policy
from bountyexpo.edge.acceptor import Acceptor, AcceptorSettings
from bountyexpo.edge.client_address import client_address
from bountyexpo.errors import Unavailable
from bountyexpo.http.app import create_app
from bountyexpo.http.server.fast_path import FastPath
from bountyexpo.http.server.hypercorn_fallback import HypercornFallback
from bountyexpo.http.server.router import Router
from bountyexpo.integrations.stripe import StripePayments
from bountyexpo.integrations.supabase import SupabaseAuth
from bountyexpo.integrations.tokens import TokenVerifier
from bountyexpo.jobs.branch import branch as jobs_branch
from bountyexpo.jobs.branch import webhook_job
from bountyexpo.operations import areas
from bountyexpo.operations.batcher import BatchedReads
from bountyexpo.operations.rate_limits import RateLimiter
from bountyexpo.operations.services import Services
from bountyexpo.operations.session_reader import SessionReader
from bountyexpo.operations.users.accounts import AccountVerifier
from bountyexpo.operations.users.tickets import TicketStore
from bountyexpo.persistence.after_commit import AfterCommit, Bell
from bountyexpo.persistence.chat.journal import Journal
from bountyexpo.persistence.migrate import migrate
from bountyexpo.persistence.pool import Pool
from bountyexpo.persistence.users import last_seen
from bountyexpo.realtime.hub import Hub
from bountyexpo.realtime.last_seen import LastSeen
from bountyexpo.realtime.live_users import LiveUsers
from bountyexpo.realtime.presence import Presence
from bountyexpo.realtime.typing_tracker import TypingTracker
from bountyexpo.realtime.unread_counts import UnreadCounts
from bountyexpo.runtime.clock import SystemClock
from bountyexpo.sandbox.emulators import providers
from bountyexpo.sandbox.postgres import EmbeddedPostgres
from bountyexpo.sandbox.server import SandboxServer
from bountyexpo.supervisors import ChildSpec, Strategy, Supervisor
from bountyexpo.ws.admission import Admission
from bountyexpo.ws.features.presence import PresenceFeature
from bountyexpo.ws.features.typing import TypingFeature
from bountyexpo.ws.features.unread import UnreadFeature
from bountyexpo.ws.gateway import SessionGateway
from bountyexpo.ws.legacy.partners import LegacyPartnersFeature
from bountyexpo.ws.session.context import SessionContext
from bountyexpo.ws.session.feature import Features
from bountyexpo.ws.session.frame_rate import FrameRate
from bountyexpo.ws.session.limits import SessionLimits
from bountyexpo.ws.session.resumable import ResumableSessions
from bountyexpo.ws.socket_handler import SocketHandler
from bountyexpo.ws.transport.epoll_poller import create_poller
from bountyexpo.ws.transport.handshake import Handshake
from bountyexpo.ws.v1.serializer import SUBPROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.operations.sockets import Sockets
    from bountyexpo.settings import Settings
    from bountyexpo.supervisors import Node
    from bountyexpo.ws.session.session import Context
    from bountyexpo.ws.transport.handshake import UpgradeRequest

# With rates lifted, for load tests, nobody reaches the limits that are counted in the database.
UNLIMITED = 1_000_000

# The auth server's answers are waited for at most this long at the transport.
AUTH_TIMEOUT_S = 8.0


class App:
    """The whole service as one object; ``root`` runs it."""

    def __init__(self, settings: Settings) -> None:
        areas.declare()
        self.settings = settings
        self.is_draining = False
        self._providers = providers(settings)
        self.clock = SystemClock()
        self._http = httpx.AsyncClient(timeout=AUTH_TIMEOUT_S)
        self._postgres = (
            EmbeddedPostgres(settings.data_dir / "postgres")
            if settings.uses_embedded_database
            else None
        )
        self.hub = Hub(self.clock.now)
        self._effects_left = Bell()
        self.db = Pool(
            self._postgres.dsn if self._postgres else (settings.database_url or ""),
            AfterCommit(self.hub.publish, self._effects_left.ring),
            size_min=settings.db_pool_min,
            size_max=settings.db_pool_max,
            migrate=migrate,
        )
        self._journal = Journal(self.db, self.hub.publish)
        self.policy = _policy(settings)
        self._reader = reader = SessionReader(self.db)
        unread = UnreadCounts(self.hub, reader.unread)
        stripe = self._stripe()
        ports = ActorDependencies(
            db=self.db,
            journal=self._journal,
            stripe=stripe,
            policy=self.policy,
            feed=self.hub.publish_feed,
            ephemeral=self.hub.tell,
            unread=unread.change,
        )
        self.actors = Actors.over(ports, self.clock)
        self._webhooks = webhook_job(self.db, self.actors)
        inbox = ProviderInbox(self.db, stripe, self.clock, self._webhooks.wake)
        seen = LastSeen(reader.last_seen, partial(last_seen.save, self.db))
        presence = Presence(self.hub, self.clock.now, seen)
        self._tickets = TicketStore(self.clock.monotonic)
        self._tokens = self._token_verifier()
        self._accounts = AccountVerifier(self._tokens, self.actors, self.clock)
        self.services = self._services(LiveUsers(self.hub, presence), inbox)
        self._admission = Admission(self.services.rate_limiter)
        limits = _session_limits(settings)
        self.gateway = self._gateway(reader, presence, unread, limits)
        self._poller = create_poller(limits.transport)
        self._fallback = HypercornFallback(create_app(self.services))
        self._fast_path = FastPath(Router(self.services).find, self._fallback, self.clock.now)
        self.acceptor = self._acceptor()
        self.root = self._tree()

    def readiness(self) -> str | None:
        """Return why the service cannot serve at present, or None."""
        if self.is_draining:
            return "draining"
        if not self.db.is_ready:
            return "the database is not available"
        return None

    def tree(self) -> Node:
        """Return the picture of the running tree."""
        return self.root.tree()

    async def drain(self, sockets_grace_s: float) -> None:
        """Send clients elsewhere and finish what is in flight; the caller bounds it."""
        self.is_draining = True
        self.acceptor.start_draining()
        self.gateway.start_draining(sockets_grace_s)
        await self.gateway.drained.wait()
        self.acceptor.stop_accepting()
        await self.acceptor.wait_served()

    def _stripe(self) -> StripePayments:
        found = self._providers
        return StripePayments(
            found.stripe_secret_key,
            found.stripe_api_base,
            found.stripe_webhook_secrets,
            livemode=found.is_live,
        )

    def _token_verifier(self) -> TokenVerifier:
        found = self._providers
        return TokenVerifier(
            secret=found.jwt_secret,
            jwks_url=f"{found.supabase_url}/auth/v1/.well-known/jwks.json",
            issuer=None,
            clock=self.clock,
            http=self._http,
        )

    def _auth(self) -> SupabaseAuth:
        found = self._providers
        return SupabaseAuth(
            found.supabase_url,
            found.supabase_anon_key,
            found.supabase_service_role_key,
            self._http,
        )

    def _services(self, sockets: Sockets, inbox: ProviderInbox) -> Services:
        settings, monotonic = self.settings, self.clock.monotonic
        return Services(
            actors=self.actors,
            db=self.db,
            batched=BatchedReads(self.db),
            auth=self._auth(),
            policy=self.policy,
            clock=self.clock,
            settings=settings,
            verifier=self._accounts,
            tickets=self._tickets,
            rate_limiter=RateLimiter(
                monotonic,
                enabled=settings.rate_limits,
                multiplier=settings.rate_limit_multiplier,
                allowed=settings.rate_limit_allow,
            ),
            sockets=sockets,
            readiness=self.readiness,
            tree=self.tree,
            receive_webhook=inbox.receive,
        )

    def _gateway(
        self,
        reader: SessionReader,
        presence: Presence,
        unread: UnreadCounts,
        limits: SessionLimits,
    ) -> SessionGateway:
        features = Features(
            PresenceFeature(presence),
            TypingFeature(TypingTracker(self.hub, self._stop_typing, TYPING_ENDS_AFTER_S)),
            UnreadFeature(unread),
            LegacyPartnersFeature(presence),
        )
        context: Context = SessionContext(
            now=self.clock.now,
            new_id=new_id,
            hub=self.hub,
            reader=reader,
            services=self.services,
            admission=self._admission,
            frame_rate=FrameRate(limits, self._admission.is_exempt),
            tokens=self._tokens,
            make_account=self._accounts.make_account,
            redeem=self._tickets.redeem,
            features=features,
            resumable=ResumableSessions(),
            limits=limits,
        )
        return SessionGateway(context)

    def _acceptor(self) -> Acceptor:
        settings = self.settings
        sockets = SocketHandler(
            self._poller,
            self.gateway.handler_factory,
            Handshake(SUBPROTOCOLS, origins=settings.allowed_origins),
            check_address=self._admission.check_address,
            admit=self._admit,
            address_of=lambda peer, headers: client_address(
                peer, headers, settings.trusted_proxies
            ),
        )
        plain = (self._fast_path,) if settings.http_direct else ()
        return Acceptor(
            (sockets, *plain, self._fallback),
            AcceptorSettings(host=settings.host, port=settings.port),
        )

    def _stop_typing(self, user_id: str, conversation_id: str) -> None:
        # Left alone it ends by itself.
        with suppress(Unavailable):
            self.actors.conversation(conversation_id).tell(Type(user_id=user_id, is_typing=False))

    def _admit(self, upgrade: UpgradeRequest) -> None:
        """Refuse an upgrade whose hello could not be answered; open sockets stay as they are."""
        if self.readiness() is not None:
            raise Unavailable
        self.gateway.admit(upgrade)

    def _tree(self) -> Supervisor:
        branches = [
            self._persistence(),
            *self._sandbox(),
            self._branch("actors", [pool.as_child() for pool in self.actors.pools]),
            jobs_branch(self.db, self.actors, self._effects_left, self._webhooks),
            self._edge(),
        ]
        return Supervisor("root", branches, strategy=Strategy.REST_FOR_ONE)

    def _persistence(self) -> ChildSpec:
        postgres = (
            [ChildSpec(id="postgres", start=self._postgres.run, shutdown_s=15.0)]
            if (self._postgres)
            else []
        )
        children = [
            *postgres,
            ChildSpec(id="pool", start=self.db.run),
            ChildSpec(id="journal", start=self._journal.run),
        ]
        return self._branch("persistence", children, strategy=Strategy.ONE_FOR_ALL)

    def _sandbox(self) -> list[ChildSpec]:
        if self._providers.sandbox is None:
            return []
        emulators = SandboxServer(self.db, self._providers.sandbox, self.clock)
        return [ChildSpec(id="sandbox", start=emulators.run)]

    def _edge(self) -> ChildSpec:
        children = [
            ChildSpec(id="hub", start=partial(self.hub.run, self._reader.read_after)),
            ChildSpec(id="sessions", start=self.gateway.run),
            ChildSpec(id="poller", start=self._poller.run),
            ChildSpec(id="hypercorn_fallback", start=self._fallback.run),
            ChildSpec(id="fast_path", start=self._fast_path.run),
            ChildSpec(id="acceptor", start=self.acceptor.run),
        ]
        return self._branch("edge", children, strategy=Strategy.REST_FOR_ONE)

    def _branch(
        self,
        name: str,
        children: Sequence[ChildSpec],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
    ) -> ChildSpec:
        return Supervisor(name, children, strategy=strategy).as_child()


def _session_limits(settings: Settings) -> SessionLimits:
    """Return what one socket may do; its frames are widened like every other rate."""
    usual, factor = SessionLimits(), settings.rate_limit_multiplier
    return replace(
        usual,
        enabled=settings.rate_limits,
        frames_per_s=usual.frames_per_s * factor,
        frames_burst=max(1, round(usual.frames_burst * factor)),
    )


def _policy(settings: Settings) -> Policy:
    """Return the money policy; how often one may post is widened like every other rate."""
    usual = Policy(platform_fee_bps=settings.platform_fee_bps)
    widening = settings.rate_limit_multiplier if settings.rate_limits else UNLIMITED
    return msgspec.structs.replace(
        usual, bounties_per_day_max=max(1, round(usual.bounties_per_day_max * widening))
    )
