"""Deposits and withdrawals that live on one book, step by step.

Each follows its table of rules, and each effect that names a posting is that posting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from bountyexpo.domain.machine import Decision, Outcome, Role
from bountyexpo.domain.money import payment, withdrawal
from bountyexpo.domain.money.ledger import payouts, wallets
from bountyexpo.domain.money.ledger.accounts import in_flight

from tests.unit.domain.machines import PAYMENT, WITHDRAWAL

if TYPE_CHECKING:
    from bountyexpo.domain.money.ledger.book import Book
    from bountyexpo.domain.money.ledger.transfers import Transfer

    from tests.properties.network import Network, Word

POSTER, HUNTER = "poster", "hunter"


class Life:
    """One thing with a state, on the common book and behind the common network."""

    machine: ClassVar[Any]

    def __init__(self, name: str, book: Book, network: Network) -> None:
        self.name, self.book, self.network = name, book, network
        self.state = self.machine.start
        self.facts = self.machine.facts()

    def decide(self, event: Any, role: Role, **known: Any) -> Decision[Any, Any]:
        facts = msgspec.structs.replace(self.facts, **known)
        return self.machine.decide(self.state, event, role, facts)

    def keep(self, decision: Decision[Any, Any]) -> None:
        self.state, self.facts = decision.state, decision.facts


class Deposit(Life):
    """Money from a card into the poster's wallet."""

    machine = PAYMENT
    cents = 30_000

    def __init__(self, name: str, book: Book, network: Network) -> None:
        super().__init__(name, book, network)
        self.attempt = 0

    @property
    def intent(self) -> str:
        return f"pi_{self.name}_{self.attempt}"

    def ask(self, event: payment.Event, role: Role = Role.OWNER) -> None:
        decision = self.decide(event, role, is_current=True)
        if decision.state is payment.PaymentStatus.CREATING and decision.state != self.state:
            self.attempt += 1
        self._carry_out(decision, self.intent)

    def hear(self, word: Word, *, is_known: bool) -> bool:
        is_current = word.about == self.intent
        decision = self.decide(word.event, Role.PROVIDER, is_current=is_current)
        if decision.outcome is Outcome.POSTPONE:
            return False
        self._carry_out(decision, word.about)
        return True

    def _carry_out(self, decision: Decision[Any, Any], about: str) -> None:
        events, said = payment.Event, []
        for effect in decision.effects:
            match effect:
                case payment.Effect.MAKE_INTENT:
                    said.append(events.CREATED)
                case payment.Effect.CONFIRM_INTENT:
                    said += self._confirmed()
                case payment.Effect.CANCEL_INTENT if self.intent not in self.network.paid:
                    said.append(events.CANCELED)
                    self.network.fates[f"confirm_{self.intent}"] = ()
                case payment.Effect.POST_DEPOSIT:
                    self.book.apply(
                        wallets.deposit_captured(
                            intent_id=about, user_id=POSTER, amount_cents=self.cents
                        )
                    )
        for event in said:
            self.network.say(self, event, self.intent)
        self.keep(decision)

    def _confirmed(self) -> tuple[payment.Event, ...]:
        events, intent = payment.Event, self.intent
        fate, is_new = self.network.fate(
            f"confirm_{intent}",
            (events.SUCCEEDED,),
            (events.PROCESSING, events.SUCCEEDED),
            (events.REQUIRES_ACTION, events.PROCESSING, events.SUCCEEDED),
            (events.PAYMENT_FAILED, events.CANCELED),
            (events.PROCESSING, events.PAYMENT_FAILED, events.CANCELED),
        )
        if is_new and events.SUCCEEDED in fate:
            self.network.take(intent, self.cents)
        return fate


class Withdrawal(Life):
    """Money from the hunter's wallet to a bank."""

    machine = WITHDRAWAL

    def __init__(self, name: str, book: Book, network: Network, *, cents: int) -> None:
        super().__init__(name, book, network)
        self.cents = cents
        self.steps = 0
        self.paid: Transfer | None = None
        self.step: Any = None

    def ask(self, event: withdrawal.Event, role: Role, **known: Any) -> None:
        decision = self.decide(event, role, **known)
        if decision.outcome is Outcome.MOVE:
            self._carry_out(decision)

    def hear(self, word: Word, *, is_known: bool) -> bool:
        decision = self.decide(word.event, Role.PROVIDER, is_known=is_known)
        if decision.outcome is Outcome.POSTPONE:
            return False
        if decision.outcome is Outcome.MOVE:
            self._carry_out(decision)
        return True

    def _carry_out(self, decision: Decision[Any, Any]) -> None:
        for transfer in filter(None, (self._posting(effect) for effect in decision.effects)):
            self.book.apply(transfer)
        self.keep(decision)
        effects = withdrawal.Effect
        for effect in decision.effects:
            if effect in {effects.MAKE_TRANSFER, effects.MAKE_PAYOUT, effects.MAKE_REVERSAL}:
                self.steps += 1
                self.step = effect, f"{self.name}_{self.steps}"
                self._call(*self.step, can_be_lost=True)
            elif effect is effects.REPLAY_STEP:
                self._call(*self.step, can_be_lost=False)

    def _posting(self, effect: Any) -> Transfer | None:
        about = {"withdrawal_id": self.name, "amount_cents": self.cents}
        account = f"acct_{self.name}"
        match effect:
            case withdrawal.Effect.POST_REQUESTED:
                return payouts.withdrawal_requested(user_id=HUNTER, **about)
            case withdrawal.Effect.POST_TRANSFERRED:
                return payouts.transfer_created(
                    transfer_id=f"tr_{self.name}", stripe_account_id=account, **about
                )
            case withdrawal.Effect.POST_PAID:
                self.paid = payouts.payout_paid(
                    payout_id=f"po_{self.name}", stripe_account_id=account, **about
                )
                return self.paid
            case withdrawal.Effect.POST_RETURNED:
                assert self.paid is not None
                return payouts.payout_returned(self.paid)
            case withdrawal.Effect.POST_VOID:
                return payouts.withdrawal_voided(user_id=HUNTER, **about)
            case withdrawal.Effect.POST_REVERSED:
                return payouts.transfer_reversed(
                    reversal_id=f"trr_{self.name}",
                    user_id=HUNTER,
                    stripe_account_id=account,
                    **about,
                )
            case withdrawal.Effect.POST_MANUAL:
                was_sent = self.state is withdrawal.Status.REVERSING
                return payouts.settled_by_hand(
                    stripe_account_id=account if was_sent else None, **about
                )
        return None

    def _call(self, effect: Any, key: str, *, can_be_lost: bool) -> None:
        events, effects = withdrawal.Event, withdrawal.Effect
        unknown, fates = {
            effects.MAKE_TRANSFER: (
                events.TRANSFER_UNKNOWN,
                ((events.TRANSFER_MADE,),) * 3 + ((events.TRANSFER_REFUSED,),),
            ),
            effects.MAKE_PAYOUT: (
                events.PAYOUT_UNKNOWN,
                (
                    (events.PAYOUT_MADE, events.PAID),
                    (events.PAYOUT_MADE, events.PAYOUT_FAILED),
                    (events.PAYOUT_MADE, events.PAID, events.PAYOUT_FAILED),
                    (events.PAYOUT_REFUSED,),
                ),
            ),
            effects.MAKE_REVERSAL: (events.REVERSAL_UNKNOWN, ((events.REVERSED,),)),
        }[effect]
        fate, is_new = self.network.fate(key, *fates)
        if is_new:
            self.network.cents -= self.cents if fate[0] is events.TRANSFER_MADE else 0
            self.network.cents += self.cents if fate[0] is events.REVERSED else 0
        if can_be_lost and self.network.dice.below(3) == 0:
            # What was done is told by a webhook all the same, sooner or later.
            self.network.say(self, unknown, f"{key}_lost")
        for event in fate:
            self.network.say(self, event, f"{key}_{event}")

    @property
    def flying_cents(self) -> int:
        return self.book.cents(in_flight(self.name))
