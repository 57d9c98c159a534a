"""Transfers that wait, end, and are taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import (
    STRIPE,
    Account,
    available,
    escrow,
)
from bountyexpo.domain.money.ledger.book import Balance, Book
from bountyexpo.domain.money.ledger.transfers import (
    Kind,
    Phase,
    Posting,
    Transfer,
    entry,
    expire,
    pending,
    post,
    reversal,
    void,
)
from bountyexpo.errors import (
    AccountOverdrawn,
    Conflict,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
)

from tests.unit.domain.money.ledger.ledger_stage import anna, deposit, hold

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def book() -> Book:
    return anna()


@pytest.fixture
def asked(book: Book) -> Transfer:
    """A refund of $40.00 to a card, reserved."""
    book.apply(wallets.escrow_funded_by_card(bounty_id="b", amount_cents=4_000))
    found = wallets.escrow_refund_requested(bounty_id="b", amount_cents=4_000, expires_at=NOW)
    book.apply(found)
    return found


def test_a_reservation_moves_nothing_and_keeps_others_off(book: Book, asked: Transfer) -> None:
    assert book.cents(escrow("b")) == 4_000
    assert book.free_cents(escrow("b")) == 0
    assert book.balances[escrow("b")].reserved_cents == 4_000
    with pytest.raises(AccountOverdrawn):
        book.apply(wallets.dispute_opened(dispute_id="d", bounty_id="b", amount_cents=1))


def test_a_reservation_of_more_than_there_is_is_refused(book: Book) -> None:
    with pytest.raises(InsufficientBalance):
        book.apply(pending(hold(10_001)))


def test_a_posted_reservation_moves_the_money(book: Book, asked: Transfer) -> None:
    book.apply(post(asked))

    assert book.balances[escrow("b")] == Balance(0, 0)
    assert book.apply(post(asked)) == []


@pytest.mark.parametrize("end", [void, lambda asked: expire(asked, NOW)], ids=["void", "expire"])
def test_a_reservation_that_was_given_up_is_free_again(
    book: Book, asked: Transfer, end: object
) -> None:
    assert callable(end)
    book.apply(end(asked))

    assert book.balances[escrow("b")] == Balance(4_000, 0)
    assert book.apply(end(asked)) == []
    with pytest.raises(Conflict) as refusal:
        book.apply(post(asked))
    assert refusal.value.error_code == "already_ended"


def test_a_part_of_a_reservation_gives_the_rest_back(book: Book, asked: Transfer) -> None:
    book.apply(post(asked, 1_500))

    assert book.balances[escrow("b")] == Balance(2_500, 0)
    assert post(asked, 4_000) == post(asked)


@pytest.mark.parametrize("cents", [0, 4_001])
def test_only_a_part_of_a_reservation_can_be_posted(asked: Transfer, cents: int) -> None:
    with pytest.raises(InvalidRequest):
        post(asked, cents)


def test_a_reservation_of_many_lines_has_no_parts() -> None:
    release = wallets.escrow_released(bounty_id="b", hunter_id="h", amount_cents=100, fee_bps=500)

    with pytest.raises(InvalidRequest) as refusal:
        post(pending(release), 50)

    assert refusal.value.error_code == "invalid_part"
    nothing = msgspec.structs.replace(hold(100), postings=())
    with pytest.raises(InvalidRequest):
        post(pending(nothing), 50)


def test_only_what_leaves_an_account_that_must_not_be_overdrawn_is_reserved() -> None:
    release = wallets.escrow_released(bounty_id="b", hunter_id="h", amount_cents=100, fee_bps=500)

    assert release.outflows == {escrow("b"): 100}
    assert hold(1).outflows == {available("anna"): 1}
    assert deposit(100).outflows == {}


def test_a_reservation_ends_by_time_only_when_it_is_over(asked: Transfer) -> None:
    with pytest.raises(Conflict) as refusal:
        expire(asked, NOW - timedelta(seconds=1))
    assert refusal.value.error_code == "not_expired"
    with pytest.raises(Conflict):
        expire(pending(hold(1)), NOW)
    assert expire(asked, NOW).phase is Phase.EXPIRED
    assert expire(asked, NOW + timedelta(days=1)).phase is Phase.EXPIRED


def test_only_a_pending_transfer_ends(book: Book) -> None:
    for end in (void, post):
        with pytest.raises(AssertionError):
            end(hold(1))
    with pytest.raises(AssertionError):
        pending(pending(hold(1)))


def test_an_end_that_comes_first_can_come_again(book: Book) -> None:
    book.apply(wallets.escrow_funded_by_card(bounty_id="b", amount_cents=4_000))
    asked = wallets.escrow_refund_requested(bounty_id="b", amount_cents=4_000)
    with pytest.raises(NotFound):
        book.apply(post(asked))

    book.apply(asked)

    assert book.apply(post(asked))


@pytest.mark.parametrize(
    "lines",
    [
        ((escrow("b"), 1), (STRIPE, -1)),
        ((escrow("b"), -4_001), (STRIPE, 4_001)),
        ((escrow("b"), -1), (available("anna"), 1)),
        ((available("anna"), -1), (STRIPE, 1)),
    ],
    ids=["the other way", "more", "to somebody else", "from somebody else"],
)
def test_a_reservation_cannot_be_ended_as_something_else(
    book: Book, asked: Transfer, lines: tuple[tuple[Account, int], ...]
) -> None:
    stranger = msgspec.structs.replace(
        post(asked), postings=tuple(Posting(account, cents) for account, cents in lines)
    )
    with pytest.raises(Conflict) as refusal:
        book.apply(stranger)
    assert refusal.value.error_code == "not_reserved"


def test_what_was_never_pending_does_not_end(book: Book) -> None:
    end = msgspec.structs.replace(void(pending(hold(1))), pending_key="deposit:pi_1")

    with pytest.raises(Conflict):
        book.apply(end)


def test_a_transfer_is_taken_back_once(book: Book) -> None:
    fee = payouts.instant_fee_charged(withdrawal_id="w", user_id="anna", fee_cents=50)
    book.apply(fee)

    assert book.apply(reversal(fee))[0].kind is Kind.REVERSAL
    assert book.apply(reversal(fee)) == []
    assert book.cents(available("anna")) == 10_000
    other = msgspec.structs.replace(reversal(fee), business_key="reverse:again")
    with pytest.raises(Conflict) as refusal:
        book.apply(other)
    assert refusal.value.error_code == "already_reversed"


def test_another_reversal_of_the_same_event_is_another_event(book: Book) -> None:
    book.apply(reversal(deposit(10_000)))

    with pytest.raises(IdempotencyConflict):
        book.apply(msgspec.structs.replace(reversal(deposit(9_999)), amount_cents=10_000))


def test_only_what_was_booked_is_taken_back(book: Book, asked: Transfer) -> None:
    with pytest.raises(NotFound):
        book.apply(reversal(deposit(1, intent="pi_2")))
    with pytest.raises(Conflict) as refusal:
        book.apply(reversal(deposit(9_999)))
    assert refusal.value.error_code == "not_what_was_booked"
    with pytest.raises(Conflict):
        book.apply(reversal(msgspec.structs.replace(asked, phase=Phase.POSTED)))


def test_a_reservation_and_a_hold_are_not_reversed(asked: Transfer) -> None:
    reserve = chargebacks.reserve_set(
        reserve_id="r", user_id="anna", amount_cents=1, available_cents=1
    )
    for transfer in (asked, reserve):
        with pytest.raises(AssertionError):
            reversal(transfer)


@pytest.mark.parametrize(
    "postings",
    [
        ((STRIPE, 1),),
        ((STRIPE, 1), (available("anna"), 1)),
        ((STRIPE, -1), (available("anna"), -1)),
        ((STRIPE, 0), (available("anna"), 0)),
        ((STRIPE, 1), (STRIPE, -1)),
    ],
    ids=["one line", "a sum", "a negative sum", "zeros", "one account twice"],
)
def test_an_unbalanced_transfer_is_a_defect(postings: tuple[tuple[Account, int], ...]) -> None:
    with pytest.raises(AssertionError):
        msgspec.structs.replace(
            hold(1),
            postings=tuple(Posting(account, cents) for account, cents in postings),
        )


def test_lines_of_zero_are_left_out() -> None:
    released = wallets.escrow_released(bounty_id="b", hunter_id="h", amount_cents=9, fee_bps=0)

    assert len(released.postings) == 2
    made = entry(Kind.RELEASE, "k", ("bounty", "b"), 9, (STRIPE, 0), (escrow("b"), 0))
    assert made.postings == ()
