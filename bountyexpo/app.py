"""The composition root: builds every part of the service and the supervisor tree over them.

    root (rest_for_one)
    ├─ persistence (one_for_all)   [postgres] · pool · journal · [claim]
    ├─ [sandbox]                   emulators of the auth server and of Stripe
    ├─ actors (one_for_one)        user · contacts · conversation · bounty · payment
    ├─ authority (one_for_one)     listening · watch
    ├─ jobs (one_for_one)          outbox · webhooks · books · expiry · processing · …
    └─ edge (rest_for_one)         hub · sessions · poller · fallback · fast path · acceptor

Parts in brackets exist only where nothing real is configured in their place. Each part gets what
it needs by its constructor; what stands between two parts that need each other is made first: the
hub between commits and sessions, the bell between the pool and the relay, the standings between
actors and whoever asks what a user may do.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.actors.chat.conversation_messages import Type
from bountyexpo.actors.dependencies import ActorDependencies
from bountyexpo.actors.money.provider_inbox import ProviderInbox
from bountyexpo.actors.system import Actors
from bountyexpo.composition import limits
from bountyexpo.composition.branch import branch
from bountyexpo.composition.clients import Clients
from bountyexpo.composition.edge import Callers, Edge, Live
from bountyexpo.composition.process_name import process_name
from bountyexpo.composition.readiness import Readiness
from bountyexpo.composition.storage import Storage
from bountyexpo.domain.chat.conversation import TYPING_ENDS_AFTER_S
from bountyexpo.errors import Unavailable
from bountyexpo.jobs.branch import branch as jobs_branch
from bountyexpo.jobs.branch import webhook_job
from bountyexpo.jobs.periodic import JobDependencies
from bountyexpo.operations import areas
from bountyexpo.operations.batcher import BatchedReads
from bountyexpo.operations.idempotency.replies import Replies
from bountyexpo.operations.market.search.feeds import FeedFilters
from bountyexpo.operations.services import Services
from bountyexpo.operations.session_reader import SessionReader
from bountyexpo.operations.users.authority import Authority
from bountyexpo.operations.users.sign_in_guard import SignInGuard
from bountyexpo.operations.users.standings import Standings
from bountyexpo.operations.users.tickets import TicketStore
from bountyexpo.persistence.users import last_seen
from bountyexpo.persistence.users.standing import CHANNEL
from bountyexpo.realtime.chat.typing_tracker import TypingTracker
from bountyexpo.realtime.chat.unread_counts import UnreadCounts
from bountyexpo.realtime.hub import Hub
from bountyexpo.realtime.users.last_seen import LastSeen
from bountyexpo.realtime.users.live_users import LiveUsers
from bountyexpo.realtime.users.presence import Presence
from bountyexpo.realtime.users.standing_watch import StandingWatch
from bountyexpo.runtime.clock import SystemClock
from bountyexpo.sandbox.emulators import providers
from bountyexpo.sandbox.server import SandboxServer
from bountyexpo.supervisors import ChildSpec, Strategy, Supervisor

if TYPE_CHECKING:
    from bountyexpo.persistence.server.check import DatabaseRefused
    from bountyexpo.sandbox.sandbox_settings import SandboxSettings
    from bountyexpo.settings import Settings
    from bountyexpo.supervisors import Job, Node


class App:
    """The whole service as one object; ``root`` runs it."""

    def __init__(self, settings: Settings) -> None:
        areas.declare()
        self.settings = settings
        found = providers(settings)
        self._clock = SystemClock()
        self._clients = Clients(found, settings.supabase_jwt_audience, self._clock)
        self._policy = limits.policy(settings)
        hub = Hub(self._clock.now, FeedFilters())
        self._storage = Storage(settings, hub.publish)
        self._readiness = Readiness(self._storage.db)
        self._standings = Standings(self._storage.db, self._clock.monotonic)
        reader = SessionReader(self._storage.db)
        unread = UnreadCounts(hub, reader.unread)
        self.actors = self._actors(hub, unread)
        jobs = JobDependencies(
            db=self._storage.db,
            actors=self.actors,
            node=process_name(settings.port),
            clock=self._clock,
            policy=self._policy,
        )
        webhooks = webhook_job(jobs, livemode=self._clients.stripe.livemode)
        seen = LastSeen(reader.last_seen, partial(last_seen.save, self._storage.db))
        live = Live(
            hub=hub,
            reader=reader,
            presence=Presence(hub, self._clock.now, seen),
            typing=TypingTracker(hub, partial(_stop_typing, self.actors), TYPING_ENDS_AFTER_S),
            unread=unread,
        )
        callers = Callers(
            authority=Authority(
                self._clients.tokens,
                self._standings,
                self.actors,
                self._clients.auth,
                self._clock,
            ),
            tickets=TicketStore(self._clock.monotonic),
        )
        self._watch = StandingWatch(hub, self._standings, callers.authority)
        self._edge = Edge(settings, self._services(callers, live, webhooks), callers, live)
        job_branch = jobs_branch(jobs, self._storage.effects_left, webhooks)
        self.root = self._tree(job_branch, found.sandbox)

    def tree(self) -> Node:
        """Return the picture of the running tree."""
        return self.root.tree()

    async def wait_refused(self) -> DatabaseRefused:
        """Wait until the service finds that it can never use its database."""
        return await self._storage.db.wait_refused()

    async def drain(self, sockets_grace_s: float) -> None:
        """Send clients elsewhere and finish what is in flight; the caller bounds it."""
        self._readiness.start_draining()
        await self._edge.drain(sockets_grace_s)

    def _actors(self, hub: Hub, unread: UnreadCounts) -> Actors:
        dependencies = ActorDependencies(
            db=self._storage.db,
            stripe=self._clients.stripe,
            policy=self._policy,
            feed=hub.publish_feed,
            ephemeral=hub.tell,
            unread=unread.change,
            standing_changed=self._standings.changed,
        )
        return Actors.over(dependencies, self._storage.journal, self._clock)

    def _services(self, callers: Callers, live: Live, webhooks: Job) -> Services:
        db, clock = self._storage.db, self._clock
        inbox = ProviderInbox(db, self._clients.stripe, clock, webhooks.wake)
        limiter = limits.rate_limiter(self.settings, clock)
        return Services(
            actors=self.actors,
            db=db,
            batched=BatchedReads(db),
            auth=self._clients.auth,
            policy=self._policy,
            clock=clock,
            settings=self.settings,
            verifier=callers.authority,
            tickets=callers.tickets,
            rate_limiter=limiter,
            replies=Replies(db, lambda: self._storage.claim.term),
            sign_ins=SignInGuard(limiter, clock.monotonic),
            sockets=LiveUsers(live.hub, live.presence),
            readiness=self._readiness.reason,
            tree=self.tree,
            receive_webhook=inbox.receive,
        )

    def _tree(self, jobs: ChildSpec, sandbox: SandboxSettings | None) -> Supervisor:
        branches = [
            self._storage.branch(),
            *self._emulators(sandbox),
            branch("actors", [pool.as_child() for pool in self.actors.pools]),
            self._authority(),
            jobs,
            self._edge.branch(),
        ]
        return Supervisor("root", branches, strategy=Strategy.REST_FOR_ONE)

    def _authority(self) -> ChildSpec:
        listening = self._storage.listening(CHANNEL, self._standings)
        children = [
            ChildSpec(id="listening", start=listening.run),
            ChildSpec(id="watch", start=self._watch.run),
        ]
        return branch("authority", children)

    def _emulators(self, sandbox: SandboxSettings | None) -> list[ChildSpec]:
        if sandbox is None:
            return []
        server = SandboxServer(self._storage.db, sandbox, self._clock)
        return [ChildSpec(id="sandbox", start=server.run)]


def _stop_typing(actors: Actors, user_id: str, conversation_id: str) -> None:
    # Left alone it ends by itself.
    with suppress(Unavailable):
        actors.conversation(conversation_id).tell(Type(user_id=user_id, is_typing=False))
