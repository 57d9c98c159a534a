"""The bounty actor: one decision at a time about one bounty, each in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.actors import bounty_events
from bountyexpo.actors.bounty_facts import facts_of, outcome_of
from bountyexpo.actors.bounty_messages import (
    AcceptApplication,
    Accepted,
    ApproveCompletion,
    BountyMessage,
    CreateBounty,
    Created,
    Recorded,
    SubmitApplication,
    SubmitCompletion,
)
from bountyexpo.domain.bounty import Effect, Event, Facts, Status
from bountyexpo.domain.bounty_rules import MACHINE
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.ledger import escrow_held, escrow_released
from bountyexpo.domain.machine import Decision, Role
from bountyexpo.errors import Conflict, NotFound
from bountyexpo.observability import metrics
from bountyexpo.persistence import (
    blocks,
    bounties,
    conversations,
    idempotency,
    ledger,
    messages,
    requests,
    submissions,
    users,
)
from bountyexpo.runtime import Actor, Context

if TYPE_CHECKING:
    from bountyexpo.actors.ports import Ports
    from bountyexpo.persistence.bounties import Bounty
    from bountyexpo.persistence.requests import Application
    from bountyexpo.persistence.submissions import Submission
    from bountyexpo.persistence.unit_of_work import Transaction

# The reply to a repeated creation is kept under this scope and the caller's key.
CREATE_SCOPE = "bounty.create"


class BountyActor(Actor):
    """One bounty with its applications, its submissions and its escrow.

    Owns:      the bounty's status and version, its applications and its newest submission.
    Accepts:   CreateBounty, SubmitApplication, AcceptApplication, SubmitCompletion,
               ApproveCompletion.
    Persists:  each decision: rows, ledger transfer, stream events and audit in one transaction.
    Restarts:  reloads the committed rows; a repeated message finds its step done.
    """

    kind = "bounty"

    def __init__(self, actor_id: str, context: Context, ports: Ports) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._bounty: Bounty | None = None
        self._applications: list[Application] = []
        self._submission: Submission | None = None

    async def load(self) -> None:
        """Read the bounty and what belongs to it."""
        db = self._ports.db
        self._bounty = await bounties.get(db, self.id)
        if self._bounty is not None:
            self._applications = await requests.of_bounty(db, self.id)
            self._submission = await submissions.newest(db, self.id)

    async def handle(
        self, message: BountyMessage
    ) -> Created | Application | Accepted | Recorded | Submission:
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

    def __repr__(self) -> str:
        status = self._bounty.status.value if self._bounty else "absent"
        return f"<BountyActor {self.id} {status}>"

    @property
    def _present(self) -> Bounty:
        if self._bounty is None:
            raise MACHINE.absent.raised(None)
        return self._bounty

    def _decide(
        self,
        event: Event,
        caller_id: str,
        application: Application | None = None,
        **known: bool,
    ) -> Decision[Status, Facts]:
        bounty = self._present
        facts = facts_of(
            bounty,
            self._applications,
            self._submission,
            now=self.context.now(),
            application=application,
            **known,
        )
        return MACHINE.decide(bounty.status, event, bounty.parties.role_of(caller_id), facts)

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
            terms = message.terms
            return await bounties.recent_twin(
                tx, message.poster_id, terms.title, terms.amount_cents
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
        posted = await bounties.posted_today(tx, message.poster_id)
        facts = Facts(
            is_paid=message.terms.amount_cents > 0,
            is_verified=poster is not None and poster.email_verified_at is not None,
            has_posts_left=posted < self._ports.policy.bounties_per_day_max,
        )
        return MACHINE.decide(None, Event.CREATE, Role.POSTER, facts)

    async def _insert(
        self, tx: Transaction, message: CreateBounty, decision: Decision[Status, Facts]
    ) -> None:
        poster_id, terms, policy = message.poster_id, message.terms, self._ports.policy
        await bounties.insert(
            tx,
            self.id,
            poster_id,
            terms,
            fee_bps=policy.platform_fee_bps,
            policy_version=policy.version,
        )
        await bounty_events.created(tx, self.id, poster_id)
        if Effect.HOLD_ESCROW in decision.effects:
            hold = escrow_held(
                bounty_id=self.id, poster_id=poster_id, amount_cents=terms.amount_cents
            )
            await ledger.post(tx, hold, actor_id=poster_id)
            await bounty_events.escrow(tx, "held", self.id, poster_id, terms.amount_cents)
        await self._audit(tx, "create", poster_id, amount_cents=terms.amount_cents)
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
            waiting = await requests.pending_of(tx, hunter_id)
            has_room = waiting < self._ports.policy.pending_applications_max
            is_blocked = bool(await blocks.between(tx, hunter_id, (bounty.poster_id,)))
            decision = self._decide(
                Event.APPLY, hunter_id, mine, has_room=has_room, is_blocked=is_blocked
            )
            await requests.insert(
                tx,
                request_id,
                self.id,
                hunter_id,
                message=message.note,
                proposed_completion_at=message.proposed_completion_at,
            )
            await bounties.advance(tx, bounty, decision.state, actor_id=hunter_id)
            await bounty_events.request_changed(
                tx, "request.new", bounty, request_id, hunter_id, "pending", note=message.note
            )
            await self._audit(tx, "apply", hunter_id, request_id=request_id)
        await self.load()
        application = self._application_of(hunter_id)
        assert application is not None
        return application

    async def _accept(self, message: AcceptApplication) -> Accepted:
        bounty, caller_id = self._present, message.caller_id
        chosen = next((row for row in self._applications if row.id == message.request_id), None)
        if chosen is None:
            raise NotFound("This application does not exist.")
        decision = self._decide(Event.ACCEPT, caller_id, chosen)
        if not decision.is_move:
            return await self._accepted(chosen)
        async with self._ports.db.transaction() as tx:
            await requests.accept(tx, self.id, chosen.id)
            await bounties.advance(
                tx,
                bounty,
                decision.state,
                actor_id=caller_id,
                hunter_id=chosen.hunter_id,
                accepted_request_id=chosen.id,
            )
            await self._announce_acceptance(tx, bounty, chosen)
            await self._audit(tx, "accept", caller_id, request_id=chosen.id)
        await self.load()
        self._feed()
        metrics.BOUNTIES_ACCEPTED.inc()
        return await self._accepted(chosen)

    async def _announce_acceptance(
        self, tx: Transaction, bounty: Bounty, chosen: Application
    ) -> None:
        everyone = [bounty.poster_id]
        for row in self._applications:
            outcome = outcome_of(row, is_chosen=row is chosen)
            if outcome.is_move:
                everyone.append(row.hunter_id)
                await bounty_events.request_changed(
                    tx, "request.updated", bounty, row.id, row.hunter_id, outcome.state.value
                )
        await bounty_events.status_changed(tx, bounty, Status.IN_PROGRESS, users=everyone)
        conversation, created = await conversations.open_between(
            tx,
            (bounty.poster_id, chosen.hunter_id),
            created_by=bounty.poster_id,
            bounty_id=self.id,
        )
        if created:
            await conversations.announce(tx, conversation)
        await messages.add_system_message(
            tx,
            conversation,
            sender_id=bounty.poster_id,
            code=f"sys:accept:{self.id}",
            body=f"Application accepted for “{bounty.title}”.",
        )

    async def _accepted(self, chosen: Application) -> Accepted:
        bounty = self._present
        conversation = await conversations.between(
            self._ports.db, (bounty.poster_id, chosen.hunter_id), bounty_id=self.id
        )
        application = self._application_of(chosen.hunter_id)
        assert conversation is not None
        assert application is not None
        return Accepted(bounty=bounty, application=application, conversation_id=conversation.id)

    async def _submit(self, message: SubmitCompletion) -> Recorded:
        bounty, caller_id = self._present, message.caller_id
        decision, last = self._decide(Event.SUBMIT, caller_id), self._submission
        if not decision.is_move:
            assert last is not None
            return Recorded(submission=last, created=False)
        submission_id = new_id()
        async with self._ports.db.transaction() as tx:
            await submissions.insert(
                tx,
                submission_id,
                self.id,
                caller_id,
                revision=last.revision + 1 if last else 0,
                message=message.text,
                proof=message.proof,
            )
            await bounties.advance(tx, bounty, decision.state, actor_id=caller_id)
            await bounty_events.completion(
                tx, "completion.submitted", bounty, submission_id, decision.facts.work.value
            )
            await self._audit(tx, "submit", caller_id, submission_id=submission_id)
        await self.load()
        assert self._submission is not None
        return Recorded(submission=self._submission, created=True)

    async def _approve(self, message: ApproveCompletion) -> Submission:
        bounty, caller_id, submission = self._present, message.caller_id, self._submission
        if submission is None or submission.id != message.submission_id:
            raise Conflict("A newer submission has replaced this one.")
        decision = self._decide(Event.APPROVE, caller_id)
        if not decision.is_move:
            return submission
        async with self._ports.db.transaction() as tx:
            await submissions.approve(tx, submission.id)
            await bounties.advance(tx, bounty, decision.state, actor_id=caller_id)
            await bounty_events.completion(
                tx, "completion.reviewed", bounty, submission.id, decision.facts.work.value
            )
            await bounty_events.status_changed(tx, bounty, decision.state)
            await self._settle(tx, bounty, caller_id, decision)
            if message.stars is not None:
                await submissions.rate(
                    tx,
                    self.id,
                    rater=caller_id,
                    rated=submission.hunter_id,
                    stars=message.stars,
                    comment=message.comment,
                )
            await self._audit(tx, "approve", caller_id, submission_id=submission.id)
        await self.load()
        metrics.BOUNTIES_COMPLETED.inc()
        assert self._submission is not None
        return self._submission

    async def _settle(
        self,
        tx: Transaction,
        bounty: Bounty,
        caller_id: str,
        decision: Decision[Status, Facts],
    ) -> None:
        assert bounty.hunter_id is not None
        if Effect.RELEASE_ESCROW in decision.effects:
            release = escrow_released(
                bounty_id=self.id,
                hunter_id=bounty.hunter_id,
                amount_cents=bounty.amount_cents,
                fee_bps=bounty.platform_fee_bps,
            )
            await ledger.post(tx, release, actor_id=caller_id)
            for user_id in (bounty.poster_id, bounty.hunter_id):
                await bounty_events.escrow(tx, "released", self.id, user_id, bounty.amount_cents)
        conversation = await conversations.between(
            tx, (bounty.poster_id, bounty.hunter_id), bounty_id=self.id
        )
        if conversation is not None:
            await messages.add_system_message(
                tx,
                conversation,
                sender_id=caller_id,
                code=f"sys:complete:{self.id}",
                body="Work approved. The bounty is completed.",
            )

    def _application_of(self, hunter_id: str) -> Application | None:
        return next((row for row in self._applications if row.hunter_id == hunter_id), None)

    def _feed(self) -> None:
        self._ports.feed(self.id, bounty_events.public_fields(self._present))

    async def _audit(self, tx: Transaction, action: str, actor_id: str, **metadata: Any) -> None:
        await tx.audit(
            category="bounty",
            action=action,
            actor_id=actor_id,
            target=("bounty", self.id),
            **metadata,
        )
