"""The bounty actor: one decision at a time about one bounty, each in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.actors import bounty_events
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
from bountyexpo.domain import bounty as rules
from bountyexpo.domain.bounty import Status, Step
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.ledger import escrow_held, escrow_released
from bountyexpo.errors import Conflict, NotAllowed, NotFound, RateLimited
from bountyexpo.observability import metrics
from bountyexpo.persistence import (
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
        if self._bounty is None or self._bounty.status is Status.DELETED:
            raise NotFound("This bounty does not exist.", code="bounty_not_found")
        return self._bounty

    async def _create(self, message: CreateBounty) -> Created:
        if self._bounty is not None:
            return Created(bounty=self._bounty, replayed=True)
        async with self._ports.db.transaction() as tx:
            await tx.lock(f"post:{message.poster_id}")
            earlier_id = await self._earlier(tx, message)
            if earlier_id is None:
                await self._check_poster(tx, message.poster_id)
                await self._insert(tx, message)
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

    async def _check_poster(self, tx: Transaction, poster_id: str) -> None:
        poster = await users.get(tx, poster_id)
        if poster is None or poster.email_verified_at is None:
            raise NotAllowed("Please verify your email first.", code="EMAIL_NOT_VERIFIED")
        limit = self._ports.policy.bounties_per_day_max
        if await bounties.posted_today(tx, poster_id) >= limit:
            raise RateLimited(f"You can post {limit} bounties a day.", retry_after_s=3600)

    async def _insert(self, tx: Transaction, message: CreateBounty) -> None:
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
        if terms.amount_cents:
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
        status = rules.advance(bounty.status, Step.APPLY, bounty.parties.role_of(hunter_id))
        mine = self._application_of(hunter_id)
        request_id = new_id()
        async with self._ports.db.transaction() as tx:
            await tx.lock(f"apply:{hunter_id}")
            rules.check_application(
                mine.status if mine else None,
                pending_elsewhere=await requests.pending_of(tx, hunter_id),
                limit=self._ports.policy.pending_applications_max,
            )
            await requests.insert(
                tx,
                request_id,
                self.id,
                hunter_id,
                message=message.note,
                proposed_completion_at=message.proposed_completion_at,
            )
            await bounties.advance(tx, bounty, status, actor_id=hunter_id)
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
        if bounty.accepted_request_id == chosen.id and caller_id == bounty.poster_id:
            return await self._accepted(chosen)
        status = rules.advance(bounty.status, Step.ACCEPT, bounty.parties.role_of(caller_id))
        if chosen.status != "pending":
            raise Conflict("This application is no longer waiting.", currentStatus=chosen.status)
        async with self._ports.db.transaction() as tx:
            await requests.accept(tx, self.id, chosen.id)
            await bounties.advance(
                tx,
                bounty,
                status,
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
        waiting = [row for row in self._applications if row.status == "pending"]
        everyone = (bounty.poster_id, *(row.hunter_id for row in waiting))
        for row in waiting:
            outcome = "accepted" if row is chosen else "rejected"
            await bounty_events.request_changed(
                tx, "request.updated", bounty, row.id, row.hunter_id, outcome
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
        status = rules.advance(bounty.status, Step.SUBMIT, bounty.parties.role_of(caller_id))
        last = self._submission
        if last is not None and last.status == "pending":
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
            await bounties.advance(tx, bounty, status, actor_id=caller_id)
            await bounty_events.completion(
                tx, "completion.submitted", bounty, submission_id, "pending"
            )
            await self._audit(tx, "submit", caller_id, submission_id=submission_id)
        await self.load()
        assert self._submission is not None
        return Recorded(submission=self._submission, created=True)

    async def _approve(self, message: ApproveCompletion) -> Submission:
        bounty, caller_id, submission = self._present, message.caller_id, self._submission
        if submission is None or submission.id != message.submission_id:
            raise Conflict("A newer submission has replaced this one.")
        if submission.status == "approved" and caller_id == bounty.poster_id:
            return submission
        status = rules.advance(bounty.status, Step.APPROVE, bounty.parties.role_of(caller_id))
        if submission.status != "pending":
            raise Conflict("This work is not waiting.", currentStatus=submission.status)
        async with self._ports.db.transaction() as tx:
            await submissions.approve(tx, submission.id)
            await bounties.advance(tx, bounty, status, actor_id=caller_id)
            await bounty_events.completion(
                tx, "completion.reviewed", bounty, submission.id, "approved"
            )
            await bounty_events.status_changed(tx, bounty, status)
            await self._settle(tx, bounty, caller_id)
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

    async def _settle(self, tx: Transaction, bounty: Bounty, caller_id: str) -> None:
        assert bounty.hunter_id is not None
        if bounty.amount_cents:
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
