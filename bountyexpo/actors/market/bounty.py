"""The bounty actor: one decision at a time about one bounty, each in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bountyexpo.actors.market import bounty_conversation, bounty_events
from bountyexpo.actors.market.bounty_facts import applied_to, facts_of, outcomes_of
from bountyexpo.actors.market.bounty_messages import (
    AcceptApplication,
    Accepted,
    ApproveCompletion,
    BountyKind,
    BountyMessage,
    CreateBounty,
    Created,
    Recorded,
    SubmitApplication,
    SubmitCompletion,
    TellExpiry,
)
from bountyexpo.actors.money import escrow
from bountyexpo.actors.money.escrow import Funding
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Decision, Role
from bountyexpo.domain.market.application import MACHINE as APPLICATION
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.market.bounty import Effect, Event, Facts, Status
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.domain.market.events import CompletionReviewed, CompletionSubmitted
from bountyexpo.domain.policy import DAY_S
from bountyexpo.observability import metrics
from bountyexpo.persistence import idempotency
from bountyexpo.persistence.market import bounties, requests, submissions
from bountyexpo.persistence.market.bounties import NewBounty
from bountyexpo.persistence.money import escrows
from bountyexpo.persistence.users import blocks, users
from bountyexpo.runtime import Actor, Context

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.market.bounties import Bounty
    from bountyexpo.persistence.market.requests import Application
    from bountyexpo.persistence.market.submissions import Submission
    from bountyexpo.persistence.money.escrows import Escrow
    from bountyexpo.persistence.transaction import Transaction

# The reply to a repeated creation is kept under this scope and the caller's key.
CREATE_SCOPE = "bounty.create"


class BountyActor(Actor[BountyKind]):
    """One bounty with its applications, its submissions and its escrow.

    Owns:      the bounty's status and version, its applications and its newest submission.
    Accepts:   CreateBounty, SubmitApplication, AcceptApplication, SubmitCompletion,
               ApproveCompletion, TellExpiry.
    Persists:  each decision: rows, ledger transfer, stream events and audit in one transaction.
    Restarts:  reloads the committed rows; a repeated message finds its step done.
    """

    kind = "bounty"

    def __init__(
        self, actor_id: str, context: Context[BountyKind], ports: ActorDependencies
    ) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._bounty: Bounty | None = None
        self._applications: list[Application] = []
        self._submission: Submission | None = None
        self._escrow: Escrow | None = None

    async def load(self) -> None:
        """Read the bounty and what belongs to it."""
        db = self._ports.db
        self._bounty = await bounties.get(db, self.id)
        if self._bounty is not None:
            self._applications = await requests.of_bounty(db, self.id)
            self._submission = await submissions.newest(db, self.id)
            self._escrow = await escrows.newest(db, self.id)

    async def handle(
        self, message: BountyMessage
    ) -> Created | Application | Accepted | Recorded | Submission | None:
        """Decide one message."""
        match message:
            case CreateBounty():
                return await self._create(message)
            case SubmitApplication():
                return await self._apply(message)
            case AcceptApplication():
                return await self._accept(message)
            case SubmitCompletion():
                return await self._submit(message)
            case ApproveCompletion():
                return await self._approve(message)
            case TellExpiry():
                await self._expire()
                return None
            case _:
                assert_never(message)

    def __repr__(self) -> str:
        status = self._bounty.status.value if self._bounty else "absent"
        return f"<BountyActor {self.id} {status}>"

    @property
    def _present(self) -> Bounty:
        if self._bounty is None:
            raise MACHINE.absent.raised(None)
        return self._bounty

    def _decide(
        self, event: Event, role: Role, application: Application | None = None, **known: Any
    ) -> Decision[Status, Facts]:
        bounty = self._present
        facts = facts_of(
            bounty,
            self._applications,
            self._submission,
            self._escrow,
            now=self.context.now(),
            application=application,
            **known,
        )
        return MACHINE.decide(bounty.status, event, role, facts)

    async def _create(self, message: CreateBounty) -> Created:
        if self._bounty is not None:
            return Created(bounty=self._bounty, replayed=True)
        async with self._ports.db.transaction() as tx:
            await tx.lock(f"post:{message.poster_id}")
            earlier_id = await self._earlier(tx, message)
            if earlier_id is None:
                decision = await self._decide_creation(tx, message)
                await self._insert(tx, message, decision)
        if earlier_id is not None:
            earlier = await bounties.get(self._ports.db, earlier_id)
            assert earlier is not None
            return Created(bounty=earlier, replayed=True)
        await self.load()
        self._feed()
        metrics.BOUNTIES_CREATED.labels(
            hasAmount=str(bool(message.terms.amount_cents)).lower()
        ).inc()
        return Created(bounty=self._present, replayed=False)

    async def _earlier(self, tx: Transaction, message: CreateBounty) -> str | None:
        """Return the bounty that an earlier delivery of this request made."""
        if message.idempotency_key is None:
            within_s = self._ports.policy.repost_window_s
            return await bounties.recent_twin(
                tx, message.poster_id, message.terms, within_s=within_s
            )
        stored = await idempotency.claim(
            tx,
            scope=CREATE_SCOPE,
            user_id=message.poster_id,
            key=message.idempotency_key,
            request_hash=message.request_hash,
        )
        return stored.response["bountyId"] if stored else None

    async def _decide_creation(
        self, tx: Transaction, message: CreateBounty
    ) -> Decision[Status, Facts]:
        poster = await users.get(tx, message.poster_id)
        posted = await bounties.posted(tx, message.poster_id, within_s=DAY_S)
        facts = Facts(
            is_paid=message.terms.amount_cents > 0,
            is_verified=poster is not None and poster.email_verified_at is not None,
            has_posts_left=posted < self._ports.policy.bounties_per_day_max,
        )
        return MACHINE.decide(None, Event.CREATE, Role.POSTER, facts)

    async def _insert(
        self, tx: Transaction, message: CreateBounty, decision: Decision[Status, Facts]
    ) -> None:
        poster_id, terms, funding = message.poster_id, message.terms, self._ports.policy.terms()
        new = NewBounty(terms=terms, funding=funding, status=decision.state)
        await bounties.insert(tx, self.id, poster_id, new)
        bounty_events.created(tx, self.id, decision.state, poster_id)
        if Effect.HOLD_ESCROW in decision.effects:
            await escrow.hold(
                tx,
                Funding(
                    bounty_id=self.id,
                    poster_id=poster_id,
                    amount_cents=terms.amount_cents,
                    terms=funding,
                ),
            )
        self._audit(tx, "create", poster_id, amount_cents=terms.amount_cents)
        if message.idempotency_key is not None:
            await idempotency.store(
                tx,
                scope=CREATE_SCOPE,
                user_id=poster_id,
                key=message.idempotency_key,
                response={"bountyId": self.id},
                status_code=201,
            )

    async def _apply(self, message: SubmitApplication) -> Application:
        bounty, hunter_id = self._present, message.hunter_id
        mine = self._application_of(hunter_id)
        request_id = mine.id if mine else new_id()
        async with self._ports.db.transaction() as tx:
            await tx.lock(f"apply:{hunter_id}")
            waiting = await requests.count_of(tx, hunter_id, ApplicationStatus.PENDING)
            has_room = waiting < self._ports.policy.pending_applications_max
            is_blocked = bool(await blocks.between(tx, hunter_id, (bounty.poster_id,)))
            decision = self._decide(
                Event.APPLY,
                bounty.parties.role_of(hunter_id),
                mine,
                has_room=has_room,
                is_blocked=is_blocked,
            )
            applied = applied_to(mine, has_room=has_room, is_blocked=is_blocked)
            await requests.insert(
                tx,
                request_id,
                self.id,
                hunter_id,
                status=applied.state,
                message=message.note,
                proposed_completion_at=message.proposed_completion_at,
            )
            await bounties.advance(tx, bounty, decision.state, actor_id=hunter_id)
            bounty_events.request_new(
                tx, bounty, request_id, hunter_id, applied.state.value, message.note
            )
            self._audit(tx, "apply", hunter_id, request_id=request_id)
        await self.load()
        application = self._application_of(hunter_id)
        assert application is not None
        return application

    async def _accept(self, message: AcceptApplication) -> Accepted:
        bounty, caller_id = self._present, message.caller_id
        chosen = next((row for row in self._applications if row.id == message.request_id), None)
        if chosen is None:
            raise APPLICATION.absent.raised(None)
        decision = self._decide(Event.ACCEPT, bounty.parties.role_of(caller_id), chosen)
        if not decision.is_move:
            return await self._accepted(chosen)
        outcomes = outcomes_of(self._applications, chosen)
        async with self._ports.db.transaction() as tx:
            await requests.decide(tx, {row.id: status for row, status in outcomes})
            await bounties.advance(
                tx,
                bounty,
                decision.state,
                actor_id=caller_id,
                hunter_id=chosen.hunter_id,
                accepted_request_id=chosen.id,
            )
            if self._escrow is not None:
                await escrow.bind(tx, self._escrow, chosen.hunter_id, actor_id=caller_id)
            for row, status in outcomes:
                bounty_events.request_updated(tx, bounty, row.id, row.hunter_id, status.value)
            everyone = [bounty.poster_id, *(row.hunter_id for row, _ in outcomes)]
            bounty_events.status_changed(tx, bounty, decision.state, users=everyone)
            await bounty_conversation.begin(tx, bounty, chosen.hunter_id)
            self._audit(tx, "accept", caller_id, request_id=chosen.id)
        await self.load()
        self._feed()
        metrics.BOUNTIES_ACCEPTED.inc()
        return await self._accepted(chosen)

    async def _accepted(self, chosen: Application) -> Accepted:
        bounty = self._present
        conversation = await bounty_conversation.of(self._ports.db, bounty, chosen.hunter_id)
        application = self._application_of(chosen.hunter_id)
        assert conversation is not None
        assert application is not None
        return Accepted(bounty=bounty, application=application, conversation_id=conversation.id)

    async def _submit(self, message: SubmitCompletion) -> Recorded:
        bounty, caller_id, last = self._present, message.caller_id, self._submission
        decision = self._decide(Event.SUBMIT, bounty.parties.role_of(caller_id))
        if not decision.is_move:
            assert last is not None
            return Recorded(submission=last, created=False)
        submission_id, work = new_id(), decision.facts.work
        async with self._ports.db.transaction() as tx:
            await submissions.insert(
                tx,
                submission_id,
                self.id,
                caller_id,
                status=work,
                work=message.work,
                revision=last.revision + 1 if last else 0,
            )
            await bounties.advance(tx, bounty, decision.state, actor_id=caller_id)
            bounty_events.completion(tx, CompletionSubmitted, bounty, submission_id, work.value)
            self._audit(tx, "submit", caller_id, submission_id=submission_id)
        await self.load()
        assert self._submission is not None
        return Recorded(submission=self._submission, created=True)

    async def _approve(self, message: ApproveCompletion) -> Submission:
        bounty, caller_id, submission = self._present, message.caller_id, self._submission
        decision = self._decide(
            Event.APPROVE,
            bounty.parties.role_of(caller_id),
            is_newest_work=submission is not None and submission.id == message.submission_id,
        )
        assert submission is not None
        if not decision.is_move:
            return submission
        work = decision.facts.work
        async with self._ports.db.transaction() as tx:
            await submissions.review(tx, submission.id, work)
            if Effect.RELEASE_ESCROW in decision.effects:
                assert self._escrow is not None
                await escrow.release(tx, self._escrow, actor_id=caller_id)
            await bounties.advance(tx, bounty, decision.state, actor_id=caller_id)
            bounty_events.completion(tx, CompletionReviewed, bounty, submission.id, work.value)
            bounty_events.status_changed(tx, bounty, decision.state)
            await bounty_conversation.conclude(tx, bounty, submission.hunter_id)
            if message.stars is not None:
                await submissions.rate(
                    tx,
                    self.id,
                    rater=caller_id,
                    rated=submission.hunter_id,
                    stars=message.stars,
                    comment=message.comment,
                )
            self._audit(tx, "approve", caller_id, submission_id=submission.id)
        await self.load()
        metrics.BOUNTIES_COMPLETED.inc()
        assert self._submission is not None
        return self._submission

    async def _expire(self) -> None:
        bounty, now = self._present, self.context.now()
        decision = self._decide(Event.EXPIRY_TICK, Role.TIMER)
        if not decision.is_move:
            return
        async with self._ports.db.transaction() as tx:
            await bounties.advance(tx, bounty, decision.state, actor_id=None)
            await bounties.stamp_expiry(tx, self.id, now)
            bounty_events.expired(tx, bounty)
            self._audit(tx, "expire", None)
        await self.load()

    def _application_of(self, hunter_id: str) -> Application | None:
        return next((row for row in self._applications if row.hunter_id == hunter_id), None)

    def _feed(self) -> None:
        self._ports.feed(self.id, bounty_events.in_feed(self._present))

    def _audit(self, tx: Transaction, action: str, actor_id: str | None, **metadata: Any) -> None:
        tx.audit(
            category="bounty",
            action=action,
            actor_id=actor_id,
            target=("bounty", self.id),
            **metadata,
        )
