"""The payment actor: a deposit from the first request to the credit, as a saga.

A step that needs the provider is stored first, with the idempotency key that makes it repeatable;
the call then runs beside the mailbox and comes back to it. What the provider says, in a
reply or in a webhook, is applied by one rule, and the ledger's business key makes the credit
happen once (contract money §3.4, §4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from bountyexpo.actors.money import payment_events, postings
from bountyexpo.actors.money.payment_facts import Told, facts_of, give_up_at, seconds, told_by
from bountyexpo.actors.money.payment_messages import (
    ApplyProviderEvent,
    ConfirmIntent,
    CreateIntent,
    GiveUpPayment,
    IntentAnswer,
    PaymentKind,
    PaymentMessage,
    ProviderAnswered,
    ResumePayment,
)
from bountyexpo.domain.machine import Decision, Outcome, Role
from bountyexpo.domain.money.ledger.wallets import deposit_captured
from bountyexpo.domain.money.payment import MACHINE, Effect, Event, Facts, PaymentStatus, event_of
from bountyexpo.errors import (
    BountyExpoError,
    CardRefused,
    Conflict,
    IdempotencyConflict,
    InternalError,
    NotFound,
    ProviderFailed,
    StaleVersion,
)
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import payments
from bountyexpo.persistence.money.payments import NewPayment, Payment
from bountyexpo.runtime import DEFERRED, Actor, Context
from bountyexpo.runtime import Outcome as CallOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.integrations.stripe import Intent
    from bountyexpo.persistence.transaction import Transaction
    from bountyexpo.runtime import Deferred

# The effect that looks again at a payment whose first step was cut off.
RESUME = "payment.resume"

log = get_logger(__name__)


class PaymentActor(Actor[PaymentKind]):
    """One payment.

    Owns:      the payment's status, and who waits for the provider's present answer.
    Accepts:   CreateIntent, ConfirmIntent, ApplyProviderEvent, ResumePayment, GiveUpPayment;
               goes on with ProviderAnswered.
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
                return self._confirm(message)
            case ApplyProviderEvent():
                return await self._told(message)
            case ResumePayment():
                return self._resume()
            case GiveUpPayment():
                return self._give_up()
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
            first = MACHINE.decide(None, Event.CREATE, Role.OWNER, Facts())
            await self._insert(message, first)
        payment = self._present
        if payment.request_hash != message.request_hash:
            raise IdempotencyConflict
        decision = self._decide(Event.CREATE, Role.OWNER)
        if Effect.MAKE_INTENT not in decision.effects:
            return self._call(self._retrieve(payment))
        if payment.status != decision.state:
            payment = await self._start_again(payment, decision)
        return self._call(lambda: self._make_intent(payment, message.email))

    async def _start_again(
        self, payment: Payment, decision: Decision[PaymentStatus, Facts]
    ) -> Payment:
        """Forget an intent that came to nothing, so that another can be made."""
        async with self._ports.db.transaction() as tx:
            await payments.start_again(tx, payment, decision.state.value)
            await self._resume_later(tx, decision, payment.version + 1)
        await self.load()
        return self._present

    async def _resume_later(
        self, tx: Transaction, decision: Decision[PaymentStatus, Facts], version: int
    ) -> None:
        due_after_s = seconds(decision.timers, Event.RESUME)
        assert due_after_s is not None
        tx.effect(RESUME, ("payment", self.id), version, {}, due_after_s=due_after_s)

    async def _insert(
        self, message: CreateIntent, decision: Decision[PaymentStatus, Facts]
    ) -> None:
        payment = NewPayment(
            id=self.id,
            user_id=message.user_id,
            kind="deposit",
            amount_cents=message.amount_cents,
            status=decision.state.value,
            description=message.description,
            idempotency_key=message.idempotency_key,
            request_hash=message.request_hash,
        )
        async with self._ports.db.transaction() as tx:
            inserted = await payments.insert(tx, payment)
            if inserted:
                await self._resume_later(tx, decision, 1)
        if not inserted:
            raise Conflict(
                "This request is still being worked on.",
                code="request_in_progress",
                retry_after_s=1,
            )
        metrics.PAYMENT_TRANSACTIONS.labels(type="deposit").inc()
        await self.load()

    async def _make_intent(self, payment: Payment, email: str | None) -> Intent:
        """Ask the provider for the intent; repeating this is harmless."""
        stripe, db, user_id = self._ports.stripe, self._ports.db, payment.user_id
        customer_id = await payments.customer_of(db, user_id)
        if customer_id is None:
            customer_id = await stripe.create_customer(
                user_id=user_id, email=email, idempotency_key=f"customer_{user_id}"
            )
            await payments.keep_customer(db, user_id, customer_id)
        metadata = {"user_id": user_id, "payment_id": self.id, "purpose": "wallet_deposit"}
        if payment.description:
            metadata["description"] = payment.description
        return await stripe.create_payment_intent(
            amount_cents=payment.amount_cents,
            currency=payment.currency.lower(),
            customer_id=customer_id,
            metadata=metadata,
            # The version stands still until the answer is kept: a repetition has the same key.
            idempotency_key=f"intent_{self.id}_{payment.version}",
        )

    def _confirm(self, message: ConfirmIntent) -> Deferred:
        payment, method = self._present, message.payment_method
        role = Role.OWNER if payment.user_id == message.user_id else Role.OTHER
        decision = self._decide(Event.CONFIRM, role)
        if Effect.CONFIRM_INTENT not in decision.effects or method is None:
            return self._call(self._retrieve(payment))
        intent_id = payment.stripe_payment_intent_id
        assert intent_id is not None
        # The version changes with every answer, so that another card gets another key, while a
        # repetition after a lost answer keeps the old one.
        key = f"confirm_{self.id}_{payment.version}"
        return self._call(
            lambda: self._ports.stripe.confirm_payment_intent(
                intent_id, payment_method=method, idempotency_key=key
            )
        )

    def _resume(self) -> Deferred | None:
        payment = self._present
        if Effect.MAKE_INTENT in self._decide(Event.RESUME, Role.TIMER).effects:
            return self._call(lambda: self._make_intent(payment, None))
        return None

    def _give_up(self) -> Deferred | None:
        payment = self._present
        if Effect.CANCEL_INTENT in self._decide(Event.GIVE_UP, Role.TIMER).effects:
            return self._call(lambda: self._cancel(payment))
        return None

    async def _cancel(self, payment: Payment) -> Intent:
        """Cancel the intent, or learn what it was that came first."""
        stripe, intent_id = self._ports.stripe, payment.stripe_payment_intent_id
        assert intent_id is not None
        try:
            return await stripe.cancel_payment_intent(
                intent_id, idempotency_key=f"cancel_{self.id}_{payment.version}"
            )
        except Conflict:
            return await stripe.retrieve_payment_intent(intent_id)

    def _retrieve(self, payment: Payment) -> Callable[[], Awaitable[Intent]]:
        intent_id = payment.stripe_payment_intent_id
        assert intent_id is not None
        return lambda: self._ports.stripe.retrieve_payment_intent(intent_id)

    def _call(
        self, call: Callable[[], Awaitable[Intent]], *, inbox_id: int | None = None
    ) -> Deferred:
        """Run a provider call beside the mailbox; its answer settles the asker's reply."""
        reply = self.context.defer()

        def then(outcome: CallOutcome[Intent]) -> ProviderAnswered:
            return ProviderAnswered(
                intent=outcome.value, error=outcome.error, reply=reply, inbox_id=inbox_id
            )

        self.context.spawn(call, then)
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
                state, now = decision.state, self.context.now()
                async with self._ports.db.transaction() as tx:
                    await payments.advance(
                        tx,
                        payment,
                        state.value,
                        failure_code=error.error_code,
                        give_up_at=give_up_at(payment, state, decision.timers, now),
                    )
                    payment_events.failed(tx, payment, error.error_code)
                await self.load()
        elif not isinstance(error, ProviderFailed):
            log.warning("the provider refused", payment=self.id, error=type(error).__name__)
        return error or InternalError()

    async def _told(self, message: ApplyProviderEvent) -> IntentAnswer | Deferred:
        """Apply a webhook; one that has overtaken the answer to our own call asks again."""
        intent = message.intent
        event = event_of(intent.status, has_error=intent.error_code is not None)
        if event is not None:
            facts = facts_of(self._present, intent)
            decision = self._decide(event, Role.PROVIDER, facts)
            if Effect.RETRIEVE_INTENT in decision.effects:
                retrieve = self._ports.stripe.retrieve_payment_intent
                return self._call(lambda: retrieve(intent.id), inbox_id=message.inbox_id)
            if decision.outcome is Outcome.PARK:
                raise NotFound("This deposit is still being made.")
        return await self._apply(intent, inbox_id=message.inbox_id)

    async def _apply(self, intent: Intent, *, inbox_id: int | None = None) -> IntentAnswer:
        """Bring the payment to what the provider says, in one transaction."""
        payment = self._present
        told = told_by(payment, intent)
        is_news = told.is_news_to(payment, intent)
        if is_news or inbox_id is not None:
            async with self._ports.db.transaction() as tx:
                if is_news:
                    await self._advance(tx, payment, intent, told)
                if Effect.POST_DEPOSIT in told.effects:
                    await self._credit(tx, payment, intent)
                if inbox_id is not None:
                    await inbox.mark_processed(tx, inbox_id)
            await self.load()
        if Effect.POST_DEPOSIT in told.effects:
            metrics.PAYMENT_SUCCESS.labels(type=payment.kind).inc()
            metrics.PAYMENT_AMOUNT_CENTS.labels(type=payment.kind).inc(intent.amount_received_cents)
        return IntentAnswer(intent=intent, status=told.status.value)

    async def _advance(self, tx: Transaction, payment: Payment, intent: Intent, told: Told) -> None:
        is_current = payment.stripe_payment_intent_id in {None, intent.id}
        failure_code = intent.error_code if is_current else payment.failure_code
        await payments.advance(
            tx,
            payment,
            told.status.value,
            intent_id=intent.id if is_current else None,
            failure_code=failure_code,
            give_up_at=give_up_at(payment, told.status, told.timers, self.context.now()),
        )
        payment_events.moved(tx, payment, told.status, failure_code)

    async def _credit(self, tx: Transaction, payment: Payment, intent: Intent) -> None:
        amount_cents = intent.amount_received_cents
        transfer = deposit_captured(
            intent_id=intent.id, user_id=payment.user_id, amount_cents=amount_cents
        )
        if not await postings.post(tx, transfer):
            return
        payment_events.succeeded(tx, payment, intent.id, amount_cents)
        tx.audit(
            category="payment",
            action="deposit",
            actor_id=payment.user_id,
            target=("payment", self.id),
            amount_cents=amount_cents,
        )
