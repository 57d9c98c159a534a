"""The payment actor: a deposit from the first request to the credit, as a saga.

What the provider says, in a reply or in a webhook, is applied by one rule: the machine decides, its
effects inside the transaction are those of ``effects.payment``, and the ledger's business key makes
the credit happen once. What the provider is asked is in ``effects.payment_calls``: a call runs
beside the mailbox, after the commit that makes it repeatable, and comes back to it (contract money
§3.4, §4).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

from bountyexpo.actors.money.effects.payment import Said, carry_out
from bountyexpo.actors.money.effects.payment_calls import CALLS, Question
from bountyexpo.actors.money.payment_facts import (
    Move,
    Told,
    differences,
    facts_of,
    seconds,
    told_by,
)
from bountyexpo.actors.money.payment_messages import (
    ApplyProviderEvent,
    CancelIntent,
    ConfirmIntent,
    CreateIntent,
    GiveUpPayment,
    IntentAnswer,
    LookAtIntent,
    PaymentKind,
    PaymentMessage,
    PollPayment,
    ProviderAnswered,
    ResumePayment,
)
from bountyexpo.domain.machine import Decision, Outcome, Role
from bountyexpo.domain.money.findings import Finding
from bountyexpo.domain.money.payment import (
    MACHINE,
    Effect,
    Event,
    Facts,
    Kind,
    PaymentStatus,
    event_of,
)
from bountyexpo.errors import (
    BountyExpoError,
    CardRefused,
    Conflict,
    IdempotencyConflict,
    InternalError,
    ProviderFailed,
    RequestInProgress,
    StaleVersion,
    Unavailable,
)
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import findings, payments
from bountyexpo.persistence.money.payments import NewPayment, Payment
from bountyexpo.runtime import DEFERRED, Actor, Context
from bountyexpo.runtime import Outcome as CallOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.integrations.stripe.intents import Intent
    from bountyexpo.persistence.transaction import Transaction
    from bountyexpo.runtime import Deferred

# The effect that looks again at a payment whose first step was cut off.
RESUME = "payment.resume"

# What the clock lets happen.
TIMED: Final[Mapping[type[PaymentMessage], Event]] = {
    ResumePayment: Event.RESUME,
    GiveUpPayment: Event.GIVE_UP,
    PollPayment: Event.POLL,
}

log = get_logger(__name__)


class PaymentActor(Actor[PaymentKind]):
    """One payment.

    Owns:      the payment's status, and who waits for the provider's present answer.
    Accepts:   CreateIntent, ConfirmIntent, CancelIntent, LookAtIntent, ApplyProviderEvent,
               ResumePayment, GiveUpPayment, PollPayment; goes on with ProviderAnswered.
    Persists:  the intention before each provider call; status, credit and inbox mark after it.
    Restarts:  reloads the row; an unfinished step is repeated with its stored key.
    """

    kind = "payment"

    def __init__(
        self, actor_id: str, context: Context[PaymentKind], ports: ActorDependencies
    ) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._payment: Payment | None = None

    async def load(self) -> None:
        """Read the payment, if it exists."""
        self._payment = await payments.get(self._ports.db, self.id)

    async def handle(self, message: PaymentMessage) -> IntentAnswer | Deferred | None:
        """Decide one message."""
        match message:
            case CreateIntent():
                return await self._create(message)
            case ConfirmIntent():
                return self._asked(Event.CONFIRM, message.user_id, message.payment_method)
            case CancelIntent():
                return self._asked(Event.CANCEL, message.user_id)
            case LookAtIntent():
                return self._call(Effect.RETRIEVE_INTENT, Question(payment=self._present))
            case ApplyProviderEvent():
                return await self._told(message)
            case ResumePayment() | GiveUpPayment() | PollPayment():
                return self._timed(TIMED[type(message)])
            case _:
                assert_never(message)

    def __repr__(self) -> str:
        return f"<PaymentActor {self.id} {self._payment.status if self._payment else 'absent'}>"

    @property
    def _present(self) -> Payment:
        if self._payment is None:
            raise MACHINE.absent.raised(None)
        return self._payment

    def _decide(
        self, event: Event, role: Role, facts: Facts | None = None
    ) -> Decision[PaymentStatus, Facts]:
        status = PaymentStatus(self._present.status)
        return MACHINE.decide(status, event, role, facts or Facts())

    async def _create(self, message: CreateIntent) -> Deferred:
        if self._payment is None:
            await self._insert(message)
        if self._present.request_hash != message.request_hash:
            raise IdempotencyConflict
        decision = self._decide(Event.CREATE, Role.OWNER)
        if self._present.status != decision.state:
            await self._start_again(decision)
        # What has been made already is only looked at.
        effect = next(iter(decision.effects), Effect.RETRIEVE_INTENT)
        return self._call(effect, Question(payment=self._present, email=message.email))

    async def _insert(self, message: CreateIntent) -> None:
        decision = MACHINE.decide(None, Event.CREATE, Role.OWNER, Facts())
        new = NewPayment(
            id=self.id,
            user_id=message.user_id,
            kind=Kind.DEPOSIT.value,
            amount_cents=message.amount_cents,
            status=decision.state.value,
            description=message.description,
            idempotency_key=message.idempotency_key,
            request_hash=message.request_hash,
        )
        async with self._ports.db.transaction() as tx:
            inserted = await payments.insert(tx, new)
            if inserted is not None:
                self._resume_later(tx, decision, inserted.version)
        if inserted is None:
            raise RequestInProgress
        self._payment = inserted
        metrics.PAYMENT_TRANSACTIONS.labels(type="deposit").inc()

    async def _start_again(self, decision: Decision[PaymentStatus, Facts]) -> None:
        """Forget an intent that came to nothing, so that another can be made."""
        async with self._ports.db.transaction() as tx:
            again = await payments.start_again(tx, self._present, decision.state.value)
            self._resume_later(tx, decision, again.version)
        self._payment = again

    def _resume_later(
        self, tx: Transaction, decision: Decision[PaymentStatus, Facts], version: int
    ) -> None:
        due_after_s = seconds(decision.timers, Event.RESUME)
        assert due_after_s is not None
        tx.effect(RESUME, ("payment", self.id), version, {}, due_after_s=due_after_s)

    def _asked(self, event: Event, user_id: str, payment_method: str | None = None) -> Deferred:
        payment = self._present
        role = Role.OWNER if payment.user_id == user_id else Role.OTHER
        decision = self._decide(event, role)
        effect = next(iter(decision.effects), Effect.RETRIEVE_INTENT)
        return self._call(effect, Question(payment=payment, payment_method=payment_method))

    def _timed(self, event: Event) -> Deferred | None:
        decision = self._decide(event, Role.TIMER)
        for effect in decision.effects:
            return self._call(effect, Question(payment=self._present))
        return None

    def _call(
        self, effect: StrEnum, question: Question, *, inbox_id: int | None = None
    ) -> Deferred:
        """Ask the provider beside the mailbox; its answer settles the asker's reply."""
        reply = self.context.defer()

        def then(outcome: CallOutcome[Intent]) -> ProviderAnswered:
            return ProviderAnswered(
                intent=outcome.value, error=outcome.error, reply=reply, inbox_id=inbox_id
            )

        self.context.spawn(partial(CALLS[effect], self._ports, question), then)
        return DEFERRED

    async def continue_with(self, answered: ProviderAnswered) -> None:
        """Apply what the provider answered, and answer who asked."""
        reply = answered.reply
        try:
            if answered.intent is None:
                raise await self._failed(answered.error)
            answer = await self._apply(answered.intent, inbox_id=answered.inbox_id)
        except StaleVersion:
            # The pool reloads and hands the same answer in again; the asker waits on.
            raise
        except Exception as error:
            reply.fail(error if isinstance(error, BountyExpoError) else InternalError())
            raise
        reply.send(answer)

    async def _failed(self, error: Exception | None) -> Exception:
        """Record a definite refusal; leave an unknown outcome to the webhook."""
        payment = self._present
        if isinstance(error, CardRefused):
            metrics.PAYMENT_FAILURES.labels(type=payment.kind).inc()
            decision = self._decide(Event.PAYMENT_FAILED, Role.PROVIDER)
            if decision.is_move:
                told = Told(status=decision.state, moves=(Move(Event.PAYMENT_FAILED, decision),))
                await self._commit(told, Said(refused_as=error.error_code))
        elif not isinstance(error, ProviderFailed):
            log.warning("the provider refused", payment=self.id, error=type(error).__name__)
        return error or InternalError()

    async def _told(self, message: ApplyProviderEvent) -> IntentAnswer | Deferred:
        """Apply a webhook; one that has overtaken the answer to our own call asks again."""
        payment, intent = self._present, message.intent
        await self._check(intent, message.inbox_id)
        event = event_of(intent.status, has_error=intent.error_code is not None)
        if payment.status == PaymentStatus.CREATING and event is not Event.SUCCEEDED:
            # Which intent is ours is said by the answer to our own call alone.
            raise Unavailable("This deposit is still being made.")
        if event is not None:
            decision = self._decide(event, Role.PROVIDER, facts_of(payment, intent))
            if decision.outcome is Outcome.POSTPONE:
                for effect in decision.effects:
                    question = Question(payment=payment, told_intent_id=intent.id)
                    return self._call(effect, question, inbox_id=message.inbox_id)
        return await self._apply(intent, inbox_id=message.inbox_id)

    async def _apply(self, intent: Intent, *, inbox_id: int | None = None) -> IntentAnswer:
        """Bring the payment to what the provider says, in one transaction."""
        payment = self._present
        await self._check(intent, inbox_id)
        told = told_by(payment, intent)
        if told.is_news_to(payment, intent):
            await self._commit(told, Said(intent=intent), inbox_id=inbox_id)
        elif inbox_id is not None:
            await inbox.mark_processed(self._ports.db, inbox_id)
        if told.has(Effect.POST_DEPOSIT):
            metrics.PAYMENT_SUCCESS.labels(type=payment.kind).inc()
            metrics.PAYMENT_AMOUNT_CENTS.labels(type=payment.kind).inc(intent.amount_received_cents)
        return IntentAnswer(intent=intent, status=told.status.value)

    async def _check(self, intent: Intent, inbox_id: int | None) -> None:
        """Let people look at an intent that is not the one that we made.

        Raises:
            Conflict: it is not; its event, if there is one, is done with.
        """
        differs = differences(self._present, intent)
        if not differs:
            return
        log.error("an intent does not match its payment", payment=self.id, differs=differs)
        details = {
            "paymentId": self.id,
            "differs": differs,
            "amountCents": intent.amount_cents,
            "receivedCents": intent.amount_received_cents,
            "status": intent.status,
        }
        subject = ("payment_intent", intent.id)
        async with self._ports.db.transaction() as tx:
            await findings.record(tx, Finding.INTENT_MISMATCH, subject, details)
            if inbox_id is not None:
                await inbox.mark(tx, inbox_id, "dead", error=f"differs: {', '.join(differs)}")
        raise Conflict("This event does not match the deposit it names.", code="invalid_status")

    async def _commit(self, told: Told, said: Said, *, inbox_id: int | None = None) -> None:
        now = self.context.now()
        async with self._ports.db.transaction() as tx:
            payment = await carry_out(tx, self._present, told, said, now=now)
            if inbox_id is not None:
                await inbox.mark_processed(tx, inbox_id)
        self._payment = payment
