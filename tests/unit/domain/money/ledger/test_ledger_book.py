"""The book: repeats, refusals, freezes, debts and holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import (
    STRIPE,
    WITHHELD,
    available,
    debt,
    held,
    in_flight,
)
from bountyexpo.domain.money.ledger.book import Book
from bountyexpo.domain.money.ledger.holds import Hold, HoldKind, HoldStatus
from bountyexpo.domain.money.ledger.transfers import (
    Kind,
    pending,
)
from bountyexpo.errors import (
    AccountOverdrawn,
    Conflict,
    IdempotencyConflict,
    InsufficientBalance,
    NotAllowed,
)

from tests.unit.domain.money.ledger.ledger_stage import anna, deposit, hold

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def book() -> Book:
    return anna()


def test_an_event_is_booked_once(book: Book) -> None:
    assert book.apply(deposit(10_000)) == []
    assert book.cents(available("anna")) == 10_000
    assert book.cents(STRIPE) == -10_000


def test_another_event_cannot_take_a_used_key(book: Book) -> None:
    for cents in range(1, 20):
        with pytest.raises(IdempotencyConflict):
            book.apply(deposit(cents))
    with pytest.raises(IdempotencyConflict):
        book.apply(deposit(10_000, user="ben"))


def test_a_settlement_with_another_fee_is_another_event(book: Book) -> None:
    book.apply(hold(10_000))
    facts = {"bounty_id": "b", "hunter_id": "ben", "amount_cents": 10_000}
    book.apply(wallets.escrow_released(fee_bps=500, **facts))

    with pytest.raises(IdempotencyConflict):
        book.apply(wallets.escrow_released(fee_bps=0, **facts))


def test_a_repeated_reserve_is_known_although_the_balance_has_changed(book: Book) -> None:
    facts = {"reserve_id": "r", "user_id": "anna", "amount_cents": 10_000}
    book.apply(chargebacks.reserve_set(available_cents=10_000, **facts))

    assert book.apply(chargebacks.reserve_set(available_cents=0, **facts)) == []


def test_a_repeated_card_refund_is_known_although_the_balance_has_changed(book: Book) -> None:
    first = chargebacks.deposit_refunded(
        refund_id="re", user_id="anna", amount_cents=12_000, available_cents=10_000
    )
    book.apply(first)
    book.apply(deposit(9_000, intent="pi_2"))
    again = chargebacks.deposit_refunded(
        refund_id="re", user_id="anna", amount_cents=12_000, available_cents=7_000
    )
    other = chargebacks.deposit_refunded(
        refund_id="re", user_id="ben", amount_cents=12_000, available_cents=0
    )

    assert first.postings != again.postings
    assert book.apply(again) == []
    with pytest.raises(IdempotencyConflict):
        book.apply(other)


def test_nobody_spends_more_than_he_has(book: Book) -> None:
    with pytest.raises(InsufficientBalance) as refusal:
        book.apply(hold(10_001))

    assert refusal.value.fields == {"required": 100.01, "available": 100.0}
    assert book.apply(hold(10_000))
    assert book.cents(available("anna")) == 0


def test_an_account_of_the_platform_is_not_overdrawn_either(book: Book) -> None:
    with pytest.raises(AccountOverdrawn):
        book.apply(
            payouts.payout_paid(
                payout_id="po", withdrawal_id="w", stripe_account_id="acct", amount_cents=1
            )
        )
    with pytest.raises(AccountOverdrawn):
        book.apply(chargebacks.chargeback_funds_reinstated(chargeback_id="dp", amount_cents=1))


def test_what_stripe_says_of_our_balance_is_booked_even_below_nothing(book: Book) -> None:
    book.apply(chargebacks.chargeback_funds_withdrawn(chargeback_id="dp", amount_cents=15_000))

    assert book.cents(STRIPE) == 5_000
    assert book.cents(WITHHELD) == -15_000


def test_all_or_none_of_several_transfers_are_booked(book: Book) -> None:
    before = dict(book.balances)

    with pytest.raises(InsufficientBalance):
        book.apply_all((deposit(1, intent="pi_2"), hold(99_999)))

    assert book.balances == before
    assert "deposit:pi_2" not in book.transfers


def test_income_pays_a_debt_at_once(book: Book) -> None:
    book.apply(
        chargebacks.deposit_refunded(
            refund_id="re", user_id="anna", amount_cents=13_000, available_cents=10_000
        )
    )
    assert book.cents(debt("anna")) == -3_000

    written = book.apply(deposit(2_000, intent="pi_2"))

    assert [transfer.kind for transfer in written] == [Kind.DEPOSIT, Kind.DEBT_RECOVERY]
    assert written[1].business_key == "recover:deposit:pi_2:anna"
    assert written[1].reference_id == "deposit:pi_2"
    assert (book.cents(debt("anna")), book.cents(available("anna"))) == (-1_000, 0)
    book.apply(deposit(2_000, intent="pi_3"))
    assert (book.cents(debt("anna")), book.cents(available("anna"))) == (0, 1_000)


def test_a_debt_of_a_cent_is_paid(book: Book) -> None:
    book.apply(
        chargebacks.deposit_refunded(
            refund_id="re", user_id="anna", amount_cents=10_001, available_cents=10_000
        )
    )
    book.apply(deposit(1, intent="pi_2"))

    assert (book.cents(debt("anna")), book.cents(available("anna"))) == (0, 0)


def test_a_payment_for_work_pays_a_debt_too(book: Book) -> None:
    book.apply(
        chargebacks.deposit_refunded(
            refund_id="re", user_id="ben", amount_cents=500, available_cents=0
        )
    )
    book.apply(hold(10_000))
    book.apply(
        wallets.escrow_released(bounty_id="b", hunter_id="ben", amount_cents=10_000, fee_bps=500)
    )

    assert (book.cents(debt("ben")), book.cents(available("ben"))) == (0, 9_000)


def test_a_lost_chargeback_takes_later_income_at_once(book: Book) -> None:
    book.apply(hold(10_000))
    opened = chargebacks.chargeback_opened(
        chargeback_id="dp", user_id="anna", amount_cents=10_000, available_cents=0
    )
    book.apply(opened)
    assert opened.postings == ()
    book.apply(chargebacks.chargeback_funds_withdrawn(chargeback_id="dp", amount_cents=10_000))
    book.apply(deposit(4_000, intent="pi_2"))
    # Told again when there is money: the event was booked, and nothing more is held.
    again = chargebacks.chargeback_opened(
        chargeback_id="dp", user_id="anna", amount_cents=10_000, available_cents=4_000
    )
    assert book.apply(again) == []

    book.apply(chargebacks.chargeback_lost(hold=book.holds[HoldKind.CHARGEBACK, "dp"]))

    assert (book.cents(debt("anna")), book.cents(available("anna"))) == (-6_000, 0)


def test_a_loss_that_is_told_before_the_withdrawal_waits(book: Book) -> None:
    opened = chargebacks.chargeback_opened(
        chargeback_id="dp", user_id="anna", amount_cents=10_000, available_cents=10_000
    )
    book.apply(opened)
    assert opened.hold is not None
    lost = chargebacks.chargeback_lost(hold=opened.hold)
    with pytest.raises(AccountOverdrawn):
        book.apply(lost)

    book.apply(chargebacks.chargeback_funds_withdrawn(chargeback_id="dp", amount_cents=10_000))

    assert book.apply(lost)
    assert book.cents(held("anna")) == 0
    assert book.imbalance_cents == 0


def test_a_frozen_wallet_is_not_spent_and_still_earns(book: Book) -> None:
    book.freeze("anna")

    for spending in (
        hold(1),
        pending(hold(1)),
        payouts.withdrawal_requested(withdrawal_id="w", user_id="anna", amount_cents=1),
        payouts.instant_fee_charged(withdrawal_id="w", user_id="anna", fee_cents=1),
    ):
        with pytest.raises(NotAllowed) as refusal:
            book.apply(spending)
        assert refusal.value.error_code == "balance_frozen"
    assert book.apply(deposit(1, intent="pi_2"))
    assert book.cents(in_flight("w")) == 0

    book.freeze("anna", frozen=False)
    assert book.apply(hold(1))


def test_what_the_law_names_is_taken_from_a_frozen_wallet(book: Book) -> None:
    book.freeze("anna")
    for taken in (
        chargebacks.chargeback_opened(
            chargeback_id="dp", user_id="anna", amount_cents=10, available_cents=10
        ),
        chargebacks.deposit_refunded(
            refund_id="re", user_id="anna", amount_cents=10, available_cents=10
        ),
        chargebacks.reserve_set(
            reserve_id="r", user_id="anna", amount_cents=10, available_cents=10
        ),
        wallets.balance_adjusted(request_id="a", user_id="anna", amount_cents=-10),
    ):
        assert book.apply(taken)

    assert book.cents(available("anna")) == 9_960
    assert book.balances[available("anna")].is_frozen


def test_a_wallet_can_be_frozen_before_it_has_money() -> None:
    book = Book()
    book.freeze("carl")
    book.apply(deposit(5, user="carl"))

    with pytest.raises(NotAllowed):
        book.apply(payouts.withdrawal_requested(withdrawal_id="w", user_id="carl", amount_cents=5))


def test_a_hold_ends_once(book: Book) -> None:
    reserve = chargebacks.reserve_set(
        reserve_id="r", user_id="anna", amount_cents=20_000, available_cents=10_000
    )
    book.apply(reserve)
    found = book.holds[HoldKind.RISK_RESERVE, "r"]
    assert (found.amount_cents, found.wanted_cents, found.active_cents) == (10_000, 20_000, 10_000)

    book.apply(chargebacks.reserve_released(hold=found))

    ended = book.holds[found.key]
    assert ended.status is HoldStatus.RELEASED
    assert ended.active_cents == 0
    assert book.apply(chargebacks.reserve_released(hold=ended)) == []
    assert book.cents(available("anna")) == 10_000


def test_a_won_chargeback_is_not_lost_afterwards(book: Book) -> None:
    opened = chargebacks.chargeback_opened(
        chargeback_id="dp", user_id="anna", amount_cents=100, available_cents=0
    )
    assert opened.hold is not None
    book.apply(opened)
    book.apply(chargebacks.chargeback_funds_withdrawn(chargeback_id="dp", amount_cents=100))
    book.apply(chargebacks.chargeback_won(hold=opened.hold))

    with pytest.raises(Conflict) as refusal:
        chargebacks.chargeback_lost(hold=book.holds[opened.hold.key])
    assert refusal.value.error_code == "hold_ended"
    assert refusal.value.fields == {"currentStatus": "released"}
    # With an old picture of the hold the book refuses it.
    with pytest.raises(Conflict):
        book.apply(chargebacks.chargeback_lost(hold=opened.hold))


def test_a_hold_that_was_never_placed_does_not_end(book: Book) -> None:
    ghost = Hold(
        kind=HoldKind.RISK_RESERVE,
        reference_id="r",
        user_id="anna",
        wanted_cents=5,
        amount_cents=0,
    )

    with pytest.raises(Conflict):
        book.apply(chargebacks.reserve_released(hold=ghost))


def test_a_second_hold_for_one_reason_is_a_defect(book: Book) -> None:
    reserve = chargebacks.reserve_set(
        reserve_id="r", user_id="anna", amount_cents=5, available_cents=5
    )
    book.apply(reserve)

    with pytest.raises(AssertionError):
        book.apply(msgspec.structs.replace(reserve, business_key="reserve:other"))


def test_a_hold_expires_when_its_time_is_over() -> None:
    reserve = chargebacks.reserve_set(
        reserve_id="r", user_id="anna", amount_cents=5, available_cents=5, expires_at=NOW
    ).hold
    assert reserve is not None

    assert not reserve.is_expired(NOW - timedelta(seconds=1))
    assert reserve.is_expired(NOW)
    assert reserve.is_expired(NOW + timedelta(days=1))
    assert not reserve.released().is_expired(NOW)
    assert not reserve.consumed().is_expired(NOW)
    assert not msgspec.structs.replace(reserve, expires_at=None).is_expired(NOW)


def test_a_hold_never_takes_what_is_not_there() -> None:
    transfer = chargebacks.reserve_set(
        reserve_id="r", user_id="anna", amount_cents=5, available_cents=-7
    )

    assert transfer.hold is not None
    assert transfer.hold.amount_cents == 0
    assert transfer.users == ("anna",)
    refund = chargebacks.deposit_refunded(
        refund_id="re", user_id="anna", amount_cents=5, available_cents=-7
    )
    assert [line.account for line in refund.postings] == [STRIPE, debt("anna")]
