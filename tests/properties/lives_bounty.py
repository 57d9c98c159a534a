"""Bounties with their escrow that live on one book, each following the other's table of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from bountyexpo.domain.machine import Decision, Outcome, Role
from bountyexpo.domain.market import bounty
from bountyexpo.domain.money import escrow, fees
from bountyexpo.domain.money.ledger import payouts, wallets
from bountyexpo.domain.money.ledger.accounts import available, escrow_frozen
from bountyexpo.domain.money.ledger.accounts import escrow as locked
from bountyexpo.domain.money.ledger.transfers import Kind, Phase, Transfer, post, reversal, void

from tests.properties.lives import HUNTER, POSTER, Life
from tests.unit.domain.machines import BOUNTY, ESCROW

if TYPE_CHECKING:
    from bountyexpo.domain.money.ledger.book import Book

    from tests.properties.network import Network, Word

FEE_BPS = 500
HOLDING = {escrow.State.HELD, escrow.State.FROZEN}
ENDED = {
    bounty.Status.COMPLETED,
    bounty.Status.CANCELLED,
    bounty.Status.ARCHIVED,
    bounty.Status.DELETED,
}


class BountyLife(Life):
    """A bounty with its escrow, which follows it."""

    machine = BOUNTY

    def __init__(
        self, name: str, book: Book, network: Network, *, cents: int, is_card: bool
    ) -> None:
        super().__init__(name, book, network)
        self.cents = cents
        self.facts = bounty.Facts(is_paid=cents > 0, has_posts_left=True)
        self.escrow = escrow.State.NONE
        self.escrow_facts = escrow.Facts(is_for_honor=not cents, is_card=is_card)
        self.round = 0
        self.settled: Transfer | None = None
        self.disputes = self.calls = 0
        # The intents whose money is in the book.
        self.posted: set[str] = set()

    @property
    def intent(self) -> str:
        return f"pi_{self.name}_{self.round}"

    @property
    def locked_cents(self) -> int:
        return self.book.cents(locked(self.name)) + self.book.cents(escrow_frozen(self.name))

    @property
    def expected_cents(self) -> int:
        """What must be locked: all or nothing; a refund to a card keeps it until it has arrived."""
        is_pending = self.settled is not None and self.settled.phase is Phase.PENDING
        is_waiting = self.escrow is escrow.State.REFUNDING and is_pending
        return self.cents if self.escrow in HOLDING or is_waiting else 0

    def ask(self, event: bounty.Event, role: Role, **known: Any) -> None:
        is_funded = not self.cents or self.escrow is escrow.State.HELD
        decision = self.decide(event, role, is_funded=is_funded, **known)
        for effect in decision.effects:
            self._tell(effect)
        self.keep(decision)

    def _tell(self, effect: Any) -> None:
        """Hand an effect of the bounty on to its escrow."""
        events, verdicts = escrow.Event, escrow.Verdict
        match effect:
            case bounty.Effect.HOLD_ESCROW:
                is_card = self.escrow_facts.is_card
                self.fund(events.FUND_CARD if is_card else events.FUND_WALLET)
            case bounty.Effect.RELEASE_ESCROW:
                self._settle(events.RELEASE, verdicts.HUNTER)
            case bounty.Effect.REFUND_ESCROW if self.escrow is not escrow.State.NONE:
                self._settle(events.REFUND, verdicts.POSTER)
            case bounty.Effect.SPLIT_ESCROW:
                self._settle(events.REFUND, verdicts.SPLIT)
            case bounty.Effect.FREEZE_ESCROW:
                self.follow(events.DISPUTE_OPEN, Role.SYSTEM)
            case bounty.Effect.THAW_ESCROW:
                self.follow(events.DISPUTE_CLOSED, Role.SYSTEM)

    def fund(self, event: escrow.Event) -> None:
        has_funds = self.book.free_cents(available(POSTER)) >= self.cents
        self.follow(event, Role.POSTER, has_funds=has_funds)

    def settle_again(self) -> None:
        """What was refused or came back is done once more, by people who have looked at it."""
        if self.escrow is not escrow.State.HELD or self.state not in ENDED:
            return
        if self.state is bounty.Status.COMPLETED:
            self._settle(escrow.Event.RELEASE, escrow.Verdict.HUNTER)
        else:
            self._settle(escrow.Event.REFUND, escrow.Verdict.POSTER)

    def _settle(self, event: escrow.Event, verdict: escrow.Verdict) -> None:
        is_judged = self.escrow is escrow.State.FROZEN
        self.follow(
            escrow.Event.DISPUTE_DECIDED if is_judged else event,
            Role.SYSTEM,
            verdict=verdict,
            is_part=verdict is escrow.Verdict.SPLIT,
        )

    def hear(self, word: Word, *, is_known: bool) -> bool:
        about = {"intent": self._known(word.about)} if word.about.startswith("pi_") else {}
        # The outcome of an old call says nothing about the present one.
        is_stale = word.about.startswith("call_") and word.about != f"call_{self.calls}"
        failed = escrow.Event.REFUND_FAILED
        if is_stale and word.event is not failed:
            return True
        decision = self.follow(word.event, Role.PROVIDER, is_known=is_known or is_stale, **about)
        return decision.outcome is not Outcome.POSTPONE

    def _known(self, intent: str) -> escrow.Intent:
        if intent in self.posted:
            return escrow.Intent.POSTED
        is_earlier = int(intent.rpartition("_")[2]) < self.round
        return escrow.Intent.STRAY if is_earlier else escrow.Intent.CURRENT

    def follow(self, event: escrow.Event, role: Role, **known: Any) -> Decision[Any, Any]:
        facts = msgspec.structs.replace(self.escrow_facts, **known)
        decision = ESCROW.decide(self.escrow, event, role, facts)
        if decision.outcome is not Outcome.MOVE:
            return decision
        for effect in decision.effects:
            self._carry_out(effect, facts)
        pending = self.settled is not None and self.settled.phase is Phase.PENDING
        if decision.state is escrow.State.REFUNDED and pending:
            self.settled = post(self.settled)
            self.book.apply(self.settled)
        if decision.state is escrow.State.RELEASED and facts.is_card:
            self._transferred()
        self.escrow = decision.state
        self.escrow_facts = msgspec.structs.replace(
            decision.facts, intent=escrow.Intent.CURRENT, is_known=False, is_part=False
        )
        if not facts.is_card and self.escrow in {escrow.State.RELEASING, escrow.State.REFUNDING}:
            self.follow(escrow.Event.SETTLED, Role.SYSTEM)
        return decision

    def _carry_out(self, effect: Any, facts: escrow.Facts) -> None:
        about = {"bounty_id": self.name, "amount_cents": self.cents}
        match effect:
            case escrow.Effect.POST_HOLD:
                self.round += 1
                held = wallets.escrow_held(poster_id=POSTER, funding_round=self.round, **about)
                self.book.apply(held)
            case escrow.Effect.MAKE_INTENT:
                self.round += 1
                self._intent_made()
            case escrow.Effect.POST_FUNDED:
                self.posted.add(self.intent)
                self.book.apply(wallets.escrow_funded_by_card(funding_round=self.round, **about))
            case escrow.Effect.POST_FREEZE:
                self.disputes += 1
                self.book.apply(wallets.dispute_opened(dispute_id=self._dispute, **about))
            case escrow.Effect.POST_THAW:
                self.book.apply(wallets.dispute_closed(dispute_id=self._dispute, **about))
            case escrow.Effect.POST_RELEASE | escrow.Effect.POST_REFUND | escrow.Effect.POST_SPLIT:
                self.settled = self._settlement(effect, facts, about)
                self.book.apply(self.settled)
            case escrow.Effect.REVERSE_POSTING:
                assert self.settled is not None
                is_pending = self.settled.phase is Phase.PENDING
                self.book.apply(void(self.settled) if is_pending else reversal(self.settled))
                self.settled = None
                # The key of a settlement is used once: the same escrow begins a new round.
                self.round += 1
            case escrow.Effect.MAKE_REFUND | escrow.Effect.MAKE_TRANSFER:
                self._called(effect, facts)
            case escrow.Effect.REPLAY_STEP:
                self._answer()

    def _transferred(self) -> None:
        """Rule 11: the price, less the fee, is on the hunter's connected account."""
        name = f"w_{self.name}_{self.round}"
        self.book.apply(
            payouts.transfer_created(
                transfer_id=f"tr_{name}",
                withdrawal_id=name,
                stripe_account_id="acct_hunter",
                amount_cents=fees.release(self.cents, FEE_BPS).hunter_cents,
            )
        )

    @property
    def _dispute(self) -> str:
        return f"{self.name}_{self.disputes}"

    def _intent_made(self) -> None:
        events = escrow.Event
        fate, _ = self.network.fate(
            self.intent, events.PI_SUCCEEDED, events.PI_SUCCEEDED, events.PI_FAILED
        )
        if fate is events.PI_SUCCEEDED:
            self.network.take(self.intent, self.cents)
        self.network.say(self, fate, self.intent)

    def _settlement(self, effect: Any, facts: escrow.Facts, about: dict[str, Any]) -> Transfer:
        about = about | {"funding_round": self.round}
        match effect:
            case escrow.Effect.POST_RELEASE if facts.is_card:
                return wallets.escrow_released_to_connect(
                    withdrawal_id=f"w_{self.name}_{self.round}", fee_bps=FEE_BPS, **about
                )
            case escrow.Effect.POST_RELEASE:
                return wallets.escrow_released(hunter_id=HUNTER, fee_bps=FEE_BPS, **about)
            case escrow.Effect.POST_REFUND if facts.is_card:
                return wallets.escrow_refund_requested(**about)
            case escrow.Effect.POST_REFUND:
                return wallets.escrow_refunded(poster_id=POSTER, **about)
        parts = fees.by_percentage(self.cents, refund_bps=5_000, fee_bps=FEE_BPS)
        return wallets.escrow_settled(
            bounty_id=self.name,
            poster_id=POSTER,
            hunter_id=HUNTER,
            parts=parts,
            funding_round=self.round,
        )

    def _called(self, effect: Any, facts: escrow.Facts) -> None:
        """Ask the provider to move money; parts that are in wallets are not asked back."""
        if self.settled is not None and self.settled.kind is Kind.SETTLEMENT:
            if effect is escrow.Effect.MAKE_REFUND:
                self.calls += 1
                self.network.fates[f"{self.name}_call_{self.calls}"] = "settled"
                self._answer()
            return
        self.calls += 1
        is_refund = effect is escrow.Effect.MAKE_REFUND
        fates = ("settled", "settled", "refused", "failed later" if is_refund else "refused")
        fate, _ = self.network.fate(f"{self.name}_call_{self.calls}", *fates)
        if fate == "settled":
            self.network.cents -= (
                self.cents if is_refund else fees.release(self.cents, FEE_BPS).hunter_cents
            )
        if self.network.dice.below(3) == 0:
            self.network.say(self, escrow.Event.UNKNOWN, f"call_{self.calls}")
        else:
            self._answer()

    def _answer(self) -> None:
        """Say what became of the last call; asked again, the provider says the same."""
        about = f"call_{self.calls}"
        fate = self.network.fates[f"{self.name}_{about}"]
        refused = escrow.Event.REFUSED
        self.network.say(self, refused if fate == "refused" else escrow.Event.SETTLED, about)
        if fate == "failed later":
            self.network.say(self, escrow.Event.REFUND_FAILED, about)
