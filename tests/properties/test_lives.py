"""Random lives of bounties with money: hundreds of steps with everything that networks do."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from bountyexpo.domain.machine import Role
from bountyexpo.domain.market import bounty
from bountyexpo.domain.market.application import Status as ApplicationStatus
from bountyexpo.domain.money import escrow, payment, withdrawal
from bountyexpo.domain.money.ledger.accounts import RULES, STRIPE, Sign, available, escrow_frozen
from bountyexpo.domain.money.ledger.book import Book
from bountyexpo.errors import BountyExpoError
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.lives import HUNTER, Deposit, Withdrawal
from tests.properties.lives_bounty import ENDED, BountyLife
from tests.properties.network import Dice, Network
from tests.repetition import tried
from tests.unit.domain.machines import BOUNTY, values_of

if TYPE_CHECKING:
    from collections.abc import Callable

# What the caller brings along; everything else a bounty remembers itself.
PER_CALL = ("application", "is_requester", "stage", "wanted", "is_expired")
# Three of four steps are what people do on most days: otherwise most bounties end at once.
USUAL = {
    bounty.Status.OPEN: (
        bounty.Event.APPLY,
        bounty.Event.ACCEPT,
        bounty.Event.ACCEPT,
        bounty.Event.WITHDRAW_APPLICATION,
    ),
    bounty.Status.IN_PROGRESS: (
        bounty.Event.SUBMIT,
        bounty.Event.SUBMIT,
        bounty.Event.REQUEST_REVISION,
        bounty.Event.APPROVE,
        bounty.Event.CANCEL,
        bounty.Event.DISPUTE,
        bounty.Event.CLOSE_DISPUTE,
        bounty.Event.RESOLVE_HUNTER,
        bounty.Event.RESOLVE_SPLIT,
    ),
    bounty.Status.CANCELLATION_REQUESTED: (
        bounty.Event.CANCEL_ACCEPT,
        bounty.Event.CANCEL_REJECT,
        bounty.Event.CANCEL_WITHDRAW,
        bounty.Event.DISPUTE,
    ),
}
AS_USUAL = {"application": ApplicationStatus.PENDING, "wanted": None, "is_expired": False}
STAGES = {
    bounty.Status.CANCELLATION_REQUESTED: bounty.Stage.CANCELLATION,
    bounty.Status.IN_PROGRESS: bounty.Stage.REVIEW_VERIFY,
}
DEPOSITED = {payment.PaymentStatus.CREDITED, *payment.ENDED}
FLYING = {
    withdrawal.Status.REQUESTED,
    withdrawal.Status.TRANSFERRED,
    withdrawal.Status.PAYOUT_PENDING,
    withdrawal.Status.REVERSING,
}


class Market:
    """A poster, a hunter, and all that they and the network between them can do."""

    def __init__(self, dice: Dice) -> None:
        self.dice, self.book = dice, Book()
        self.network = Network(dice)
        self.deposits: list[Deposit] = []
        self.bounties: list[BountyLife] = []
        self.withdrawals: list[Withdrawal] = []
        self.last: Callable[[], None] = self.deposit
        self.steps = self.repeats = self.words = 0

    def step(self) -> None:
        """Do one thing, or the last one again; what is refused has not happened."""
        self.steps += 1
        match self.dice.below(16):
            case 0:
                self.last = self.go_on_with_a_deposit()
            case 1 | 2 | 3 | 4 | 5 | 6:
                self.last = self.command()
            case 7:
                self.last = self.withdraw()
            case 8:
                self.repeats += 1
            case 9 if self.network.heard:
                place = self.dice.below(len(self.network.heard))
                self.words += 1
                self.network.deliver_again(place)
                return
            case _ if self.network.mail:
                self.words += 1
                self.network.deliver(self.dice.below(len(self.network.mail)))
                return
        self.attempt(self.last)

    def attempt(self, deed: Callable[[], None]) -> None:
        """Do it wholly or not at all."""
        lives = [*self.deposits, *self.bounties, *self.withdrawals]
        before = [(life, dict(life.__dict__)) for life in (*lives, self.network)]
        kept = dict(self.book.__dict__)
        mail, fates = list(self.network.mail), dict(self.network.fates)
        try:
            deed()
        except BountyExpoError:
            for life, known in before:
                life.__dict__.update(known)
            self.book.__dict__.update(kept)
            self.network.mail, self.network.fates = mail, fates

    def deposit(self) -> None:
        life = Deposit(f"d{len(self.deposits)}", self.book, self.network)
        life.ask(payment.Event.CREATE)
        self.deposits.append(life)

    def go_on_with_a_deposit(self) -> Callable[[], None]:
        alive = [one for one in self.deposits if one.state not in DEPOSITED]
        if not self.deposits or (not alive and len(self.deposits) < 20):
            return self.deposit
        life, events = self.dice.pick(alive or self.deposits), payment.Event
        confirm = (events.CONFIRM,) * 6 + (events.CANCEL,)
        event = self.dice.pick((events.CREATE, *confirm, events.GIVE_UP, events.RESUME))
        is_timer = event in {events.GIVE_UP, events.RESUME}
        return lambda: life.ask(event, Role.TIMER if is_timer else Role.OWNER)

    def command(self) -> Callable[[], None]:
        active = [one for one in self.bounties if one.state not in ENDED]
        if len(active) < 2 or (len(active) < 5 and self.dice.below(8) == 0):
            cents, is_card = self.dice.pick((0, 10_000, 12_345)), self.dice.below(2) == 1
            return lambda: self.post(cents, is_card=is_card and cents > 0)
        # One that has ended is told something now and then, too.
        life = self.dice.pick(self.bounties if self.dice.below(8) == 0 else active)
        if life.escrow is escrow.State.NONE and life.cents and life.state not in ENDED:
            return lambda: life.fund(escrow.Event.FUND_CARD)
        is_usual = self.dice.below(4) > 0
        events = USUAL.get(life.state, ()) if is_usual else ()
        found = [
            (event, role)
            for event in events or BOUNTY.events
            for role in BOUNTY.roles
            if BOUNTY.rules_for(life.state, event, role)
        ]
        event, role = self.dice.pick(found)
        if is_usual:
            is_requester = event is BOUNTY.events.CANCEL_WITHDRAW
            known = {
                **AS_USUAL,
                "stage": STAGES.get(life.state, bounty.Stage.IN_PROGRESS),
                "is_requester": is_requester,
            }
        else:
            known = {name: self.dice.pick(values_of(BOUNTY, name)) for name in PER_CALL}
        return lambda: life.ask(event, role, **known)

    def post(self, cents: int, *, is_card: bool) -> None:
        life = BountyLife(
            f"b{len(self.bounties)}", self.book, self.network, cents=cents, is_card=is_card
        )
        life.ask(BOUNTY.events.CREATE, Role.POSTER)
        self.bounties.append(life)

    def withdraw(self) -> Callable[[], None]:
        flying = [life for life in self.withdrawals if life.state in FLYING]
        if flying:
            events = withdrawal.Event
            event, role = self.dice.pick(
                (
                    (events.REPLAY, Role.TIMER),
                    (events.REPLAY, Role.TIMER),
                    (events.REQUEST, Role.OWNER),
                    (events.ADMIN_SETTLE, Role.ADMIN),
                )
            )
            return lambda: flying[0].ask(event, role)
        return self.request

    def request(self) -> None:
        cents = self.book.free_cents(available(HUNTER)) or 1
        life = Withdrawal(f"w{len(self.withdrawals)}", self.book, self.network, cents=cents)
        life.ask(withdrawal.Event.REQUEST, Role.OWNER)
        self.withdrawals.append(life)

    def come_to_rest(self) -> None:
        """Deliver everything and let every timer fire, until nothing is left to happen."""
        for _ in range(60):
            while self.network.mail:
                before = len(self.network.mail)
                for place in range(before):
                    self.network.deliver(min(place, len(self.network.mail) - 1))
                if len(self.network.mail) >= before:
                    break
            for deposit in self.deposits:
                for event in (payment.Event.RESUME, payment.Event.GIVE_UP):
                    deposit.ask(event, Role.TIMER)
            for life in self.withdrawals:
                life.ask(withdrawal.Event.REPLAY, Role.TIMER)
            for one in self.bounties:
                one.follow(escrow.Event.UNKNOWN, Role.TIMER)
                one.settle_again()

    def check(self) -> None:
        assert self.book.imbalance_cents == 0
        for account, balance in self.book.balances.items():
            if RULES[account.kind].sign is Sign.NON_NEGATIVE:
                assert balance.free_cents >= 0, account
        for one in self.bounties:
            assert one.locked_cents == one.expected_cents, (one.name, one.escrow)
            is_frozen = one.escrow is escrow.State.FROZEN
            assert self.book.cents(escrow_frozen(one.name)) == (one.cents if is_frozen else 0)
            assert is_frozen == (one.cents > 0 and one.facts.is_disputed)
        for life in self.withdrawals:
            assert life.flying_cents == (life.cents if life.state in FLYING else 0), life.state

    def check_at_rest(self) -> None:
        self.check()
        assert self.network.mail == []
        for deposit in self.deposits:
            assert deposit.state in DEPOSITED
        booked = {key for key in self.book.transfers if key.startswith("deposit:")}
        ours = {life.intent.rpartition("_")[0] for life in self.deposits}
        paid = {f"deposit:{one}" for one in self.network.paid if one.rpartition("_")[0] in ours}
        assert booked == paid
        for one in self.bounties:
            if one.state in ENDED:
                assert one.locked_cents == 0
                assert one.escrow not in {escrow.State.RELEASING, escrow.State.REFUNDING}
        assert not [life for life in self.withdrawals if life.state in FLYING]
        # What we think that the provider holds for us is what it holds.
        assert -self.book.cents(STRIPE) == self.network.cents


LIVES = st.sampled_from((300, 1_500, 4_000)).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
)


@given(data=LIVES)
@tried(40)
def test_whatever_happens_the_money_is_where_the_rules_say(data: bytes) -> None:
    market = Market(Dice(data))

    while not market.dice.is_out:
        market.step()
        market.check()
    market.come_to_rest()

    market.check_at_rest()


def test_a_long_life_has_hundreds_of_steps_of_every_kind() -> None:
    """Of what the test above is made: without it, lives could become idle unnoticed."""
    market = Market(
        Dice(bytes(sha256(bytes([at % 256, at // 256])).digest()[0] for at in range(8_000)))
    )
    while not market.dice.is_out:
        market.step()
    market.come_to_rest()

    assert market.steps > 400
    assert market.words > 100
    assert market.repeats > 20
    assert {one.escrow for one in market.bounties} >= {
        escrow.State.RELEASED,
        escrow.State.REFUNDED,
    }
    assert len(market.withdrawals) > 1
    assert len(market.book.transfers) > 20
